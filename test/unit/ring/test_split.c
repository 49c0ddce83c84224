/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split rings: indexes, heads, loops, sizes, publication, suppression words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TABLE (RIG_GPA0 + 0x100000)
#define R 0
#define W VH_DESC_WRITE

static struct rig g;

static int
close_rig(void **st)
{
	rig_close(&g);
	return 0;
}

static struct vh_burst *
burst(void)
{
	return &g.ring->burst;
}

static void
post_n(uint16_t n, uint16_t flags)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		rig_one(&g, (uint16_t)(g.avail_idx & (g.size - 1)), RIG_BUFS + i % 4096u * 64u, 64u + i % 4096u, flags);
}

static void
sizes(void **st)
{
	static const uint16_t size[] = { 1, 2, 4, 64, 256, 1024, 32768 };
	unsigned int i;

	rig_open(&g, 1, 0);
	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		uint32_t total = 0, taken;

		/* full ring, index passing 65535 on the way */
		rig_ring(&g, size[i], VH_B_EVENT_IDX, (uint16_t)(0x10000 - size[i] / 2));
		post_n(size[i], R);
		assert_int_equal(vh_ring_available(&g.bind), size[i]);
		do {
			assert_int_equal(rig_fetch(&g, 256, VH_DIR_READ), 0);
			taken = burst()->nr_reqs;
			vh_ring_publish(&g.bind, taken);
			total += taken;
			assert_int_equal(rig_used_idx(&g), (uint16_t)(0x10000 - size[i] / 2 + total));
		} while (taken > 0);
		assert_int_equal(total, size[i]);
	}
}

static void
index_jumps(void **st)
{
	static const struct {
		uint16_t size, idx;
	} bad[] = { { 2, 3 }, { 16, 17 }, { 256, 257 }, { 256, 32767 }, { 256, 65535 }, { 32768, 32769 },
		{ 4, 65535 } };
	unsigned int i;

	rig_open(&g, 1, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_ring(&g, bad[i].size, 0, 0);
		rig_set_avail_idx(&g, bad[i].idx);
		assert_int_equal(rig_fetch(&g, 32, VH_DIR_WRITE), VH_V_AVAIL_IDX);
		assert_int_equal(g.ring->fault.observed, bad[i].idx);
		assert_int_equal(g.ring->fault.limit, bad[i].size);
		assert_int_equal(burst()->nr_reqs, 0);
	}
}

/* What is fetched and not handed back counts: positions apart leave less room. */
static void
index_beyond_outstanding(void **st)
{
	rig_open(&g, 8, 0);
	vh_ring_set_positions(g.ring, false, 5, 2);
	rig_set_avail_idx(&g, 11);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_AVAIL_IDX);
	rig_set_avail_idx(&g, 10);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 5);
	/* positions no ring can have */
	vh_ring_set_positions(g.ring, false, 2, 5);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_AVAIL_IDX);
}

static void
index_read_once(void **st)
{
	rig_open(&g, 8, 0);
	post_n(2, R);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	/* the driver goes on, and lies: not seen in this burst */
	rig_set_avail_idx(&g, 100);
	assert_int_equal(vh_ring_fetch(&g.bind, 8, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 2);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_AVAIL_IDX);
}

static void
head_beyond_ring(void **st)
{
	rig_open(&g, 8, 0);
	rig_one(&g, 0, RIG_BUFS, 10, R);
	rig_one(&g, 1, RIG_BUFS, 10, R);
	rig_post(&g, 8);
	rig_one(&g, 2, RIG_BUFS, 10, R);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_DESC_INDEX);
	assert_int_equal(g.ring->fault.observed, 8);
	assert_int_equal(g.ring->fault.position, 2);
	assert_int_equal(burst()->nr_reqs, 2);
	vh_ring_publish(&g.bind, 2);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_DESC_INDEX);
}

