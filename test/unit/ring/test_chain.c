/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chain builder through fetch, each case on a split and on a packed ring: directions, lengths, addresses, tables,
 * limits, and what is remembered.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"

#define N 512
#define TABLE (RIG_GPA0 + 0x100000)

#define R 0
#define W VH_DESC_WRITE

/* The format under test. */
static uint32_t format;

static void
open_rig(struct rig *g, uint32_t flags)
{
	rig_open(g, N, format | flags);
}

/* A chain of n buffers; split: descriptors from first on. */
static void
chain(struct rig *g, uint16_t first, const struct vh_desc *d, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)(d[i].flags | (i + 1 < n ? VH_DESC_NEXT : 0));

		if (g->packed)
			rig_slot(g, d[i].addr, d[i].len, (uint16_t)(first + i), flags);
		else
			rig_desc(g, (uint16_t)(first + i), d[i].addr, d[i].len, flags, (uint16_t)(first + i + 1));
	}
	if (!g->packed)
		rig_post(g, first);
}

static void
chain_of(struct rig *g, uint16_t first, uint16_t n, uint64_t addr, uint32_t len, uint16_t flags)
{
	uint16_t i;
	struct vh_desc d[N];

	for (i = 0; i < n; i++)
		d[i] = (struct vh_desc){ addr + (uint64_t)i * len, len, flags, 0 };
	chain(g, first, d, n);
}

/* id that is handed back for chain(g, first, …, n) */
static uint16_t
id_of(const struct rig *g, uint16_t first, uint16_t n)
{
	return g->packed ? (uint16_t)(first + n - 1) : first;
}

static void
table_of(struct rig *g, uint64_t table, uint16_t n, uint64_t addr, uint32_t len, uint16_t flags)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		rig_entry(g, table, i, addr + (uint64_t)i * len, len,
			(uint16_t)(flags | (i + 1 < n ? VH_DESC_NEXT : 0)), (uint16_t)(i + 1));
}

static const struct vh_req *
req(const struct rig *g, unsigned int i)
{
	assert_true(i < g->ring->burst.nr_reqs);
	return &g->ring->burst.req[i];
}

static const struct vh_seg *
seg(const struct rig *g, unsigned int i, unsigned int k)
{
	assert_true(k < req(g, i)->nr_segs);
	return &g->ring->burst.seg[req(g, i)->seg + k];
}

static void
expect_break(struct rig *g, enum vh_dir dir, enum vh_violation code)
{
	assert_int_equal(rig_fetch(g, 32, dir), code);
	assert_int_equal(g->ring->fault.code, code);
	assert_int_equal(g->ring->fault.queue, 1);
	assert_int_equal(g->ring->burst.nr_reqs, 0);
}

/* One bad chain between two good ones: what is before it is served, the position stays on it. */
static void
bad_between(enum vh_dir dir, const struct vh_desc *d, uint16_t n, uint32_t flags, int rc, enum vh_violation code)
{
	uint16_t good = dir == VH_DIR_WRITE ? W : R;
	struct rig g;

	open_rig(&g, flags);
	rig_one(&g, 0, RIG_BUFS, 100, good);
	chain(&g, 1, d, n);
	rig_one(&g, 500, RIG_BUFS, 101, good);
	assert_int_equal(rig_fetch(&g, 32, dir), rc);
	assert_int_equal(g.ring->fault.code, code);
	assert_int_equal(g.ring->fault.position, 1);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	assert_int_equal(req(&g, 0)->len, 100);
	vh_ring_publish(&g.bind, 1);
	assert_int_equal(rig_fetch(&g, 32, dir), rc);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
	rig_close(&g);
}

/* The same on a transmit ring with content nobody can use: appended with its fault, the next one follows. */
static void
dropped_between(const struct vh_desc *d, uint16_t n, enum vh_violation code)
{
	struct rig g;

	open_rig(&g, VH_B_INDIRECT);
	rig_one(&g, 0, RIG_BUFS, 100, R);
	chain(&g, 1, d, n);
	rig_one(&g, 500, RIG_BUFS, 101, R);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 3);
	assert_int_equal(req(&g, 1)->fault, code);
	assert_int_equal(req(&g, 1)->nr_segs, 0);
	assert_int_equal(req(&g, 1)->len, 0);
	assert_int_equal(req(&g, 1)->id, id_of(&g, 1, n));
	assert_int_equal(req(&g, 1)->nr_slots, g.packed ? n : 1);
	assert_int_equal(req(&g, 2)->fault, VH_V_NONE);
	assert_int_equal(req(&g, 2)->len, 101);
	rig_close(&g);
}

