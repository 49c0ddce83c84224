/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one header that touches guest memory: what is read and written, byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guest.h"

static void
loads(void **st)
{
	uint8_t raw[2] = { 0x34, 0x12 };
	le16_t w;

	memcpy(&w, raw, 2);
	assert_int_equal(vh_guest_load16(&w), 0x1234);
	assert_int_equal(vh_guest_load16_acquire(&w), 0x1234);
	vh_guest_store16(&w, 0xabcd);
	assert_memory_equal(&w, "\xcd\xab", 2);
	vh_guest_store16_release(&w, 0x0102);
	assert_memory_equal(&w, "\x02\x01", 2);
}

static void
descriptors(void **st)
{
	uint8_t raw[16] VH_ALIGNED(16) = { 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x31, 0x32 };
	struct vh_desc d = vh_desc_from_split(vh_guest_load_desc(raw));

	assert_true(d.addr == UINT64_C(0x0807060504030201));
	assert_int_equal(d.len, 0x14131211);
	assert_int_equal(d.flags, 0x2221);
	assert_int_equal(d.next, 0x3231);
	d = vh_desc_from_packed(vh_guest_load_packed((struct vh_packed_desc *)raw));
	assert_true(d.addr == UINT64_C(0x0807060504030201));
	assert_int_equal(d.len, 0x14131211);
	assert_int_equal(d.next, 0x2221);
	assert_int_equal(d.flags, 0x3231);
}

static void
used_elements(void **st)
{
	struct {
		le16_t flags, idx;
		struct vh_used_elem ring[3];
	} u;

	memset(&u, 0xee, sizeof(u));
	/* 4 bytes off a multiple of 8, as it lies in a used ring */
	vh_guest_store_used(&u.ring[1], 0x00008001, 0xdeadbeef);
	assert_memory_equal(&u.ring[1], "\x01\x80\x00\x00\xef\xbe\xad\xde", 8);
	assert_int_equal(((uint8_t *)&u.ring[0])[7], 0xee);
	assert_int_equal(((uint8_t *)&u.ring[2])[0], 0xee);
}

static void
packed_used(void **st)
{
	struct vh_packed_desc d;

	memset(&d, 0x77, sizeof(d));
	vh_guest_store_packed(&d, 0x01020304, 0x1122, 0x8082);
	assert_memory_equal(&d, "\x77\x77\x77\x77\x77\x77\x77\x77\x04\x03\x02\x01\x22\x11\x82\x80", 16);
}

static void
copies(void **st)
{
	uint8_t a[9] = "abcdefgh", b[9] = { 0 };

	vh_guest_copy_in(b, a + 1, 7);
	assert_string_equal((char *)b, "bcdefgh");
	vh_guest_copy_out(a, b, 3);
	assert_string_equal((char *)a, "bcddefgh");
	assert_ptr_equal(vh_guest_at(uint8_t, a, 3), a + 3);
	assert_int_equal(vh_guest_addr(a), (uintptr_t)a);
	assert_ptr_equal(vh_guest_from_mapping(a), a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads), cmocka_unit_test(descriptors), cmocka_unit_test(used_elements),
		cmocka_unit_test(packed_used), cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
