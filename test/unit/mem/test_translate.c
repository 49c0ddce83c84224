/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation over a table filled by hand: borders, holes, the hint, against a byte-by-byte search.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "translate.h"

#define MAX 300

static uint8_t *host;
static struct vh_memmap *map;

static int
open_map(void **st)
{
	host = malloc(0x40000);
	map = calloc(1, sizeof(*map) + MAX * sizeof(map->region[0]));
	map->generation = 7;
	return 0;
}

static int
close_map(void **st)
{
	free(map);
	free(host);
	return 0;
}

/* Regions in ascending order of gpa. */
static void
region(uint64_t gpa, uint64_t size, uint64_t host_off)
{
	map->region[map->nr++] = (struct vh_region){
		.gpa = gpa, .size = size, .hva = vh_guest_from_mapping(host + host_off) };
}

static struct vh_xlat
begin(uint16_t hint, uint32_t generation)
{
	struct vh_xlat x;

	vh_xlat_begin(&x, map, hint, generation);
	return x;
}

static void
piece(struct vh_xlat *x, uint64_t addr, uint64_t len, uint64_t host_off, uint64_t want)
{
	struct vh_piece p;

	assert_int_equal(vh_xlat_piece(x, (iova_t){ addr }, len, &p), 0);
	assert_ptr_equal(p.hva, host + host_off);
	assert_int_equal(p.len, want);
}

static void
unmapped(struct vh_xlat *x, uint64_t addr)
{
	const struct vh_region *last = x->last;
	struct vh_piece p;

	assert_int_equal(vh_xlat_piece(x, (iova_t){ addr }, 1, &p), -EAGAIN);
	assert_ptr_equal(x->last, last);
	assert_false(vh_xlat_seek(x, (iova_t){ addr }, 1));
}

static void
borders(void **st)
{
	struct vh_xlat x;

	/* GPA 0 is an address like any other (XLAT-6); the last region ends one byte below 2^64 */
	region(0, 0x1000, 0);
	region(0x1000, 0x1000, 0x1000);
	region(0x3000, 0x801, 0x5000);
	region(UINT64_MAX - 0xfff, 0xfff, 0x8000);
	x = begin(0, 7);
	piece(&x, 0, 1, 0, 1);
	piece(&x, 0xfff, 1, 0xfff, 1);
	/* the neighbour touches in guest and host, and is another region all the same (XLAT-2) */
	piece(&x, 0xfff, 2, 0xfff, 1);
	piece(&x, 0x1000, 0x5000, 0x1000, 0x1000);
	unmapped(&x, 0x2000);
	unmapped(&x, 0x2fff);
	piece(&x, 0x3000, 0x801, 0x5000, 0x801);
	piece(&x, 0x3800, UINT32_MAX, 0x5800, 1);
	/* exact size, not rounded to pages (XLAT-3) */
	unmapped(&x, 0x3801);
	piece(&x, UINT64_MAX - 0xfff, 0xfff, 0x8000, 0xfff);
	piece(&x, UINT64_MAX - 1, 1, 0x8ffe, 1);
	unmapped(&x, UINT64_MAX);
}

static void
empty_map(void **st)
{
	struct vh_xlat x = begin(3, 7);

	unmapped(&x, 0);
	unmapped(&x, UINT64_MAX);
	assert_int_equal(vh_xlat_hint(&x), 0);
	assert_false(vh_region_holds(&vh_region_none, (iova_t){ 0 }, 0));
}

static void
holds(void **st)
{
	struct vh_region g = { .gpa = 0x1000, .size = 0x100 };

	assert_true(vh_region_holds(&g, (iova_t){ 0x1000 }, 0x100));
	assert_false(vh_region_holds(&g, (iova_t){ 0x1000 }, 0x101));
	assert_true(vh_region_holds(&g, (iova_t){ 0x10ff }, 1));
	assert_false(vh_region_holds(&g, (iova_t){ 0x1100 }, 0));
	assert_false(vh_region_holds(&g, (iova_t){ 0xfff }, 2));
	/* ranges that wrap are in no region */
	assert_false(vh_region_holds(&g, (iova_t){ 0x1010 }, UINT64_MAX));
	assert_false(vh_region_holds(&g, (iova_t){ UINT64_MAX }, 0x1100));
}

static void
hint(void **st)
{
	struct vh_xlat x;

	region(0x1000, 0x1000, 0);
	region(0x2000, 0x1000, 0x2000);
	x = begin(1, 7);
	assert_ptr_equal(x.last, &map->region[1]);
	piece(&x, 0x1000, 1, 0, 1);
	assert_int_equal(vh_xlat_hint(&x), 0);
	assert_true(vh_xlat_seek(&x, (iova_t){ 0x2800 }, 0x800));
	assert_int_equal(vh_xlat_hint(&x), 1);
	assert_false(vh_xlat_seek(&x, (iova_t){ 0x1fff }, 2));
	assert_int_equal(vh_xlat_hint(&x), 1);
	/* of another table, or beyond this one (XLAT-8) */
	x = begin(1, 6);
	assert_ptr_equal(x.last, &map->region[0]);
	x = begin(2, 7);
	assert_ptr_equal(x.last, &map->region[0]);
}

static void
copies_across(void **st)
{
	uint8_t out[0x30];
	struct vh_xlat x;
	unsigned int i;

	region(0x1000, 0x10, 0x4000);
	region(0x1010, 0x10, 0x100);
	region(0x1020, 0x08, 0x2000);
	for (i = 0; i < 0x28; i++)
		host[i < 0x10 ? 0x4000 + i : i < 0x20 ? 0xf0 + i : 0x1fe0 + i] = (uint8_t)(i + 1);
	x = begin(0, 7);
	assert_int_equal(vh_xlat_copy_in(&x, (iova_t){ 0x1000 }, out, 0x28), 0);
	for (i = 0; i < 0x28; i++)
		assert_int_equal(out[i], i + 1);
	assert_int_equal(vh_xlat_copy_in(&x, (iova_t){ 0x1008 }, out, 0x21), -EAGAIN);
	assert_int_equal(vh_xlat_copy_in(&x, (iova_t){ 0x1009 }, out, 0), 0);
}

/* Hundreds of regions, every byte near every border. */
static void
many_regions(void **st)
{
	struct vh_xlat x;
	uint64_t addr, at = 0x100;
	unsigned int i;

	for (i = 0; i < MAX; i++) {
		uint64_t size = 1 + i % 37;

		region(at, size, i * 64);
		at += size + (i % 3 == 0 ? 0 : i % 5);
	}
	x = begin(0, 7);
	for (addr = 0; addr < at + 10; addr++) {
		const struct vh_region *g = NULL;
		struct vh_piece p;

		for (i = 0; i < map->nr; i++)
			if (addr >= map->region[i].gpa && addr < map->region[i].gpa + map->region[i].size)
				g = &map->region[i];
		if (g == NULL) {
			unmapped(&x, addr);
			continue;
		}
		assert_int_equal(vh_xlat_piece(&x, (iova_t){ addr }, 1000, &p), 0);
		assert_ptr_equal(p.hva, g->hva + (addr - g->gpa));
		assert_int_equal(p.len, g->gpa + g->size - addr);
		assert_ptr_equal(x.last, g);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_map, close_map)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(borders), TEST(empty_map), TEST(holds), TEST(hint), TEST(copies_across), TEST(many_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
