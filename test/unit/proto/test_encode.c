/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replies byte for byte: clients compare the whole flags word with 5 and the size of the payload; nothing of what the
 * buffer held before may leave (HDR-13, HDR-17, A014).
 */
#include "proto_test.h"

static struct vh_reply reply;

static void
expect(const uint8_t *bytes, size_t len)
{
	size_t i;

	assert_int_equal(reply.len, len);
	assert_memory_equal(reply.buf, bytes, len);
	for (i = len; i < sizeof(reply.buf); i++)
		assert_int_equal(reply.buf[i], 0);
}

static int
dirty(void **state)
{
	memset(&reply, 0xee, sizeof(reply));
	return 0;
}

static void
u64(void **state)
{
	static const uint8_t want[] = { 1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1 };

	vh_encode_u64(&reply, VH_GET_FEATURES, UINT64_C(0x0102030405060708));
	expect(want, sizeof(want));
}

static void
ack(void **state)
{
	static const uint8_t want[] = { 5, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

	vh_encode_u64(&reply, VH_SET_MEM_TABLE, 0);
	expect(want, sizeof(want));
}

static void
vring_state(void **state)
{
	static const uint8_t want[] = { 11, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 255, 0, 0, 0, 0x34, 0x92, 0, 0 };

	vh_encode_vring_state(&reply, VH_GET_VRING_BASE, 255, 0x9234);
	expect(want, sizeof(want));
}

static void
payload(void **state)
{
	static const uint8_t want[] = { 24, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c' };
	static const uint8_t none[] = { 24, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t most[VH_MSG_HEADER + VH_MAX_PAYLOAD] = { 26, 0, 0, 0, 5, 0, 0, 0, VH_MAX_PAYLOAD & 255,
		VH_MAX_PAYLOAD >> 8 };

	vh_encode_bytes(&reply, VH_GET_CONFIG, "abc", 3);
	expect(want, sizeof(want));
	dirty(state);
	vh_encode_bytes(&reply, VH_GET_CONFIG, NULL, 0); /* the error form of CFG-2 */
	expect(none, sizeof(none));
	dirty(state);
	memset(most + VH_MSG_HEADER, 0x5a, VH_MAX_PAYLOAD);
	vh_encode_bytes(&reply, VH_CREATE_CRYPTO_SESSION, most + VH_MSG_HEADER, VH_MAX_PAYLOAD);
	expect(most, sizeof(most));
}

static void
unknown_bits_are_never_echoed(void **state)
{
	uint32_t header[3];

	vh_encode_u64(&reply, UINT32_MAX, 1);
	memcpy(header, reply.buf, sizeof(header));
	assert_int_equal(header[0], UINT32_MAX);
	assert_int_equal(header[1], 5);
}

static void
backend_request(void **state)
{
	static const uint8_t quiet[] = { 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t wants[] = { 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0 };

	vh_encode_backend_request(&reply, VH_BACKEND_CONFIG_CHANGE, false);
	expect(quiet, sizeof(quiet));
	dirty(state);
	vh_encode_backend_request(&reply, VH_BACKEND_CONFIG_CHANGE, true);
	expect(wants, sizeof(wants));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(u64, dirty), cmocka_unit_test_setup(ack, dirty),
		cmocka_unit_test_setup(vring_state, dirty), cmocka_unit_test_setup(payload, dirty),
		cmocka_unit_test_setup(unknown_bits_are_never_echoed, dirty),
		cmocka_unit_test_setup(backend_request, dirty),
	};

	return cmocka_run_group_tests_name("proto/encode", tests, NULL, NULL);
}
