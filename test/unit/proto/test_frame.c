/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame against its row, for every row and every way to miss it; ring index limits; who owns the fds afterwards.
 * Rules HDR-11, PROT-4, UNK-1, UNK-2, IDX-1, A011, A015..A017, A019, A020, A093, V03, V48, V50, V61.
 */
#include "proto_test.h"

/* fds a message needs, of a kind its check takes */
static void
add_right_fds(struct vh_frame *f, const struct vh_msg_row *r)
{
	int s[2];

	if (r->request == VH_SET_BACKEND_REQ_FD) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		close(s[1]);
		frame_add_fd(f, s[0]);
		return;
	}
	while (f->fds.nr < r->fds_min)
		frame_add_fd(f, eventfd(0, 0));
}

/* A payload every check accepts in an open view: zeros but for numbers with a lower bound. */
static void
good_frame(struct vh_frame *f, const struct vh_msg_row *r)
{
	uint64_t v = 0;

	frame_init(f, r->request, NULL, r->size);
	if (r->request == VH_SET_VRING_NUM)
		v = (uint64_t)256 << 32;
	else if (r->ring_idx8)
		v = VH_VRING_NOFD;
	else if (r->request == VH_NET_SET_MTU)
		v = 1500;
	memcpy(f->payload, &v, sizeof(v));
	add_right_fds(f, r);
}

static void
each_row(void (*check_row)(const struct vh_msg_row *r))
{
	uint32_t request;

	for (request = 0; request < VH_REQUEST_MAX; request++)
		if (vh_msg_row(request) != NULL)
			check_row(vh_msg_row(request));
}

static void
good(const struct vh_msg_row *r)
{
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;

	good_frame(&f, r);
	if (!r->supported) {
		refused_as(&v, &f, VH_V_NOT_OFFERED, r->needs_offered | r->needs_protocol, 0);
		return;
	}
	f.flags |= VH_MSG_NEED_REPLY; /* allowed on everything (V61) */
	assert_int_equal(check(&v, &f, &m, &fault), 0);
	assert_int_equal(fault.code, 0);
	assert_int_equal(m.request, r->request);
	assert_true(m.need_reply);
	assert_int_equal(f.fds.nr, 0);
	vh_msg_release(&m);
	vh_msg_release(&m); /* idempotent */
	good_frame(&f, r);
	assert_int_equal(check(&v, &f, &m, &fault), 0);
	assert_false(m.need_reply);
	vh_msg_release(&m);
}

static void
good_frames(void **state)
{
	each_row(good);
}

static void
wrong_sizes(const struct vh_msg_row *r)
{
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	uint32_t size;

	for (size = 0; size <= VH_MAX_PAYLOAD; size++) {
		bool fits = size == r->size || (size > r->size && r->size_rule == VH_SIZE_MIN);
		int want = !fits ? VH_V_BAD_SIZE : r->supported ? 0 : VH_V_NOT_OFFERED;

		good_frame(&f, r);
		f.size = size;
		assert_int_equal(vh_frame_check(&v, &f, &fault), want);
		if (!fits) {
			assert_int_equal(fault.observed, size);
			assert_int_equal(fault.limit, r->size);
			assert_int_equal(fault.message, r->request);
		}
		vh_frame_release(&f);
	}
}

static void
sizes(void **state)
{
	each_row(wrong_sizes);
}

static void
wrong_fds(const struct vh_msg_row *r)
{
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	unsigned int nr;

	for (nr = 0; nr <= VH_MAX_MSG_FDS; nr++) {
		bool fits = nr >= r->fds_min && nr <= r->fds_max;

		frame_init(&f, r->request, NULL, r->size);
		while (f.fds.nr < nr)
			frame_add_fd(&f, eventfd(0, 0));
		assert_int_equal(vh_frame_check(&v, &f, &fault),
				!fits ? VH_V_FD_COUNT : r->supported ? 0 : VH_V_NOT_OFFERED);
		if (!fits) {
			assert_int_equal(fault.observed, nr);
			assert_int_equal(fault.limit, nr < r->fds_min ? r->fds_min : r->fds_max);
		}
		assert_int_equal(f.fds.nr, nr); /* still the frame's, whose owner closes them */
		vh_frame_release(&f);
	}
}

static void
fd_counts(void **state)
{
	each_row(wrong_fds);
}

static void
without_offer(const struct vh_msg_row *r)
{
	struct vh_view v = open_view();
	struct vh_frame f;

	if (r->needs_offered != 0) {
		v.offered = ~r->needs_offered;
		good_frame(&f, r);
		refused_as(&v, &f, VH_V_NOT_OFFERED, r->needs_offered, 0);
	}
	if (r->needs_protocol != 0) {
		v = open_view();
		v.protocol_offered = ~r->needs_protocol;
		good_frame(&f, r);
		refused_as(&v, &f, VH_V_NOT_OFFERED, r->needs_protocol, 0);
	}
}

/* Offered, not acked, is what counts: nothing is acked in this view, and good_frames() passed with it. */
static void
gates(void **state)
{
	struct vh_view v = open_view();

	assert_int_equal(v.features, 0);
	assert_int_equal(v.protocol, 0);
	each_row(without_offer);
}

static void
nothing_offered_still_works(void **state)
{
	static const uint32_t always[] = { 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 17 };
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;
	unsigned int i;

	v.offered = v.protocol_offered = 0;
	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		good_frame(&f, vh_msg_row(always[i]));
		assert_int_equal(check(&v, &f, &m, &fault), 0);
		vh_msg_release(&m);
	}
}

