/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one header that touches guest memory: what is read and written, byte by byte. Covers copy_long.c.
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

/* Payload copies of one length between these offsets: all bytes arrive, none beside them is touched. */
static void
check_payload(size_t len, size_t from, size_t to, bool in)
{
	static uint8_t src[2200], dst[2200], want[2200];
	size_t i;

	for (i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(i * 7 + i / 256);
	memset(dst, 0xee, sizeof(dst));
	memset(want, 0xee, sizeof(want));
	for (i = 0; i < len; i++)
		want[to + i] = src[from + i];
	if (in)
		vh_guest_copy_in_fast(dst + to, src + from, len);
	else
		vh_guest_copy_out_fast(dst + to, src + from, len);
	assert_memory_equal(dst, want, sizeof(dst));
}

static void
payload(void **st)
{
	static const size_t lens[] = { 256, 257, 258, 287, 288, 289, 383, 384, 385, 511, 512, 513, 1518, 2048, 2100 };
	size_t len, i, off;
	int wide;

	for (wide = 0; wide < 2; wide++) {
		vh_copy_prefer_wide(wide && __builtin_cpu_supports("avx2"));
		for (len = 0; len < 300; len++)
			check_payload(len, 12 + len % 3, 31, len % 2 != 0);
		for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
			for (off = 0; off < 40; off++) {
				check_payload(lens[i], 3, off, true);
				check_payload(lens[i], off, 32, false);
			}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads), cmocka_unit_test(descriptors), cmocka_unit_test(used_elements),
		cmocka_unit_test(packed_used), cmocka_unit_test(copies), cmocka_unit_test(payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
