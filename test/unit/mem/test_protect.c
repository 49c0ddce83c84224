/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "May this range be written?": merged ranges, the page filter, the exact search, against a plain loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protect.h"

static void
nothing_protected(void **st)
{
	struct vh_protect_range empty[2] = { { 0x1000, 0 }, { 0, 0 } };
	struct vh_protect *p = vh_protect_build(NULL, 0);

	assert_false(vh_protect_hits(NULL, 0x1000, 1));
	assert_false(vh_protect_hits(p, 0, 1));
	assert_false(vh_protect_hits(p, 0x7fffffffffff, UINT32_MAX));
	vh_protect_put(p);
	p = vh_protect_build(empty, 2);
	assert_int_equal(p->nr, 0);
	assert_false(vh_protect_hits(p, 0xfff, 100));
	vh_protect_put(p);
	vh_protect_put(NULL);
	vh_protect_get(NULL);
}

static void
edges(void **st)
{
	struct vh_protect_range r = { 0x10010, 0x20 };
	struct vh_protect *p = vh_protect_build(&r, 1);

	assert_int_equal(p->lo, 0x10010);
	assert_int_equal(p->hi, 0x10030);
	assert_false(vh_protect_hits(p, 0x10000, 0x10));
	assert_true(vh_protect_hits(p, 0x10000, 0x11));
	assert_true(vh_protect_hits(p, 0x1002f, 1));
	assert_false(vh_protect_hits(p, 0x10030, 0x1000));
	assert_true(vh_protect_hits(p, 0x1, UINT32_MAX));
	vh_protect_put(p);
}

static void
merged(void **st)
{
	struct vh_protect_range r[] = {
		{ 0x5000, 0x100 }, { 0x1000, 0x10 }, { 0x1010, 0x10 }, { 0x1018, 0x4 }, { 0x5080, 0x200 },
		{ 0x9000, 0 }, { 0x5000, 0x8 }, { 0x7000, 1 },
	};
	struct vh_protect *p = vh_protect_build(r, 8);

	assert_int_equal(p->nr, 3);
	assert_int_equal(p->range[0].start, 0x1000);
	assert_int_equal(p->range[0].len, 0x20);
	assert_int_equal(p->range[1].start, 0x5000);
	assert_int_equal(p->range[1].len, 0x280);
	assert_int_equal(p->range[2].len, 1);
	assert_int_equal(p->hi, 0x7001);
	vh_protect_put(p);
}

static void
counted(void **st)
{
	struct vh_protect_range r = { 0x10010, 0x20 };
	struct vh_protect *p = vh_protect_build(&r, 1);

	vh_protect_get(p);
	vh_protect_put(p);
	assert_true(vh_protect_hits(p, 0x10010, 1));
	vh_protect_put(p);
}

/* A page that shares its filter bit with a protected one (16 MiB apart) is not refused. */
static void
filter_alias(void **st)
{
	struct vh_protect_range r[] = { { 0x10000000, 0x1000 }, { 0x20000000, 0x10 } };
	struct vh_protect *p = vh_protect_build(r, 2);

	assert_true(vh_protect_page(p, (0x10000000 + 0x1000000) >> VH_PROTECT_SHIFT));
	assert_false(vh_protect_hits(p, 0x10000000 + 0x1000000, 64));
	assert_false(vh_protect_page(p, 0x10005000 >> VH_PROTECT_SHIFT));
	assert_false(vh_protect_hits(p, 0x10005000, 64));
	assert_true(vh_protect_hits(p, 0x1fffffff, 2));
	vh_protect_put(p);
}

/* More than 4096 pages in one range: every page of it is found. */
static void
huge_range(void **st)
{
	struct vh_protect_range r[] = { { 0x1000, 1 }, { 0x40000000, 0x2000000 }, { 0x90000000, 1 } };
	struct vh_protect *p = vh_protect_build(r, 3);
	uint64_t off;

	for (off = 0; off < 0x2000000; off += 0x1000)
		assert_true(vh_protect_hits(p, 0x40000000 + off + off % 0xff0, 16));
	assert_false(vh_protect_hits(p, 0x42000000, 16));
	vh_protect_put(p);
}

static bool
slow_hits(const struct vh_protect_range *r, unsigned int n, uintptr_t start, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (r[i].len > 0 && start < r[i].start + r[i].len && r[i].start < start + len)
			return true;
	return false;
}

static void
against_a_loop(void **st)
{
	struct vh_protect_range r[24];
	unsigned int round, i, hits = 0, total = 0;

	srandom(4711);
	for (round = 0; round < 200; round++) {
		unsigned int n = (unsigned int)random() % 24u;
		struct vh_protect *p;

		for (i = 0; i < n; i++)
			r[i] = (struct vh_protect_range){
				0x10000 + (uintptr_t)random() % 0x80000, (uint64_t)random() % 9000 };
		p = vh_protect_build(r, n);
		for (i = 0; i < 2000; i++) {
			uintptr_t start = 0x8000 + (uintptr_t)random() % 0x90000;
			uint64_t len = 1 + (uint64_t)random() % (i % 3 == 0 ? 64 : i % 3 == 1 ? 4096 : 20000);
			bool want = slow_hits(r, n, start, len);

			assert_int_equal(vh_protect_hits(p, start, len), want);
			hits += want;
			total++;
		}
		vh_protect_put(p);
	}
	assert_true(hits > total / 20 && hits < total - total / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_protected), cmocka_unit_test(edges), cmocka_unit_test(merged),
		cmocka_unit_test(counted), cmocka_unit_test(filter_alias), cmocka_unit_test(huge_range),
		cmocka_unit_test(against_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