static void
wrong_direction(void **st)
{
	struct vh_desc r = { RIG_BUFS, 64, R, 0 }, w = { RIG_BUFS, 64, W, 0 };
	struct vh_desc wr[] = { w, r }, rw[] = { r, w };

	bad_between(VH_DIR_WRITE, &r, 1, 0, VH_V_DESC_DIR, VH_V_DESC_DIR);
	bad_between(VH_DIR_WRITE, wr, 2, 0, VH_V_DESC_DIR, VH_V_DESC_DIR);
	bad_between(VH_DIR_BOTH, wr, 2, 0, VH_V_DESC_DIR, VH_V_DESC_DIR);
	dropped_between(&w, 1, VH_V_TX_DIR);
	dropped_between(rw, 2, VH_V_TX_DIR);
}

static void
both_directions(void **st)
{
	struct vh_desc d[] = { { RIG_BUFS, 16, R, 0 }, { RIG_BUFS + 100, 0, W, 0 }, { RIG_BUFS + 200, 512, R, 0 },
		{ RIG_BUFS + 900, 4, W, 0 }, { RIG_BUFS + 1000, 1, W, 0 } };
	struct rig g;

	open_rig(&g, 0);
	chain(&g, 7, d, 5);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_BOTH), 0);
	assert_int_equal(req(&g, 0)->nr_segs, 4);
	assert_int_equal(req(&g, 0)->nr_readable, 2);
	assert_int_equal(req(&g, 0)->len, 533);
	rig_close(&g);
}

static void
empty_descriptors(void **st)
{
	/* unmapped and wrong direction as well: no byte of them is used */
	struct vh_desc e = { 5, 0, W, 0 }, x = { 7, 0, R, 0 };
	struct vh_desc all[] = { x, x, x }, some[] = { e, { RIG_BUFS + 1, 1, R, 0 }, e, { RIG_BUFS + 3, 13, R, 0 }, x };
	struct rig g;

	dropped_between(all, 3, VH_V_TX_SHORT);
	dropped_between(&e, 1, VH_V_TX_SHORT);
	bad_between(VH_DIR_WRITE, all, 3, 0, VH_V_RX_EMPTY, VH_V_RX_EMPTY);
	open_rig(&g, 0);
	chain(&g, 0, some, 5);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->nr_segs, 2);
	assert_int_equal(req(&g, 0)->len, 14);
	assert_ptr_equal(seg(&g, 0, 1)->hva, rig_host(&g, RIG_BUFS + 3));
	rig_close(&g);
}

static void
address_wraps(void **st)
{
	struct vh_desc d = { UINT64_MAX, 2, R, 0 }, to_end = { RIG_GPA3, 0x2000, R, 0 };
	struct vh_desc w = { UINT64_MAX - 4, UINT32_MAX, W, 0 };

	bad_between(VH_DIR_READ, &d, 1, 0, VH_V_ADDR_WRAP, VH_V_ADDR_WRAP);
	bad_between(VH_DIR_READ, &to_end, 1, 0, VH_V_ADDR_WRAP, VH_V_ADDR_WRAP);
	bad_between(VH_DIR_WRITE, &w, 1, 0, VH_V_ADDR_WRAP, VH_V_ADDR_WRAP);
}

static void
unmapped(void **st)
{
	struct vh_desc d[] = { { RIG_BUFS, 10, R, 0 }, { 0x20, 10, R, 0 } };
	struct vh_desc tail = { RIG_GPA2 + RIG_SIZE2 - 10, 11, R, 0 }, front = { RIG_GPA2 - 1, 10, W, 0 };

	bad_between(VH_DIR_READ, d, 2, 0, -EAGAIN, VH_V_BAD_ADDR);
	bad_between(VH_DIR_READ, &tail, 1, 0, -EAGAIN, VH_V_BAD_ADDR);
	bad_between(VH_DIR_WRITE, &front, 1, 0, -EAGAIN, VH_V_BAD_ADDR);
}

