/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that configure a ring: what is refused, and what must not be because a driver can cause it or a real client
 * sends it. Rules NUM-1..3, ADDR-1, 2, 4, 10, 11, BASE-1..6, KICK-1, 2, CALL-1, ERR-1, ENA-1, 2, FD-7, IDX-2,
 * A086..A090, A094, A099, A105..A109, A111, A115..A119, A125, V05..V09, V21, V59.
 */
#include "proto_test.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

static struct vh_msg
passes(const struct vh_view *v, uint32_t request, const void *payload, uint32_t size)
{
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;

	frame_init(&f, request, payload, size);
	assert_int_equal(check(v, &f, &m, &fault), 0);
	assert_int_equal(m.request, request);
	return m;
}

static void
fails(const struct vh_view *v, uint32_t request, const void *payload, uint32_t size, enum vh_violation code,
		uint64_t observed, uint64_t limit)
{
	struct vh_frame f;

	frame_init(&f, request, payload, size);
	refused_as(v, &f, code, observed, limit);
}

static struct vh_wire_vring_state
ring(uint32_t index, uint32_t num)
{
	return (struct vh_wire_vring_state){ .index = index, .num = num };
}

/* ---- SET_VRING_NUM ---- */

static void
num_any_size(void **state)
{
	struct vh_view v = open_view();
	uint32_t num;

	/* not a power of two included: it parks a split ring, and only when it starts (NUM-2) */
	for (num = 1; num <= VH_MAX_RING_SIZE; num++) {
		struct vh_wire_vring_state s = ring(2, num);
		struct vh_msg m = passes(&v, VH_SET_VRING_NUM, &s, sizeof(s));

		assert_int_equal(m.num, num);
		assert_int_equal(m.ring, 2);
	}
}

static void
num_out_of_range(void **state)
{
	static const uint32_t wrong[] = { 0, 32769, 65535, 65536, 65792, UINT32_MAX };
	struct vh_view v = open_view();
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vh_wire_vring_state s = ring(0, wrong[i]);

		fails(&v, VH_SET_VRING_NUM, &s, sizeof(s), VH_V_RING_SIZE, wrong[i], 32768);
	}
}

static void
num_of_started_ring(void **state)
{
	struct vh_view v = open_view();
	struct vh_wire_vring_state s = ring(1, 256);

	v.ring_started = true;
	v.ring_size = 256;
	assert_int_equal(passes(&v, VH_SET_VRING_NUM, &s, sizeof(s)).num, 256);
	s.num = 512;
	fails(&v, VH_SET_VRING_NUM, &s, sizeof(s), VH_V_RING_BUSY, 512, 256);
}

/* ---- SET_VRING_ADDR ---- */

static struct vh_wire_vring_addr
areas(void)
{
	return (struct vh_wire_vring_addr){ .index = 1, .desc = 0x7f0000001000, .avail = 0x7f0000002000,
		.used = 0x7f0000003000, .log = 0x3000 };
}

static void
addr_fields(void **state)
{
	struct vh_view v = open_view();
	struct vh_wire_vring_addr a = areas();
	struct vh_msg m = passes(&v, VH_SET_VRING_ADDR, &a, sizeof(a));

	assert_int_equal(m.ring, 1);
	assert_int_equal(m.addr.desc.v, 0x7f0000001000);
	assert_int_equal(m.addr.avail.v, 0x7f0000002000);
	assert_int_equal(m.addr.used.v, 0x7f0000003000);
	assert_int_equal(m.addr.log.v, 0x3000);
	assert_false(m.addr.log_used);
	a.flags = 1;
	assert_true(passes(&v, VH_SET_VRING_ADDR, &a, sizeof(a)).addr.log_used);
}

/* Odd, wrapping or foreign addresses are the driver's doing: kept, and the ring does not start (ADDR-4..6, V56). */
static void
addr_any_value(void **state)
{
	static const uint64_t values[] = { 0, 1, 0xfffffffffffff000, UINT64_MAX };
	struct vh_view v = open_view();
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct vh_wire_vring_addr a = { .desc = values[i], .avail = values[i], .used = values[i],
			.log = UINT64_MAX };

		assert_int_equal(passes(&v, VH_SET_VRING_ADDR, &a, sizeof(a)).addr.desc.v, values[i]);
	}
}

static void
addr_flags(void **state)
{
	struct vh_view v = open_view();
	unsigned int bit;

	for (bit = 1; bit < 32; bit++) {
		struct vh_wire_vring_addr a = areas();

		a.flags = 1u << bit | 1;
		fails(&v, VH_SET_VRING_ADDR, &a, sizeof(a), VH_V_ADDR_FLAGS, a.flags, 1);
	}
}

static void
addr_needs_a_table(void **state)
{
	struct vh_view v = open_view();
	struct vh_wire_vring_addr a = areas();

	v.have_mem = false;
	fails(&v, VH_SET_VRING_ADDR, &a, sizeof(a), VH_V_NO_MEMORY, a.desc, 0);
}