static void
next_beyond_table(void **st)
{
	rig_open(&g, 8, VH_B_INDIRECT);
	rig_desc(&g, 3, RIG_BUFS, 10, VH_DESC_NEXT, 8);
	rig_post(&g, 3);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_DESC_NEXT);
	assert_int_equal(g.ring->fault.observed, 8);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 10, VH_DESC_NEXT, 2);
	rig_desc(&g, 3, TABLE, 32, VH_DESC_INDIRECT, 0);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_DESC_NEXT);
	assert_int_equal(g.ring->fault.limit, 2);
	/* without NEXT it is not looked at */
	rig_desc(&g, 3, RIG_BUFS, 10, 0, 60000);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
}

/* A chain that ends in itself: onto the head, into the middle, over two, over the whole ring. */
static void
loop_of(uint16_t size, uint16_t first, uint16_t length, uint32_t len, enum vh_dir dir)
{
	uint16_t i, n = (uint16_t)(first + length);

	rig_ring(&g, size, 0, 0);
	for (i = 0; i < n; i++)
		rig_desc(&g, i, RIG_BUFS, len, (uint16_t)(VH_DESC_NEXT | (dir == VH_DIR_WRITE ? W : 0)),
			(uint16_t)(i + 1 < n ? i + 1 : first));
	rig_post(&g, 0);
	assert_int_equal(rig_fetch(&g, 32, dir), VH_V_CHAIN_LOOP);
	assert_int_equal(burst()->nr_reqs, 0);
	assert_true(burst()->looked_at <= VH_CALL_BUDGET);
}

static void
loops(void **st)
{
	unsigned int i;

	rig_open(&g, 1, 0);
	for (i = 0; i < 2; i++) {
		enum vh_dir dir = i == 0 ? VH_DIR_READ : VH_DIR_WRITE;

		loop_of(1, 0, 1, 1, dir);
		loop_of(256, 0, 1, 0, dir);
		loop_of(256, 0, 2, 100, dir);
		loop_of(256, 7, 3, 100, dir);
		loop_of(256, 0, 256, 1, dir);
		/* over 256 pieces as well: the structure counts */
		loop_of(1024, 0, 1024, 100, dir);
		loop_of(1024, 1000, 24, 100, dir);
		loop_of(32768, 0, 1, 100, dir);
		loop_of(32768, 500, 900, 0, dir);
	}
}

/* A loop that a call's budget does not reach round is a chain that is too long. */
static void
loop_over_budget(void **st)
{
	uint16_t i;

	rig_open(&g, 32768, 0);
	for (i = 0; i < 32768; i++)
		rig_desc(&g, i, RIG_BUFS, 0, VH_DESC_NEXT, (i + 1) & 0x7fff);
	rig_post(&g, 0);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(burst()->req[0].fault, VH_V_CHAIN_LEN);
	assert_int_equal(burst()->looked_at, VH_CALL_BUDGET);
}

static void
loop_in_table(void **st)
{
	rig_open(&g, 8, VH_B_INDIRECT);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 10, VH_DESC_NEXT, 1);
	rig_entry(&g, TABLE, 1, RIG_BUFS, 10, VH_DESC_NEXT, 2);
	rig_entry(&g, TABLE, 2, RIG_BUFS, 10, VH_DESC_NEXT, 1);
	rig_one(&g, 0, TABLE, 48, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), VH_V_CHAIN_LOOP);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 10, VH_DESC_NEXT, 0);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), VH_V_CHAIN_LOOP);
}

static void
nested_table(void **st)
{
	rig_open(&g, 8, VH_B_INDIRECT);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 10, VH_DESC_NEXT, 1);
	rig_entry(&g, TABLE, 1, TABLE + 64, 16, VH_DESC_INDIRECT, 0);
	rig_one(&g, 0, TABLE, 32, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), VH_V_DESC_FLAGS);
}