/* A refused head is reported once, then left alone until the table changes, the ring starts anew or 10 ms pass. */
static void
remembered(void **st)
{
	struct timespec ms20 = { .tv_nsec = 20000000 };
	struct rig g;

	open_rig(&g, 0);
	rig_one(&g, 0, 5, 10, R);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_BAD_ADDR);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_NONE);
	assert_int_equal(g.ring->burst.looked_at, 0);
	rig_new_generation(&g);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_BAD_ADDR);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_NONE);
	nanosleep(&ms20, NULL);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_BAD_ADDR);
	/* mapped at last */
	g.map->region[0].gpa = 0;
	rig_new_generation(&g);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	rig_close(&g);
}

/* The driver rewrites a refused buffer: served, and a later one in the same place is not mistaken for it. */
static void
remembered_and_rewritten(void **st)
{
	uint16_t base = format != 0 ? 0x8000 : 0;
	struct rig g;

	rig_open(&g, 1, format);
	rig_one(&g, 0, 5, 10, R);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	if (g.packed)
		rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, VH_DESC_AVAIL);
	else
		rig_desc(&g, 0, RIG_BUFS, 10, R, 0);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	vh_ring_publish(&g.bind, 1);
	assert_false(g.ring->stalled);
	/* a new start forgets too */
	rig_ring(&g, 1, format, base);
	rig_one(&g, 0, 5, 10, R);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	rig_ring(&g, 1, format, base);
	rig_one(&g, 0, 5, 10, R);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_BAD_ADDR);
	rig_close(&g);
}

static void
piece_limit(void **st)
{
	struct vh_desc d[257];
	struct rig g;
	int i;

	for (i = 0; i < 257; i++)
		d[i] = (struct vh_desc){ RIG_BUFS + 2u * (unsigned int)i + 1, 1, W, 0 };
	bad_between(VH_DIR_WRITE, d, 257, 0, -EAGAIN, VH_V_VEC_LIMIT);
	bad_between(VH_DIR_BOTH, d, 257, 0, VH_V_VEC_LIMIT, VH_V_VEC_LIMIT);
	for (i = 0; i < 257; i++)
		d[i].flags = R;
	dropped_between(d, 257, VH_V_VEC_LIMIT);
	open_rig(&g, 0);
	chain(&g, 3, d, 256);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, VH_V_NONE);
	assert_int_equal(req(&g, 0)->nr_segs, 256);
	assert_int_equal(req(&g, 0)->len, 256);
	rig_close(&g);
}

/* Empty descriptors without end: cut at the budget, with the whole budget of a call and not before. */
static void
descriptor_limit(void **st)
{
	struct rig g;

	open_rig(&g, 0);
	g.policy.budget = 300;
	rig_one(&g, 0, RIG_BUFS, 100, R);
	chain_of(&g, 1, 301, RIG_BUFS, 0, R);
	rig_one(&g, 500, RIG_BUFS, 100, R);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	vh_ring_publish(&g.bind, 1);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	assert_int_equal(req(&g, 0)->fault, VH_V_CHAIN_LEN);
	assert_int_equal(g.ring->burst.looked_at, 300);
	vh_ring_publish(&g.bind, 1);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->len, 100);
	rig_close(&g);
}

static void
descriptor_limit_receive(void **st)
{
	struct rig g;

	open_rig(&g, 0);
	g.policy.budget = 300;
	chain_of(&g, 0, 301, RIG_BUFS, 0, W);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_WRITE), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_CHAIN_LEN);
	assert_int_equal(g.ring->fault.limit, 300);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_WRITE), -EAGAIN);
	assert_int_equal(g.ring->burst.looked_at, 0);
	rig_close(&g);
}

static void
too_many_bytes(void **st)
{
	struct vh_desc d[] = { { RIG_BUFS, 100, R, 0 }, { RIG_BUFS, UINT32_MAX - 99, R, 0 } };
	struct vh_desc w[] = { { RIG_BUFS, 100, W, 0 }, { RIG_BUFS, UINT32_MAX - 99, W, 0 } };

	dropped_between(d, 2, VH_V_PKT_TOO_BIG);
	bad_between(VH_DIR_WRITE, w, 2, 0, -EAGAIN, VH_V_PKT_TOO_BIG);
}

