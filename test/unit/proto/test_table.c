/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows against a second copy of the summary table of the wire contract, written down independently; names;
 * the ring index a frame names.
 */
#include "proto_test.h"

#define X true
#define PF(bit) (1ull << (bit))

/* number, payload, exact?, fds, explicit reply?, virtio gate, protocol gate, served here?, ring: 0 no, 32, 8 */
static const struct {
	uint32_t request;
	uint16_t size;
	bool exact;
	uint8_t fds_min, fds_max;
	bool explicit_reply;
	uint64_t virtio, protocol;
	bool served;
	int ring;
	bool doors;
} expected[] = {
	{ 1, 0, X, 0, 0, true, 0, 0, true, 0, false },
	{ 2, 8, X, 0, 0, false, 0, 0, true, 0, true },
	{ 3, 0, X, 0, 0, false, 0, 0, true, 0, true },
	{ 4, 0, X, 0, 0, false, 0, 0, true, 0, false },
	{ 5, 8, false, 0, 8, false, 0, 0, true, 0, true },
	{ 6, 16, X, 1, 1, true, 0, PF(1), false, 0, true },
	{ 7, 0, X, 1, 1, false, PF(26), 0, false, 0, true },
	{ 8, 8, X, 0, 0, false, 0, 0, true, 32, true },
	{ 9, 40, X, 0, 0, false, 0, 0, true, 32, true },
	{ 10, 8, X, 0, 0, false, 0, 0, true, 32, true },
	{ 11, 8, X, 0, 0, true, 0, 0, true, 32, false },
	{ 12, 8, X, 0, 1, false, 0, 0, true, 8, true },
	{ 13, 8, X, 0, 1, false, 0, 0, true, 8, true },
	{ 14, 8, X, 0, 1, false, 0, 0, true, 8, true },
	{ 15, 0, X, 0, 0, true, PF(30), 0, true, 0, false },
	{ 16, 8, X, 0, 0, false, PF(30), 0, true, 0, true },
	{ 17, 0, X, 0, 0, true, 0, 0, true, 0, false },
	{ 18, 8, X, 0, 0, false, PF(30), 0, true, 32, true },
	{ 19, 8, X, 0, 0, false, 0, PF(2), true, 0, true },
	{ 20, 8, X, 0, 0, false, 0, PF(4), true, 0, true },
	{ 21, 0, X, 1, 1, false, 0, PF(5), true, 0, true },
	{ 22, 32, X, 0, 0, false, PF(33), 0, false, 0, false },
	{ 24, 12, false, 0, 0, true, 0, PF(9), false, 0, false },
	{ 25, 12, false, 0, 0, false, 0, PF(9), false, 0, false },
	{ 26, 632, X, 0, 0, true, 0, PF(7), false, 0, false },
	{ 27, 8, X, 0, 0, false, 0, PF(7), false, 0, false },
	{ 28, 0, X, 0, 0, true, 0, PF(8), false, 0, false },
	{ 29, 0, X, 0, 0, false, 0, PF(8), false, 0, false },
	{ 30, 0, X, 0, 0, true, 0, PF(8), false, 0, false },
	{ 31, 20, false, 0, 0, true, 0, PF(12), false, 0, false },
	{ 32, 20, false, 1, 1, false, 0, PF(12), false, 0, false },
	{ 39, 8, X, 0, 0, false, 0, PF(16), true, 0, false },
	{ 40, 0, X, 0, 0, true, 0, PF(16), true, 0, false },
};

