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

#include "chains.h"

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
	assert_int_equal(rig_fetch(&g, 1, dir), rc);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
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
	rig_no_timer(&g);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_NONE);
	assert_int_equal(g.ring->burst.looked_at, 0);
	rig_new_generation(&g);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), -EAGAIN);
	assert_int_equal(g.ring->fault.code, VH_V_BAD_ADDR);
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
	rig_no_timer(&g);
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

/* A writable entry in a transmit table: one driver of packed rings leaves the flag set, nobody else does. */
static void
table_direction(void **st)
{
	struct rig g;

	open_rig(&g, VH_B_INDIRECT);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 12, VH_DESC_NEXT | VH_DESC_WRITE, 1);
	rig_entry(&g, TABLE, 1, RIG_BUFS + 12, 100, 0, 0);
	rig_one(&g, 0, TABLE, 32, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, g.packed ? VH_V_NONE : VH_V_TX_DIR);
	assert_int_equal(req(&g, 0)->nr_readable, g.packed ? 2 : 0);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_WRITE), VH_V_DESC_DIR);
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

/* Behind a request in the same region, a table of two with these lengths is the only one of its burst. */
static void
open_single(struct rig *g, uint32_t flags, uint32_t len0, uint32_t len1)
{
	open_rig(g, flags);
	g->map->region[2].size = UINT64_C(1) << 34; /* nobody looks at the bytes */
	rig_one(g, 0, RIG_GPA2, 100, R);
	assert_int_equal(rig_fetch(g, 1, VH_DIR_READ), 0);
	vh_ring_publish(&g->bind, 1);
	rig_entry(g, RIG_GPA2 + 4096, 0, RIG_GPA2, len0, VH_DESC_NEXT, 1);
	rig_entry(g, RIG_GPA2 + 4096, 1, RIG_GPA2, len1, 0, 0);
	rig_one(g, 1, RIG_GPA2 + 4096, 32, VH_DESC_INDIRECT);
}

/* A burst of one has a short way of its own; it is as strict. */
static void
single_table(void **st)
{
	struct rig g;

	open_single(&g, VH_B_INDIRECT, 12, 60);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, VH_V_NONE);
	assert_int_equal(req(&g, 0)->len, 72);
	g.policy.budget = 2;
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, VH_V_CHAIN_LEN);
	g.policy.budget = 3;
	g.policy.max_pieces = 1;
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, VH_V_VEC_LIMIT);
	rig_close(&g);

	open_single(&g, 0, 12, 60);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), VH_V_DESC_FLAGS);
	assert_int_equal(g.ring->burst.nr_reqs, 0);
	rig_close(&g);

	open_single(&g, VH_B_INDIRECT, UINT32_MAX, 1);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(req(&g, 0)->fault, VH_V_PKT_TOO_BIG);
	rig_close(&g);
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
		cmocka_unit_test(table_direction),
		cmocka_unit_test(tables_among_chains),
		cmocka_unit_test(single_table),
		cmocka_unit_test(into_ring_memory),
	};
	int failed = cmocka_run_group_tests_name("split", tests, use_split, NULL);

	return failed + cmocka_run_group_tests_name("packed", tests, use_packed, NULL);
}