/* A140: the sum of many big pieces passes 32 bits although each lies in memory. */
static void
sum_wraps_32_bits(void **st)
{
	struct vh_desc d[17];
	struct rig g;
	int i;

	open_rig(&g, 0);
	/* 256 MiB of guest memory that nobody touches */
	g.map->region[2].size = UINT64_C(1) << 28;
	for (i = 0; i < 16; i++)
		d[i] = (struct vh_desc){ RIG_GPA2, 1u << 28, R, 0 };
	d[16] = (struct vh_desc){ RIG_BUFS, 100, R, 0 };
	chain(&g, 0, d, 17);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, VH_V_PKT_TOO_BIG);
	rig_close(&g);
}

static void
table_length(void **st)
{
	static const uint32_t bad[] = { 0, 15, 17, N * 16 + 16, UINT32_MAX - 15 };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vh_desc d = { TABLE, bad[i], VH_DESC_INDIRECT, 0 };

		bad_between(VH_DIR_READ, &d, 1, VH_B_INDIRECT, VH_V_IND_LEN, VH_V_IND_LEN);
		bad_between(VH_DIR_WRITE, &d, 1, VH_B_INDIRECT, VH_V_IND_LEN, VH_V_IND_LEN);
	}
}

static void
table_of_ring_size(void **st)
{
	struct rig g;

	rig_open(&g, 16, format | VH_B_INDIRECT);
	table_of(&g, TABLE, 16, RIG_BUFS, 10, W);
	rig_one(&g, 0, TABLE, 16 * 16, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_WRITE), 0);
	assert_int_equal(req(&g, 0)->nr_segs, 16);
	assert_int_equal(req(&g, 0)->nr_readable, 0);
	assert_int_equal(req(&g, 0)->nr_slots, 1);
	rig_close(&g);
	/* request devices: storage drivers go beyond the ring's size */
	rig_open(&g, 16, format | VH_B_INDIRECT);
	table_of(&g, TABLE, 200, RIG_BUFS, 10, W);
	rig_one(&g, 0, TABLE, 200 * 16, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_BOTH), 0);
	assert_int_equal(req(&g, 0)->nr_segs, 200);
	rig_close(&g);
}

static void
table_flags(void **st)
{
	struct vh_desc d[] = { { TABLE, 16, VH_DESC_INDIRECT, 0 }, { RIG_BUFS, 10, R, 0 } };

	bad_between(VH_DIR_READ, d, 1, 0, VH_V_DESC_FLAGS, VH_V_DESC_FLAGS);
	bad_between(VH_DIR_READ, d, 2, VH_B_INDIRECT, VH_V_DESC_FLAGS, VH_V_DESC_FLAGS);
}

static void
table_address(void **st)
{
	struct vh_desc hole = { 0x10, 16, VH_DESC_INDIRECT, 0 };
	struct vh_desc half = { RIG_GPA2 + RIG_SIZE2 - 24, 32, VH_DESC_INDIRECT, 0 };
	struct vh_desc wrap = { UINT64_MAX - 15, 16, VH_DESC_INDIRECT, 0 };
	struct rig g;

	bad_between(VH_DIR_READ, &hole, 1, VH_B_INDIRECT, -EAGAIN, VH_V_BAD_ADDR);
	bad_between(VH_DIR_READ, &wrap, 1, VH_B_INDIRECT, VH_V_ADDR_WRAP, VH_V_ADDR_WRAP);
	/* the second entry is half in the hole */
	open_rig(&g, VH_B_INDIRECT);
	rig_entry(&g, RIG_GPA2 + RIG_SIZE2 - 24, 0, RIG_BUFS, 1, VH_DESC_NEXT, 1);
	rig_one(&g, 0, half.addr, half.len, half.flags);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_BAD_ADDR);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
	rig_close(&g);
}