static void
addr_of_started_ring(void **state)
{
	struct vh_view v = open_view();
	struct vh_wire_vring_addr a = areas();

	v.ring_started = true;
	v.ring_desc = a.desc;
	v.ring_avail_addr = a.avail;
	v.ring_used = a.used;
	a.flags = 1;  /* migration begins: the flag and the log address may change (V21, V60) */
	a.log = 0x9000;
	assert_true(passes(&v, VH_SET_VRING_ADDR, &a, sizeof(a)).addr.log_used);
	a.desc += 16;
	fails(&v, VH_SET_VRING_ADDR, &a, sizeof(a), VH_V_RING_BUSY, a.desc, v.ring_desc);
	a = areas();
	a.avail += 2;
	fails(&v, VH_SET_VRING_ADDR, &a, sizeof(a), VH_V_RING_BUSY, a.avail, v.ring_avail_addr);
	a = areas();
	a.used += 4;
	fails(&v, VH_SET_VRING_ADDR, &a, sizeof(a), VH_V_RING_BUSY, a.used, v.ring_used);
}

/* ---- SET_VRING_BASE ---- */

static struct vh_msg
base(const struct vh_view *v, uint32_t num)
{
	struct vh_wire_vring_state s = ring(0, num);

	return passes(v, VH_SET_VRING_BASE, &s, sizeof(s));
}

static void
base_split(void **state)
{
	static const uint32_t wrong[] = { 0x10000, 0x80008000, UINT32_MAX };
	struct vh_view v = open_view();
	unsigned int i;

	v.ring_size = 256;
	for (i = 0; i <= UINT16_MAX; i += 257) { /* 0..0xffff: any index is possible (BASE-6) */
		assert_int_equal(base(&v, i).base.avail, i);
		assert_int_equal(base(&v, i).base.used, i);
	}
	for (i = 0; i < 3; i++) {
		struct vh_wire_vring_state s = ring(0, wrong[i]);

		fails(&v, VH_SET_VRING_BASE, &s, sizeof(s), VH_V_RING_BASE, wrong[i], 0xffff);
	}
}

static void
packed_base(uint16_t size, uint32_t num, uint16_t avail, uint16_t used)
{
	struct vh_view v = open_view();
	struct vh_msg m;

	v.features = VH_F_RING_PACKED;
	v.ring_size = size;
	m = base(&v, num);
	assert_int_equal(m.base.avail, avail);
	assert_int_equal(m.base.used, used);
}

static void
base_packed(void **state)
{
	packed_base(256, 0x00008000, 0x8000, 0x8000); /* virtio-user: fresh ring, upper half zero */
	packed_base(256, 0x80008000, 0x8000, 0x8000); /* QEMU: fresh ring */
	packed_base(256, 0x00000000, 0x0000, 0x0000); /* from the reference: idx 0, wrap 0 */
	packed_base(256, 0x00008017, 0x8017, 0x8017); /* from the reference: upper half zero */
	packed_base(256, 0x80058017, 0x8017, 0x8005); /* 18 in flight */
	packed_base(256, 0x80fe0003, 0x0003, 0x80fe); /* used before the wrap, avail behind it: 5 in flight */
	packed_base(256, 0x00ff8001, 0x8001, 0x00ff); /* the same the other way round */
	packed_base(256, 0x80000000, 0x0000, 0x8000); /* a whole ring in flight */
	packed_base(256, 0x80018000, 0x8000, 0x8000); /* used ahead of avail: nonsense, ignored (BASE-3) */
	packed_base(256, 0x80000001, 0x0001, 0x0001); /* 257 in flight: nonsense, ignored */
	packed_base(256, 0x81008005, 0x8005, 0x8005); /* used beyond the ring: ignored */
	packed_base(256, 0xffff8005, 0x8005, 0x8005);
	packed_base(0, 0x80018005, 0x8005, 0x8005);   /* size unknown: cannot be judged, ignored */
	packed_base(256, 0x00008100, 0x8100, 0x8100); /* avail beyond the ring: parks at start, not refused (BASE-2) */
	packed_base(3, 0x80020001, 0x0001, 0x8002);   /* any size, not only powers of two */
	packed_base(3, 0x80000002, 0x0002, 0x0002);
	packed_base(1, 0x80000000, 0x0000, 0x8000);
	packed_base(32768, 0xffff7fff, 0x7fff, 0xffff); /* a whole ring of the largest size */
	packed_base(32768, 0xfffe7fff, 0x7fff, 0x7fff); /* one more */
}

static void
base_of_started_ring(void **state)
{
	struct vh_view v = open_view();
	struct vh_wire_vring_state s = ring(0, 7);

	v.ring_started = true;
	v.ring_avail = 7;
	assert_int_equal(base(&v, 7).base.avail, 7);
	s.num = 8;
	fails(&v, VH_SET_VRING_BASE, &s, sizeof(s), VH_V_RING_BUSY, 8, 7);
	v.features = VH_F_RING_PACKED;
	v.ring_size = 256;
	v.ring_avail = 0x8007;
	assert_int_equal(base(&v, 0x80078007).base.avail, 0x8007);
	s.num = 7; /* other wrap */
	fails(&v, VH_SET_VRING_BASE, &s, sizeof(s), VH_V_RING_BUSY, 7, 0x8007);
}