/* Legal by the text, though no driver does it: descriptors, then a table as the last. */
static void
chain_then_table(void **st)
{
	rig_open(&g, 8, VH_B_INDIRECT);
	rig_entry(&g, TABLE, 0, RIG_BUFS + 100, 20, VH_DESC_NEXT, 5);
	rig_entry(&g, TABLE, 5, RIG_BUFS + 200, 30, 0, 0);
	rig_desc(&g, 6, RIG_BUFS, 10, VH_DESC_NEXT, 1);
	rig_desc(&g, 1, TABLE, 96, VH_DESC_INDIRECT, 77);
	rig_post(&g, 6);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(burst()->req[0].id, 6);
	assert_int_equal(burst()->req[0].nr_segs, 3);
	assert_int_equal(burst()->req[0].len, 60);
	assert_ptr_equal(burst()->seg[2].hva, rig_host(&g, RIG_BUFS + 200));
}

static void
unknown_flags_ignored(void **st)
{
	rig_open(&g, 8, 0);
	rig_one(&g, 0, RIG_BUFS, 10, 0xfff8);
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 1);
	assert_int_equal(burst()->req[0].fault, VH_V_NONE);
}

static void
publish_some(void **st)
{
	unsigned int i;

	rig_open(&g, 8, 0);
	post_n(6, W);
	assert_int_equal(rig_fetch(&g, 6, VH_DIR_WRITE), 0);
	for (i = 0; i < 6; i++)
		burst()->used_len[i] = 10 + i;
	vh_ring_publish(&g.bind, 4);
	assert_int_equal(rig_used_idx(&g), 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(rig_used(&g, (uint16_t)i).id, i);
		assert_int_equal(rig_used(&g, (uint16_t)i).len, 10 + i);
	}
	/* the other two again */
	assert_int_equal(rig_fetch(&g, 6, VH_DIR_WRITE), 0);
	assert_int_equal(burst()->nr_reqs, 2);
	assert_int_equal(burst()->req[0].id, 4);
	vh_ring_publish(&g.bind, 0);
	assert_int_equal(rig_used_idx(&g), 4);
}

/* A157: whatever the driver does to the used ring, our index comes from us. */
static void
used_ring_scribbled(void **st)
{
	rig_open(&g, 8, 0);
	post_n(4, R);
	assert_int_equal(rig_fetch(&g, 2, VH_DIR_READ), 0);
	vh_ring_publish(&g.bind, 2);
	memset(g.bind.used, 0xee, 4 + 8 * 8);
	assert_int_equal(rig_fetch(&g, 2, VH_DIR_READ), 0);
	vh_ring_publish(&g.bind, 2);
	assert_int_equal(rig_used_idx(&g), 4);
	assert_int_equal(rig_used(&g, 2).id, 2);
	assert_int_equal(rig_used(&g, 3).len, 0);
}

static void
in_order(void **st)
{
	rig_open(&g, 8, VH_B_IN_ORDER);
	post_n(8, R);
	assert_int_equal(rig_fetch(&g, 5, VH_DIR_READ), 0);
	/* not looked at: nothing was written */
	burst()->used_len[4] = 99;
	vh_ring_publish(&g.bind, 5);
	assert_int_equal(rig_used_idx(&g), 5);
	assert_int_equal(rig_used(&g, 0).id, 4);
	assert_int_equal(rig_used(&g, 0).len, 0);
	/* what was written must be told for each: no batch */
	rig_ring(&g, 8, VH_B_IN_ORDER, 0);
	post_n(3, W);
	assert_int_equal(rig_fetch(&g, 3, VH_DIR_WRITE), 0);
	burst()->used_len[0] = 1;
	burst()->used_len[1] = 2;
	burst()->used_len[2] = 3;
	vh_ring_publish(&g.bind, 3);
	assert_int_equal(rig_used(&g, 0).id, 0);
	assert_int_equal(rig_used(&g, 1).len, 2);
	assert_int_equal(rig_used(&g, 2).id, 2);
}