/* A151: unaligned, an entry on both sides of a border. */
static void
table_across_regions(void **st)
{
	uint64_t at = RIG_GPA1 - 16 * 3 - 5;
	struct rig g;

	open_rig(&g, VH_B_INDIRECT);
	table_of(&g, at, 7, RIG_BUFS, 33, R);
	rig_one(&g, 9, at, 7 * 16, VH_DESC_INDIRECT | VH_DESC_WRITE);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->nr_segs, 7);
	assert_int_equal(req(&g, 0)->len, 7 * 33);
	assert_int_equal(req(&g, 0)->id, 9);
	assert_ptr_equal(seg(&g, 0, 6)->hva, rig_host(&g, RIG_BUFS + 6 * 33));
	rig_close(&g);
}

static void
tables_among_chains(void **st)
{
	struct rig g;
	uint16_t i, n = 0;

	open_rig(&g, VH_B_INDIRECT);
	for (i = 0; i < 30; i++) {
		uint16_t len = (uint16_t)(1 + i % 3 * 8);

		table_of(&g, TABLE + i * 0x1000u, len, RIG_BUFS + i * 64u, 64, W);
		if (i % 2 == 0) {
			rig_one(&g, n++, TABLE + i * 0x1000u, len * 16u, VH_DESC_INDIRECT);
		} else {
			chain_of(&g, n, len, RIG_BUFS + i * 64u, 64, W);
			n = (uint16_t)(n + len);
		}
	}
	assert_int_equal(rig_fetch(&g, 64, VH_DIR_WRITE), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 30);
	for (i = 0; i < 30; i++) {
		assert_int_equal(req(&g, i)->nr_segs, 1 + i % 3 * 8);
		assert_ptr_equal(seg(&g, i, 0)->hva, rig_host(&g, RIG_BUFS + i * 64u));
	}
	rig_close(&g);
}

static void
into_ring_memory(void **st)
{
	struct vh_desc last = { RIG_GPA0, 17, W, 0 };
	struct rig g;
	unsigned int i;

	bad_between(VH_DIR_WRITE, &last, 1, 0, VH_V_DESC_IN_RING, VH_V_DESC_IN_RING);
	bad_between(VH_DIR_BOTH, &last, 1, 0, VH_V_DESC_IN_RING, VH_V_DESC_IN_RING);
	open_rig(&g, 0);
	for (i = 0; i < 3; i++) {
		uint64_t gpa = RIG_GPA0 + g.area[i].start - (uintptr_t)rig_host(&g, RIG_GPA0);
		struct rig h;

		open_rig(&h, 0);
		rig_one(&h, 0, gpa + g.area[i].len - 1, 4096, W);
		expect_break(&h, VH_DIR_WRITE, VH_V_DESC_IN_RING);
		rig_close(&h);
	}
	/* the byte in front is nobody's; reading a ring is harmless (A158) */
	rig_one(&g, 0, RIG_GPA0, 16, W);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_WRITE), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	vh_ring_publish(&g.bind, 1);
	rig_one(&g, 1, RIG_GPA0, 4096, R);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(g.ring->burst.nr_reqs, 1);
	rig_close(&g);
}

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

static int
use_split(void **st)
{
	format = 0;
	return 0;
}

static int
use_packed(void **st)
{
	format = VH_B_PACKED;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_direction),
		cmocka_unit_test(both_directions),
		cmocka_unit_test(empty_descriptors),
		cmocka_unit_test(address_wraps),
		cmocka_unit_test(unmapped),
		cmocka_unit_test(remembered),
		cmocka_unit_test(remembered_and_rewritten),
		cmocka_unit_test(piece_limit),
		cmocka_unit_test(descriptor_limit),
		cmocka_unit_test(descriptor_limit_receive),
		cmocka_unit_test(too_many_bytes),
		cmocka_unit_test(sum_wraps_32_bits),
		cmocka_unit_test(table_length),
		cmocka_unit_test(table_of_ring_size),
		cmocka_unit_test(table_flags),
		cmocka_unit_test(table_address),
		cmocka_unit_test(table_across_regions),
		cmocka_unit_test(tables_among_chains),
		cmocka_unit_test(into_ring_memory),
		cmocka_unit_test(region_borders),
		cmocka_unit_test(same_buffer_everywhere),
		cmocka_unit_test(arena_full),
		cmocka_unit_test(arena_of_requests_full),
	};
	int failed = cmocka_run_group_tests_name("split", tests, use_split, NULL);

	return failed + cmocka_run_group_tests_name("packed", tests, use_packed, NULL);
}