/* ---- SET_VRING_KICK, CALL, ERR ---- */

static void
fd_given(void **state)
{
	static const int kinds[] = { 0, EFD_NONBLOCK, EFD_SEMAPHORE, EFD_NONBLOCK | EFD_SEMAPHORE }; /* V52 */
	struct vh_view v = open_view();
	uint32_t request;
	unsigned int i;

	for (request = VH_SET_VRING_KICK; request <= VH_SET_VRING_ERR; request++) {
		for (i = 0; i < 4; i++) {
			uint64_t payload = 0xffffffffffffe00ull << 4 | 9; /* bits above 8 mean nothing (IDX-2) */
			struct vh_fault fault;
			struct vh_frame f;
			struct vh_msg m;
			int fd = eventfd(0, kinds[i]);

			frame_init(&f, request, &payload, sizeof(payload));
			frame_add_fd(&f, fd);
			assert_int_equal(check(&v, &f, &m, &fault), 0);
			assert_int_equal(m.ring, 9);
			assert_int_equal(m.fd, fd);
			assert_int_equal(f.fds.nr, 0);
			vh_msg_release(&m);
			assert_int_equal(m.fd, -1);
		}
	}
}

static void
no_fd_given(void **state)
{
	struct vh_view v = open_view();
	uint32_t request;

	for (request = VH_SET_VRING_KICK; request <= VH_SET_VRING_ERR; request++) {
		uint64_t payload = VH_VRING_NOFD | 9;
		struct vh_msg m = passes(&v, request, &payload, sizeof(payload));

		assert_int_equal(m.ring, 9);
		assert_int_equal(m.fd, -1);
		vh_msg_release(&m);
	}
}

static void
flag_and_fd_disagree(void **state)
{
	struct vh_view v = open_view();
	uint32_t request;

	for (request = VH_SET_VRING_KICK; request <= VH_SET_VRING_ERR; request++) {
		uint64_t payload = 9;
		struct vh_frame f;

		fails(&v, request, &payload, sizeof(payload), VH_V_FD_COUNT, 0, 1);
		payload |= VH_VRING_NOFD;
		frame_init(&f, request, &payload, sizeof(payload));
		frame_add_fd(&f, eventfd(0, 0));
		refused_as(&v, &f, VH_V_FD_COUNT, 1, 0);
	}
}

static int
pipe_end(int which)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	close(p[1 - which]);
	return p[which];
}

static int
other_fd(unsigned int kind)
{
	switch (kind) {
	case 0: return open("/dev/null", O_RDWR);
	case 1: return open("/dev/zero", O_RDWR);
	case 2: return open("/proc/self/status", O_RDONLY);
	case 3: return open("/", O_RDONLY | O_DIRECTORY);
	case 4: return pipe_end(0);
	case 5: return pipe_end(1);
	case 6: return socket(AF_UNIX, SOCK_STREAM, 0);
	case 7: return socket(AF_UNIX, SOCK_DGRAM, 0);
	case 8: return memfd_create("not an eventfd", 0);
	case 9: return epoll_create1(0);
	case 10: return timerfd_create(CLOCK_MONOTONIC, 0);
	case 11: return open(".", O_PATH);
	default: return -1;
	}
}

static void
fd_of_another_kind(void **state)
{
	struct vh_view v = open_view();
	uint32_t request;
	unsigned int kind;

	for (request = VH_SET_VRING_KICK; request <= VH_SET_VRING_ERR; request++) {
		for (kind = 0; kind < 12; kind++) {
			uint64_t payload = 9;
			struct vh_frame f;

			frame_init(&f, request, &payload, sizeof(payload));
			frame_add_fd(&f, other_fd(kind));
			refused_as(&v, &f, VH_V_FD_TYPE, 0, 0);
		}
	}
}

/* ---- SET_VRING_ENABLE ---- */

static void
enable(void **state)
{
	static const uint32_t on[] = { 1, 2, 256, 0x80000000, UINT32_MAX };
	struct vh_view v = open_view();
	struct vh_wire_vring_state s = ring(3, 0);
	unsigned int i;

	/* before SET_FEATURES, for a ring nobody configured, in any state */
	assert_false(passes(&v, VH_SET_VRING_ENABLE, &s, sizeof(s)).enable);
	for (i = 0; i < 5; i++) {
		s.num = on[i];
		assert_true(passes(&v, VH_SET_VRING_ENABLE, &s, sizeof(s)).enable);
		v.ring_started = !v.ring_started;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(num_any_size), CASE(num_out_of_range), CASE(num_of_started_ring), CASE(addr_fields),
		CASE(addr_any_value), CASE(addr_flags), CASE(addr_needs_a_table), CASE(addr_of_started_ring),
		CASE(base_split), CASE(base_packed), CASE(base_of_started_ring), CASE(fd_given), CASE(no_fd_given),
		CASE(flag_and_fd_disagree), CASE(fd_of_another_kind), CASE(enable),
	};

	return cmocka_run_group_tests_name("proto/check_vring", tests, NULL, NULL);
}