static void
unknown_numbers(void **state)
{
	static const uint32_t numbers[] = { 0, 23, 33, 34, 35, 36, 37, 38, 41, 42, 43, 44, 45, 63, 64, 65535, 1u << 31,
		UINT32_MAX };
	struct vh_view v = open_view();
	struct vh_frame f;
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		frame_init(&f, numbers[i], NULL, 0);
		while (f.fds.nr < VH_MAX_MSG_FDS)
			frame_add_fd(&f, eventfd(0, 0));
		refused_as(&v, &f, VH_V_UNKNOWN_REQUEST, numbers[i], VH_GET_STATUS);
	}
}

/* An application serves GET_CONFIG by a hook: it must never meet fds it does not expect, nor less than a header. */
static void
before_the_hook(void **state)
{
	struct vh_view v = open_view();
	struct vh_frame f;

	frame_init(&f, VH_GET_CONFIG, NULL, 12 + 60);
	frame_add_fd(&f, eventfd(0, 0));
	refused_as(&v, &f, VH_V_FD_COUNT, 1, 0);
	frame_init(&f, VH_GET_CONFIG, NULL, 11);
	refused_as(&v, &f, VH_V_BAD_SIZE, 11, 12);
	frame_init(&f, VH_SET_CONFIG, NULL, 268); /* long enough for anything: SPDK (V03) */
	refused_as(&v, &f, VH_V_NOT_OFFERED, VH_PF_CONFIG, 0);
	v.protocol_offered = 0;
	frame_init(&f, VH_GET_CONFIG, NULL, 3); /* not offered: a private protocol of the application */
	refused_as(&v, &f, VH_V_NOT_OFFERED, VH_PF_CONFIG, 0);
}

/* Validation alone refuses what frame validation would have refused. */
static void
unsupported_is_never_typed(void **state)
{
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;

	frame_init(&f, VH_IOTLB_MSG, NULL, 32);
	assert_int_equal(vh_msg_check(&v, &f, &m, &fault), VH_V_UNKNOWN_REQUEST);
	frame_init(&f, 77, NULL, 0);
	assert_int_equal(vh_msg_check(&v, &f, &m, &fault), VH_V_UNKNOWN_REQUEST);
}

static void
ring_limits(void **state)
{
	static const uint32_t wide[] = { 8, 9, 10, 11, 18 }, wrong[] = { 256, 257, 65535, 65536, 1u << 31, UINT32_MAX };
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;
	unsigned int i, j;
	uint32_t last = VH_MAX_RINGS - 1;

	for (i = 0; i < 5; i++) {
		const struct vh_msg_row *r = vh_msg_row(wide[i]);

		good_frame(&f, r);
		memcpy(f.payload, &last, sizeof(last));
		assert_int_equal(check(&v, &f, &m, &fault), 0);
		assert_int_equal(m.ring, last);
		for (j = 0; j < 6; j++) {
			good_frame(&f, r);
			memcpy(f.payload, &wrong[j], sizeof(wrong[j]));
			refused_as(&v, &f, VH_V_BAD_INDEX, wrong[j], VH_MAX_RINGS);
		}
	}
	v.max_rings = 4; /* a smaller promise binds the 8-bit indexes too */
	for (i = VH_SET_VRING_KICK; i <= VH_SET_VRING_ERR; i++) {
		good_frame(&f, vh_msg_row(i));
		f.payload[0] = 3;
		assert_int_equal(check(&v, &f, &m, &fault), 0);
		assert_int_equal(m.ring, 3);
		good_frame(&f, vh_msg_row(i));
		f.payload[0] = 4;
		refused_as(&v, &f, VH_V_BAD_INDEX, 4, 4);
	}
}

static void
fault_names_the_ring(void **state)
{
	struct vh_wire_vring_state s = { .index = 5, .num = 0 };
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;

	frame_init(&f, VH_SET_VRING_NUM, &s, sizeof(s));
	assert_int_equal(check(&v, &f, &m, &fault), VH_V_RING_SIZE);
	assert_int_equal(fault.queue, 5);
	s.index = 256;
	frame_init(&f, VH_SET_VRING_NUM, &s, sizeof(s));
	assert_int_equal(check(&v, &f, &m, &fault), VH_V_BAD_INDEX);
	assert_int_equal(fault.queue, VH_NO_QUEUE);
	frame_init(&f, VH_GET_FEATURES, NULL, 4);
	assert_int_equal(check(&v, &f, &m, &fault), VH_V_BAD_SIZE);
	assert_int_equal(fault.queue, VH_NO_QUEUE);
}

/* num of GET_VRING_BASE is whatever lay on the client's stack (V58). */
static void
base_query_ignores_num(void **state)
{
	struct vh_wire_vring_state s = { .index = 1, .num = 0xdeadbeef };
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;

	frame_init(&f, VH_GET_VRING_BASE, &s, sizeof(s));
	assert_int_equal(check(&v, &f, &m, &fault), 0);
	assert_int_equal(m.ring, 1);
}

static void
empty_request_releases_nothing(void **state)
{
	struct vh_msg m;

	memset(&m, 0, sizeof(m));
	vh_msg_release(&m); /* not fd 0 */
	assert_true(fcntl(0, F_GETFD) >= 0 || errno == EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(good_frames), CASE(sizes), CASE(fd_counts), CASE(gates), CASE(nothing_offered_still_works),
		CASE(unknown_numbers), CASE(before_the_hook), CASE(unsupported_is_never_typed), CASE(ring_limits),
		CASE(fault_names_the_ring), CASE(base_query_ignores_num), CASE(empty_request_releases_nothing),
	};

	return cmocka_run_group_tests_name("proto/frame", tests, NULL, NULL);
}