static void
rows(void **state)
{
	unsigned int i;

	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct vh_msg_row *r = vh_msg_row(expected[i].request);

		assert_non_null(r);
		assert_int_equal(r->request, expected[i].request);
		assert_int_equal(r->size, expected[i].size);
		assert_int_equal(r->size_rule == VH_SIZE_EXACT, expected[i].exact);
		assert_int_equal(r->fds_min, expected[i].fds_min);
		assert_int_equal(r->fds_max, expected[i].fds_max);
		assert_int_equal(r->reply == VH_REPLY_EXPLICIT, expected[i].explicit_reply);
		assert_int_equal(r->needs_offered, expected[i].virtio);
		assert_int_equal(r->needs_protocol, expected[i].protocol);
		assert_int_equal(r->supported, expected[i].served);
		assert_int_equal(r->names_ring, expected[i].ring != 0);
		assert_int_equal(r->ring_idx8, expected[i].ring == 8);
		assert_int_equal(r->doors, expected[i].doors);
		/* what a row lets through fits the buffers of the library and of the hook layout */
		assert_true(r->size <= VH_MAX_PAYLOAD && r->fds_max <= VH_MAX_MSG_FDS);
	}
}

static void
no_other_rows(void **state)
{
	static const uint32_t far[] = { 64, 65, 255, 256, 257, 65535, 65537, 1u << 31, UINT32_MAX };
	uint32_t request;
	unsigned int i, found = 0;

	for (request = 0; request < VH_REQUEST_MAX; request++)
		found += vh_msg_row(request) != NULL;
	assert_int_equal(found, sizeof(expected) / sizeof(expected[0]));
	assert_null(vh_msg_row(0));
	for (i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_null(vh_msg_row(far[i]));
}

static void
names(void **state)
{
	static const uint32_t nameless[] = { 0, 45, 63, 64, 65535, UINT32_MAX };
	uint32_t a, b;
	unsigned int i;

	assert_string_equal(vh_msg_name(1), "GET_FEATURES");
	assert_string_equal(vh_msg_name(5), "SET_MEM_TABLE");
	assert_string_equal(vh_msg_name(21), "SET_BACKEND_REQ_FD");
	assert_string_equal(vh_msg_name(23), "SET_VRING_ENDIAN");
	assert_string_equal(vh_msg_name(40), "GET_STATUS");
	assert_string_equal(vh_msg_name(44), "GET_SHMEM_CONFIG");
	for (a = 1; a <= 44; a++) {
		assert_string_not_equal(vh_msg_name(a), "unknown");
		for (b = 1; b < a; b++)
			assert_string_not_equal(vh_msg_name(a), vh_msg_name(b));
	}
	for (i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++)
		assert_string_equal(vh_msg_name(nameless[i]), "unknown");
}

static int64_t
index_of(uint32_t request, uint64_t payload, uint32_t size)
{
	struct vh_frame f;

	frame_init(&f, request, &payload, sizeof(payload));
	f.size = size;
	return vh_msg_ring_index(&f);
}

static void
ring_index(void **state)
{
	static const uint32_t wide[] = { 8, 9, 10, 11, 18 }, narrow[] = { 12, 13, 14 };
	static const uint32_t none[] = { 0, 1, 2, 5, 19, 22, 99 };
	unsigned int i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(index_of(wide[i], 0x700000003ull, 8), 3);
		assert_int_equal(index_of(wide[i], 0xffffffffull, 8), 0xffffffffll);
		assert_int_equal(index_of(wide[i], 256, 4), 256);
		assert_int_equal(index_of(wide[i], 3, 3), -1);
		assert_int_equal(index_of(wide[i], 3, 0), -1);
	}
	for (i = 0; i < 3; i++) {
		/* bits 9-63 mean nothing (IDX-2) */
		assert_int_equal(index_of(narrow[i], 0xfffffffffffffe07ull, 8), 7);
		assert_int_equal(index_of(narrow[i], 0x1ff, 8), 255);
		assert_int_equal(index_of(narrow[i], 7, 7), -1);
	}
	for (i = 0; i < 7; i++)
		assert_int_equal(index_of(none[i], 3, 8), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { CASE(rows), CASE(no_other_rows), CASE(names), CASE(ring_index) };

	return cmocka_run_group_tests_name("proto/table", tests, NULL, NULL);
}
