/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four descriptors at a time: each lane refuses all that the scalar way refuses, and what passes is stored as by the
 * scalar way. On a processor without AVX2 the cases are reported as skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"
#include "wide.h"

static struct rig g;
static struct vh_seg seg[64];
static struct vh_req req[64];

static int
open_rig(void **st)
{
	rig_open(&g, 64, *st != NULL ? VH_B_PACKED : 0);
	memset(seg, 0xee, sizeof(seg));
	memset(req, 0xee, sizeof(req));
	return 0;
}

static int
close_rig(void **st)
{
	rig_close(&g);
	return 0;
}

static unsigned int
look(unsigned int n, uint16_t dir_flag)
{
	struct vh_wide w = {
		.region = &g.map->region[0], .protect = dir_flag != 0 ? g.protect : NULL, .seg = seg, .req = req,
		.n = n, .first_seg = 100, .readable = dir_flag == 0, .mask = 7, .want = dir_flag,
	};

	if (!vh_wide_usable())
		skip();
	if (!g.packed)
		return vh_wide_split(&w, g.bind.avail, 0, g.bind.desc, g.bind.mask);
	w.mask |= VH_DESC_AVAIL | VH_DESC_USED;
	w.want |= VH_DESC_AVAIL;
	return vh_wide_packed(&w, g.bind.pdesc);
}

static void
check_stored(unsigned int i, uint64_t addr, uint32_t len, uint16_t id, uint16_t readable)
{
	struct vh_req want = { .len = len, .seg = (uint16_t)(100 + i), .nr_segs = 1, .nr_readable = readable, .id = id,
		.nr_slots = 1 };

	assert_memory_equal(&req[i], &want, sizeof(want));
	assert_ptr_equal(seg[i].hva, rig_host(&g, addr));
	assert_int_equal(seg[i].len, len);
	assert_int_equal(seg[i].reserved, 0);
}

static void
in_order(void **st)
{
	unsigned int i;

	for (i = 0; i < 11; i++)
		rig_one(&g, (uint16_t)(63 - i), RIG_BUFS + i * 1000, 100 + i, VH_DESC_WRITE);
	assert_int_equal(look(11, VH_DESC_WRITE), 8);
	for (i = 0; i < 8; i++)
		check_stored(i, RIG_BUFS + i * 1000, 100 + i, (uint16_t)(63 - i), 0);
	assert_int_equal(look(3, VH_DESC_WRITE), 0);
	assert_int_equal(look(7, 0), 0);
}

static void
readable(void **st)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		rig_one(&g, (uint16_t)i, RIG_GPA0 + RIG_SIZE0 - 1 - i, 1 + i, 0);
	assert_int_equal(look(4, 0), 4);
	for (i = 0; i < 4; i++)
		check_stored(i, RIG_GPA0 + RIG_SIZE0 - 1 - i, 1 + i, (uint16_t)i, 1);
	/* ring memory may be read */
	rig_ring(&g, 64, g.bind.flags, g.packed ? 0x8000 : 0);
	for (i = 0; i < 4; i++)
		rig_one(&g, (uint16_t)i, RIG_GPA0, 4096, 0);
	assert_int_equal(look(4, 0), 4);
}

/* What is wrong with one descriptor. */
static const struct {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
} wrong[] = {
	{ RIG_BUFS, 0, VH_DESC_WRITE },
	{ RIG_BUFS, 64, 0 },
	{ RIG_BUFS, 64, VH_DESC_WRITE | VH_DESC_NEXT },
	{ RIG_BUFS, 64, VH_DESC_WRITE | VH_DESC_INDIRECT },
	{ RIG_GPA0 - 1, 64, VH_DESC_WRITE },
	{ 0, 64, VH_DESC_WRITE },
	{ RIG_GPA0 + RIG_SIZE0, 1, VH_DESC_WRITE },
	{ RIG_GPA0 + RIG_SIZE0 - 1, 2, VH_DESC_WRITE },
	{ RIG_BUFS, UINT32_MAX, VH_DESC_WRITE },
	{ RIG_GPA2, 64, VH_DESC_WRITE },
	{ UINT64_MAX, 64, VH_DESC_WRITE },
	{ UINT64_MAX - 63, 64, VH_DESC_WRITE },
	{ (UINT64_C(1) << 63) + RIG_BUFS, 64, VH_DESC_WRITE },
	{ (UINT64_C(1) << 63) + RIG_BUFS, UINT32_MAX, VH_DESC_WRITE },
	/* size - len - offset leaves the signed numbers below */
	{ (UINT64_C(1) << 63) - 1 + RIG_GPA0, UINT32_MAX, VH_DESC_WRITE },
	{ (UINT64_C(1) << 63) - 1 + RIG_GPA0, (uint32_t)RIG_SIZE0 + 2, VH_DESC_WRITE },
	{ (UINT64_C(1) << 63) - 4096 + RIG_GPA0, UINT32_MAX - 4096, VH_DESC_WRITE },
	{ RIG_GPA0, 17, VH_DESC_WRITE }, /* the first byte of the ring */
	{ RIG_GPA0 + 100, 1, VH_DESC_WRITE },
};

static void
each_lane_refuses(void **st)
{
	unsigned int k, lane, i;

	for (k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
		for (lane = 0; lane < 4; lane++) {
			rig_ring(&g, 64, g.bind.flags, g.packed ? 0x8000 : 0);
			for (i = 0; i < 8; i++)
				if (i == 4 + lane)
					rig_one(&g, (uint16_t)i, wrong[k].addr, wrong[k].len, wrong[k].flags);
				else
					rig_one(&g, (uint16_t)i, RIG_BUFS + i, 64, VH_DESC_WRITE);
			assert_int_equal(look(8, VH_DESC_WRITE), 4);
			check_stored(3, RIG_BUFS + 3, 64, 3, 0);
			/* and nothing more was stored than that */
			assert_int_equal(req[8].len, 0xeeeeeeee);
		}
}

static void
head_beyond_ring(void **st)
{
	unsigned int lane, i;

	for (lane = 0; lane < 4; lane++) {
		rig_ring(&g, 64, 0, 0);
		for (i = 0; i < 64; i++)
			rig_desc(&g, (uint16_t)i, RIG_BUFS, 64, 0, 0);
		for (i = 0; i < 4; i++)
			rig_post(&g, (uint16_t)(i == lane ? 64 : i));
		assert_int_equal(look(4, 0), 0);
	}
}

/* Only what is marked for this lap. */
static void
not_available(void **st)
{
	static const uint16_t marks[] = { 0, VH_DESC_USED, VH_DESC_AVAIL | VH_DESC_USED };
	unsigned int lane, i, k;

	for (k = 0; k < 3; k++)
		for (lane = 0; lane < 4; lane++) {
			for (i = 0; i < 4; i++)
				rig_raw_slot(&g, (uint16_t)i, RIG_BUFS, 64, 0, i == lane ? marks[k] : VH_DESC_AVAIL);
			assert_int_equal(look(4, 0), 0);
		}
}

#define SPLIT(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)
#define PACKED(f) { "packed " #f, f, open_rig, close_rig, &g }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SPLIT(in_order), SPLIT(readable), SPLIT(each_lane_refuses), SPLIT(head_beyond_ring),
		PACKED(in_order), PACKED(readable), PACKED(each_lane_refuses), PACKED(not_available),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
