/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both formats share: life of the private state, positions, starting, breaking, area lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>

#include "rig.h"

static void
area_lengths(void **st)
{
	struct vh_ring_lens n = vh_ring_lens(256, false, false);

	assert_int_equal(n.desc, 4096);
	assert_int_equal(n.avail, 4 + 512);
	assert_int_equal(n.used, 4 + 2048);
	n = vh_ring_lens(32768, false, true);
	assert_int_equal(n.desc, 524288);
	assert_int_equal(n.avail, 4 + 65536 + 2);
	assert_int_equal(n.used, 4 + 262144 + 2);
	n = vh_ring_lens(32767, true, true);
	assert_int_equal(n.desc, 16 * 32767);
	assert_int_equal(n.avail, 4);
	assert_int_equal(n.used, 4);
}

static void
created_empty(void **st)
{
	struct vh_ring *r = vh_ring_create(-1);
	struct vh_ring zero;

	memset(&zero, 0, sizeof(zero));
	assert_non_null(r);
	assert_int_equal((uintptr_t)r % VH_CACHE_LINE, 0);
	assert_memory_equal(r, &zero, sizeof(zero));
	vh_ring_free(r);
	vh_ring_free(NULL);
}

/* What the data thread writes at every burst, the counters and the arena lie on different cache lines. */
static void
layout(void **st)
{
	assert_true(offsetof(struct vh_ring, stats) % VH_CACHE_LINE == 0);
	assert_true(offsetof(struct vh_ring, stats) <= VH_CACHE_LINE);
	assert_true(offsetof(struct vh_ring, burst) % VH_CACHE_LINE == 0);
	assert_true(offsetof(struct vh_burst, req) % VH_CACHE_LINE == 0);
	assert_int_equal(sizeof(struct vh_req), 16);
	assert_int_equal(sizeof(struct vh_seg), 16);
	assert_true(offsetof(struct vh_bind, protect) <= VH_CACHE_LINE);
}

static void
positions(void **st)
{
	struct vh_ring r = { 0 };
	uint16_t avail, used;

	vh_ring_set_positions(&r, false, 0x8001, 0xffff);
	vh_ring_positions(&r, false, &avail, &used);
	assert_int_equal(avail, 0x8001);
	assert_int_equal(used, 0xffff);
	vh_ring_set_positions(&r, true, 0x8001, 0x0003);
	assert_int_equal(r.last_avail, 1);
	assert_true(r.avail_wrap);
	assert_int_equal(r.last_used, 3);
	assert_false(r.used_wrap);
	vh_ring_positions(&r, true, &avail, &used);
	assert_int_equal(avail, 0x8001);
	assert_int_equal(used, 3);
}

/* BASE-4, K21: the used index of a restarted back-end lies in ring memory. */
static void
used_index_adopted(void **st)
{
	struct rig g;
	uint16_t avail, used;

	rig_open(&g, 8, 0);
	g.bind.used->idx = 40000;
	assert_false(vh_ring_start(&g.bind, 40000, 40000));
	assert_true(vh_ring_start(&g.bind, 7, 5));
	vh_ring_positions(g.ring, false, &avail, &used);
	assert_int_equal(avail, 40000);
	assert_int_equal(used, 40000);
	/* equal: a base that is ahead stays ahead */
	assert_false(vh_ring_start(&g.bind, 40003, 40000));
	vh_ring_positions(g.ring, false, &avail, &used);
	assert_int_equal(avail, 40003);
	rig_close(&g);
}

static void
broken_until_started(uint32_t flags, uint16_t base)
{
	struct rig g;

	rig_open(&g, 8, flags);
	rig_one(&g, 0, RIG_BUFS, 10, 0);
	vh_ring_break(g.ring);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
	assert_int_equal(vh_ring_available(&g.bind), 0);
	assert_int_equal(vh_ring_available_from_used(&g.bind), 0);
	vh_ring_start(&g.bind, base, base);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	rig_close(&g);
}

static void
broken(void **st)
{
	broken_until_started(0, 0);
	broken_until_started(VH_B_PACKED, 0x8000);
}

/* Requests beyond those published come again; nothing wanted is nothing done. */
static void
rewind_without_publish(uint32_t flags)
{
	struct rig g;
	int i;

	rig_open(&g, 64, flags);
	for (i = 0; i < 40; i++)
		rig_one(&g, (uint16_t)i, RIG_BUFS, 10u + (unsigned int)i, 0);
	assert_int_equal(rig_fetch(&g, 0, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rig_fetch(&g, 33, VH_DIR_READ), 0);
		assert_int_equal(g.ring->burst.nr_reqs, 33);
		assert_int_equal(g.ring->burst.req[0].len, 10);
		assert_int_equal(vh_ring_fetch(&g.bind, 33, VH_DIR_READ), 0);
		assert_int_equal(g.ring->burst.nr_reqs, 40);
		assert_int_equal(g.ring->burst.req[39].len, 49);
	}
	vh_ring_publish(&g.bind, 0);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.req[0].len, 10);
	/* fetch goes on behind a publication in the same burst */
	vh_ring_publish(&g.bind, 1);
	assert_int_equal(vh_ring_fetch(&g.bind, 1, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.req[0].len, 11);
	rig_close(&g);
}

static void
rewinding(void **st)
{
	rewind_without_publish(0);
	rewind_without_publish(VH_B_PACKED);
}

/* The last-hit region of one table must not be believed for another. */
static void
hint_dies_with_its_table(void **st)
{
	struct rig g;
	struct vh_region r;

	rig_open(&g, 8, 0);
	rig_one(&g, 0, RIG_GPA2 + 5, 10, 0);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(g.ring->region_hint, 2);
	vh_ring_publish(&g.bind, 1);
	/* a smaller table: the hint is beyond it */
	g.map->nr = 2;
	rig_new_generation(&g);
	rig_one(&g, 1, RIG_GPA1, 10, 0);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(g.ring->region_hint, 1);
	/* none at all */
	g.map->nr = 0;
	rig_new_generation(&g);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -11);
	assert_int_equal(g.ring->region_hint, 0);
	/* the same number, another place */
	g.map->nr = 4;
	r = g.map->region[1];
	g.map->region[1].hva += 8;
	rig_new_generation(&g);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_ptr_equal(g.ring->burst.seg[0].hva, r.hva + 8);
	rig_close(&g);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(area_lengths), cmocka_unit_test(created_empty), cmocka_unit_test(layout),
		cmocka_unit_test(positions), cmocka_unit_test(used_index_adopted), cmocka_unit_test(broken),
		cmocka_unit_test(rewinding), cmocka_unit_test(hint_dies_with_its_table),
	};
	char prefix[64];
	char *eal[] = { argv[0], (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m", (char *)(uintptr_t)"32",
		(char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf", (char *)(uintptr_t)"--no-telemetry",
		(char *)(uintptr_t)"--log-level=error", prefix, NULL };

	snprintf(prefix, sizeof(prefix), "--file-prefix=test_ring_%d", getpid());
	if (rte_eal_init(9, eal) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