static void
consume(uint16_t n)
{
	post_n(n, R);
	assert_int_equal(rig_fetch(&g, n, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, n);
	vh_ring_publish(&g.bind, n);
}

static struct vh_avail *
avail(void)
{
	return (struct vh_avail *)(uintptr_t)g.bind.avail;
}

static void
call_by_flags(void **st)
{
	rig_open(&g, 8, 0);
	consume(1);
	assert_true(vh_ring_need_call(&g.bind));
	avail()->flags = VH_AVAIL_NO_INTERRUPT;
	consume(1);
	assert_false(vh_ring_need_call(&g.bind));
	avail()->flags = 0xfffe;
	assert_true(vh_ring_need_call(&g.bind));
	g.bind.call = NULL;
	assert_false(vh_ring_need_call(&g.bind));
}

static void
call_by_event(void **st)
{
	rig_open(&g, 8, 0);
	rig_ring(&g, 8, VH_B_EVENT_IDX, 65530);
	/* flags are not looked at, the first test always says yes (NOTIF-1) */
	avail()->flags = VH_AVAIL_NO_INTERRUPT;
	avail()->ring[8] = 1000;
	consume(1);
	assert_true(vh_ring_need_call(&g.bind));
	consume(2);
	assert_false(vh_ring_need_call(&g.bind));
	/* passed by the next burst, over the wrap of the index */
	avail()->ring[8] = 65535;
	consume(2);
	assert_false(vh_ring_need_call(&g.bind));
	consume(4);
	assert_true(vh_ring_need_call(&g.bind));
	consume(4);
	assert_false(vh_ring_need_call(&g.bind));
	/* a call fd that comes later begins anew (NOTIF-11) */
	g.bind.call = NULL;
	consume(1);
	assert_false(vh_ring_need_call(&g.bind));
	g.bind.call = (struct vh_efd *)&g;
	consume(1);
	assert_true(vh_ring_need_call(&g.bind));
}

static void
kicks_by_flags(void **st)
{
	rig_open(&g, 8, 0);
	g.bind.used->flags = 0x5555;
	vh_ring_notify(&g.bind, false);
	assert_int_equal(g.bind.used->flags, VH_USED_NO_NOTIFY);
	g.bind.used->flags = 0x5555;
	vh_ring_notify(&g.bind, true);
	assert_int_equal(g.bind.used->flags, 0);
}

static void
kicks_by_event(void **st)
{
	le16_t *event;

	rig_open(&g, 8, VH_B_EVENT_IDX);
	event = (le16_t *)&g.bind.used->ring[8];
	consume(3);
	*event = 0x7777;
	vh_ring_notify(&g.bind, false);
	assert_int_equal(*event, 0x7777);
	assert_int_equal(g.bind.used->flags, 0);
	vh_ring_notify(&g.bind, true);
	assert_int_equal(*event, 3);
}

static void
monitor(void **st)
{
	struct vh_monitor m;

	rig_open(&g, 8, 0);
	consume(8);
	consume(3);
	vh_ring_monitor(&g.bind, &m);
	assert_ptr_equal(m.addr, &g.bind.avail->idx);
	assert_int_equal(m.size, 2);
	assert_int_equal(m.mask, 7);
	assert_int_equal(m.val, 3);
	assert_int_equal(m.match, 0);
}

static void
available(void **st)
{
	rig_open(&g, 8, 0);
	assert_int_equal(vh_ring_available(&g.bind), 0);
	post_n(5, R);
	assert_int_equal(vh_ring_available(&g.bind), 5);
	vh_ring_set_positions(g.ring, false, 2, 1);
	assert_int_equal(vh_ring_available(&g.bind), 3);
	assert_int_equal(vh_ring_available_from_used(&g.bind), 4);
	/* a lie is cut */
	rig_set_avail_idx(&g, 1);
	assert_int_equal(vh_ring_available(&g.bind), 8);
	vh_ring_break(g.ring);
	assert_int_equal(vh_ring_available(&g.bind), 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes), TEST(index_jumps), TEST(index_beyond_outstanding), TEST(index_read_once),
		TEST(head_beyond_ring), TEST(next_beyond_table), TEST(loops), TEST(loop_over_budget),
		TEST(loop_in_table), TEST(nested_table),
		TEST(chain_then_table), TEST(unknown_flags_ignored), TEST(publish_some), TEST(used_ring_scribbled),
		TEST(in_order), TEST(call_by_flags), TEST(call_by_event), TEST(kicks_by_flags), TEST(kicks_by_event),
		TEST(monitor), TEST(available),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
