/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranges, ring indexes, event test, endianness: the borders where sums wrap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "addr.h"
#include "idx.h"
#include "le.h"

static void
range_wraps(void **st)
{
	assert_false(vh_range_wraps(0, 0));
	assert_false(vh_range_wraps(0, UINT64_MAX));
	assert_true(vh_range_wraps(1, UINT64_MAX));
	/* ending exactly at 2^64 counts (XLAT-1) */
	assert_true(vh_range_wraps(UINT64_MAX, 1));
	assert_false(vh_range_wraps(UINT64_MAX - 1, 1));
}

static void
range_inside(void **st)
{
	assert_true(vh_range_inside(10, 5, 10, 5));
	assert_false(vh_range_inside(10, 6, 10, 5));
	assert_false(vh_range_inside(9, 1, 10, 5));
	assert_true(vh_range_inside(15, 0, 10, 5));
	assert_false(vh_range_inside(16, 0, 10, 5));
	assert_false(vh_range_inside(12, UINT64_MAX, 10, 5));
	assert_true(vh_range_inside(UINT64_MAX - 1, 1, UINT64_MAX - 4, 4));
}

static void
ranges_overlap(void **st)
{
	assert_true(vh_ranges_overlap(10, 5, 14, 1));
	assert_false(vh_ranges_overlap(10, 5, 15, 1));
	assert_true(vh_ranges_overlap(14, 1, 10, 5));
	assert_false(vh_ranges_overlap(15, 1, 10, 5));
	assert_false(vh_ranges_overlap(10, 0, 10, 5));
	assert_false(vh_ranges_overlap(10, 5, 12, 0));
	assert_true(vh_ranges_overlap(0, UINT64_MAX, UINT64_MAX - 1, 1));
}

static void
distance(void **st)
{
	assert_int_equal(vh_idx_distance(5, 5), 0);
	assert_int_equal(vh_idx_distance(2, 65534), 4);
	assert_int_equal(vh_idx_distance(4, 5), 65535);
}

static void
packed_position(void **st)
{
	struct vh_pidx p = { .idx = 3, .wrap = true };
	uint32_t i;

	vh_pidx_advance(&p, 1, 5);
	assert_int_equal(p.idx, 4);
	assert_true(p.wrap);
	vh_pidx_advance(&p, 1, 5);
	assert_int_equal(p.idx, 0);
	assert_false(p.wrap);
	vh_pidx_advance(&p, 5, 5);
	assert_int_equal(p.idx, 0);
	assert_true(p.wrap);
	p = (struct vh_pidx){ .idx = 32767, .wrap = false };
	vh_pidx_advance(&p, 32768, 32768);
	assert_int_equal(p.idx, 32767);
	assert_true(p.wrap);
	for (i = 0; i < 0x10000; i++)
		assert_int_equal(vh_pidx_pack(vh_pidx_unpack((uint16_t)i)), i);
	assert_int_equal(vh_pidx_pack((struct vh_pidx){ .idx = 0, .wrap = true }), 0x8000);
}

/* "Is event in [old, new)?", counted out. */
static bool
counted(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	uint16_t i;

	for (i = old_idx; i != new_idx; i++)
		if (i == event)
			return true;
	return false;
}

static void
event_passed(void **st)
{
	static const uint16_t at[] = { 0, 1, 2, 5, 100, 32767, 32768, 65530, 65534, 65535 };
	unsigned int e, n, o;

	for (e = 0; e < 10; e++)
		for (n = 0; n < 10; n++)
			for (o = 0; o < 10; o++)
				assert_int_equal(vh_idx_event_passed(at[e], at[n], at[o]),
					counted(at[e], at[n], at[o]));
}

static void
little_endian(void **st)
{
	union {
		uint8_t b[8];
		le16_t w;
		le32_t d;
		le64_t q;
	} u = { .b = { 1, 2, 3, 4, 5, 6, 7, 8 } };

	assert_int_equal(vh_le16_to_cpu(u.w), 0x0201);
	assert_int_equal(vh_le32_to_cpu(u.d), 0x04030201);
	assert_true(vh_le64_to_cpu(u.q) == UINT64_C(0x0807060504030201));
	u.w = vh_cpu_to_le16(0xaabb);
	assert_int_equal(u.b[0], 0xbb);
	u.q = vh_cpu_to_le64(UINT64_C(0x1122334455667788));
	assert_int_equal(u.b[7], 0x11);
	u.d = vh_cpu_to_le32(0x99aabbcc);
	assert_int_equal(u.b[3], 0x99);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_wraps), cmocka_unit_test(range_inside), cmocka_unit_test(ranges_overlap),
		cmocka_unit_test(distance), cmocka_unit_test(packed_position), cmocka_unit_test(event_passed),
		cmocka_unit_test(little_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
