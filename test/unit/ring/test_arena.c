/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lands in the burst arena, on a split and on a packed ring: pieces at region borders, shared buffers, and what
 * does not fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "chains.h"

static void
region_borders(void **st)
{
	struct rig g;

	open_rig(&g, 0);
	rig_one(&g, 0, RIG_GPA2 + RIG_SIZE2 - 9, 9, R);
	rig_one(&g, 1, RIG_GPA1 - 5, 25, R);
	rig_one(&g, 2, RIG_GPA0, RIG_SIZE0 + RIG_SIZE1, R);
	rig_one(&g, 3, RIG_GPA3 + RIG_SIZE3 - 1, 1, R);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->nr_segs, 1);
	assert_int_equal(req(&g, 1)->nr_segs, 2);
	assert_int_equal(seg(&g, 1, 0)->len, 5);
	assert_ptr_equal(seg(&g, 1, 1)->hva, rig_host(&g, RIG_GPA1));
	assert_int_equal(seg(&g, 1, 1)->len, 20);
	assert_int_equal(req(&g, 2)->nr_segs, 2);
	assert_int_equal(seg(&g, 2, 0)->len, RIG_SIZE0);
	assert_int_equal(req(&g, 3)->nr_segs, 1);
	rig_close(&g);
}

static void
same_buffer_everywhere(void **st)
{
	struct rig g;
	uint16_t i;

	open_rig(&g, 0);
	for (i = 0; i < 64; i++)
		rig_one(&g, i, RIG_BUFS + 1, 2000, W);
	assert_int_equal(rig_fetch(&g, 64, VH_DIR_WRITE), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 64);
	rig_close(&g);
}

/* The arena has 1024 segments: what does not fit waits for the next burst. */
static void
arena_full(void **st)
{
	struct rig g;
	uint16_t i;

	open_rig(&g, VH_B_INDIRECT);
	table_of(&g, TABLE, 200, RIG_BUFS, 1, R);
	for (i = 0; i < 16; i++)
		rig_one(&g, i, TABLE, 200 * 16, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 5);
	vh_ring_publish(&g.bind, 5);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 5);
	assert_int_equal(req(&g, 0)->id, 5);
	rig_close(&g);
}

static void
arena_of_requests_full(void **st)
{
	struct rig g;
	uint16_t i;

	open_rig(&g, 0);
	for (i = 0; i < 300; i++)
		rig_one(&g, i, RIG_BUFS, 100, R);
	assert_int_equal(rig_fetch(&g, VH_BURST_REQS, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, VH_BURST_REQS);
	assert_int_equal(vh_ring_fetch(&g.bind, 32, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, VH_BURST_REQS);
	vh_ring_publish(&g.bind, VH_BURST_REQS);
	assert_int_equal(rig_fetch(&g, VH_BURST_REQS, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 300 - VH_BURST_REQS);
	rig_close(&g);
}

/* The table is another region than the buffers, the buffers are in two regions in turn: every hint is wrong. */
static void
regions_in_turn(void **st)
{
	struct rig g;
	uint16_t i;

	open_rig(&g, VH_B_INDIRECT);
	table_of(&g, RIG_GPA2, 4, RIG_GPA1, 100, W);
	for (i = 0; i < 60; i += 3) {
		rig_one(&g, i, RIG_GPA2, 4 * 16, VH_DESC_INDIRECT);
		rig_one(&g, (uint16_t)(i + 1), RIG_BUFS + i, 10, W);
		rig_one(&g, (uint16_t)(i + 2), RIG_GPA2 + 1000 + i, 20, W);
	}
	assert_int_equal(rig_fetch(&g, 60, VH_DIR_WRITE), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 60);
	for (i = 0; i < 60; i += 3) {
		assert_ptr_equal(seg(&g, i, 3)->hva, rig_host(&g, RIG_GPA1 + 300));
		assert_ptr_equal(seg(&g, i + 1u, 0)->hva, rig_host(&g, RIG_BUFS + i));
		assert_ptr_equal(seg(&g, i + 2u, 0)->hva, rig_host(&g, RIG_GPA2 + 1000 + i));
	}
	rig_close(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(region_borders),
		cmocka_unit_test(same_buffer_everywhere),
		cmocka_unit_test(arena_full),
		cmocka_unit_test(arena_of_requests_full),
		cmocka_unit_test(regions_in_turn),
	};
	int failed = cmocka_run_group_tests_name("split", tests, use_split, NULL);

	return failed + cmocka_run_group_tests_name("packed", tests, use_packed, NULL);
}
