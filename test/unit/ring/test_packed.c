/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings: marks, wrapping chains, ids, slots, sizes, publication, event areas.
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
		rig_one(&g, (uint16_t)(1000 + i), RIG_BUFS + i % 4096u * 64u, 64u + i % 4096u, flags);
}

/* A chain of n buffers; only the last slot has the id. */
static void
post_chain(uint16_t n, uint16_t id, uint16_t flags)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		rig_slot(&g, RIG_BUFS + i % 4096u * 64u, 10, i + 1 == n ? id : (uint16_t)(0xdead + i),
			(uint16_t)(flags | (i + 1 < n ? VH_DESC_NEXT : 0)));
}

static void
consume(uint16_t n)
{
	post_n(n, R);
	assert_int_equal(rig_fetch(&g, n, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, n);
	vh_ring_publish(&g.bind, n);
}

static void
sizes(void **st)
{
	static const uint16_t size[] = { 1, 2, 3, 5, 255, 256, 32767, 32768 };
	unsigned int i;

	rig_open(&g, 1, VH_B_PACKED);
	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		uint16_t lap, avail, used, first = (uint16_t)(size[i] / 2);

		rig_ring(&g, size[i], VH_B_PACKED, (uint16_t)(first | 0x8000));
		for (lap = 0; lap < 3; lap++) {
			uint32_t total = 0, taken;

			post_n(size[i], W);
			assert_int_equal(vh_ring_available(&g.bind), size[i]);
			do {
				assert_int_equal(rig_fetch(&g, 256, VH_DIR_WRITE), 0);
				taken = burst()->nr_reqs;
				vh_ring_publish(&g.bind, taken);
				total += taken;
			} while (taken > 0);
			assert_int_equal(total, size[i]);
			vh_ring_positions(g.ring, true, &avail, &used);
			assert_int_equal(avail, first | (lap % 2 == 0 ? 0 : 0x8000));
			assert_int_equal(used, avail);
		}
	}
}

static void
marks(void **st)
{
	rig_open(&g, 4, VH_B_PACKED);
	/* all zero, both set, other wrap: not available (PACKED-2) */
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 0);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, 0x8080);
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 0);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, VH_DESC_USED);
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 0);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, VH_DESC_AVAIL | 0x7f78);
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 1);
	/* taken back by the driver after it was seen: we keep what we have (A175) */
	rig_raw_slot(&g, 0, 5, 10, 0, 0);
	assert_int_equal(vh_ring_fetch(&g.bind, 4, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 1);
	vh_ring_publish(&g.bind, 1);
	assert_int_equal(rig_read_slot(&g, 0).flags, 0x8080);
}

static void
chain_over_the_wrap(void **st)
{
	uint16_t avail, used;

	rig_open(&g, 5, VH_B_PACKED);
	consume(3);
	post_chain(4, 77, R);
	rig_slot(&g, RIG_BUFS, 99, 7, R);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 2);
	assert_int_equal(burst()->req[0].id, 77);
	assert_int_equal(burst()->req[0].nr_slots, 4);
	assert_int_equal(burst()->req[0].nr_segs, 4);
	assert_int_equal(burst()->req[1].len, 99);
	vh_ring_publish(&g.bind, 2);
	/* one used descriptor for each, four slots apart */
	assert_int_equal(rig_read_slot(&g, 3).id, 77);
	assert_int_equal(rig_read_slot(&g, 3).flags, 0x8080);
	assert_int_equal(rig_read_slot(&g, 2).id, 7);
	assert_int_equal(rig_read_slot(&g, 2).flags, 0);
	vh_ring_positions(g.ring, true, &avail, &used);
	assert_int_equal(avail, 3);
	assert_int_equal(used, 3);
}

/* A chain longer than what one look takes over. */
static void
long_chains(void **st)
{
	unsigned int i;

	rig_open(&g, 255, VH_B_PACKED);
	for (i = 0; i < 20; i++) {
		rig_slot(&g, RIG_BUFS, 5, 3, R);
		post_chain(100, 42, R);
		post_chain(40, 43, R);
		assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
		assert_int_equal(burst()->nr_reqs, 3);
		assert_int_equal(burst()->req[1].nr_segs, 100);
		assert_int_equal(burst()->req[1].id, 42);
		assert_int_equal(burst()->req[2].nr_slots, 40);
		vh_ring_publish(&g.bind, 3);
	}
}

/* The head is the commit point: followers are not asked for their marks (PACKED-6). */
static void
followers_without_marks(void **st)
{
	rig_open(&g, 8, VH_B_PACKED);
	rig_raw_slot(&g, 1, RIG_BUFS, 20, 1, VH_DESC_NEXT);
	rig_raw_slot(&g, 2, RIG_BUFS, 30, 2, 0x8080);
	rig_raw_slot(&g, 3, RIG_BUFS, 40, 3, VH_DESC_AVAIL);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, VH_DESC_AVAIL | VH_DESC_NEXT);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 2);
	assert_int_equal(burst()->req[0].len, 60);
	assert_int_equal(burst()->req[0].id, 2);
	assert_int_equal(burst()->req[1].len, 40);
}

static void
endless_chain(void **st)
{
	uint16_t i;

	rig_open(&g, 255, VH_B_PACKED);
	for (i = 0; i < 255; i++)
		rig_slot(&g, RIG_BUFS, 10, i, VH_DESC_NEXT);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_CHAIN_LOOP);
	assert_int_equal(g.ring->fault.limit, 255);
	/* behind a fault of its content, too */
	for (i = 0; i < 255; i++)
		rig_raw_slot(&g, i, RIG_BUFS, 10, i, VH_DESC_AVAIL | VH_DESC_NEXT | VH_DESC_WRITE);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_CHAIN_LOOP);
}

/* A164: two chains cannot hold more than the ring. */
static void
chains_beyond_the_ring(void **st)
{
	rig_open(&g, 16, VH_B_PACKED);
	post_chain(10, 1, W);
	post_chain(6, 2, W);
	/* the driver marks slots in flight once more, for the next lap */
	assert_int_equal(rig_fetch(&g, 1, VH_DIR_WRITE), 0);
	rig_raw_slot(&g, 15, RIG_BUFS, 10, 1, VH_DESC_AVAIL | VH_DESC_NEXT | W);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 1, VH_DESC_USED | W);
	assert_int_equal(vh_ring_fetch(&g.bind, 1, VH_DIR_WRITE), VH_V_CHAIN_LOOP);
	assert_int_equal(g.ring->fault.position, 10);
	assert_int_equal(g.ring->fault.limit, 6);
	assert_int_equal(burst()->nr_reqs, 1);
}

/* PACKED-3: all slots are ours, and the first one says available again. */
static void
marked_while_in_flight(void **st)
{
	rig_open(&g, 4, VH_B_PACKED);
	post_n(4, R);
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_READ), 0);
	assert_int_equal(vh_ring_fetch(&g.bind, 4, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 4);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, VH_DESC_USED);
	assert_int_equal(vh_ring_fetch(&g.bind, 4, VH_DIR_READ), VH_V_AVAIL_IDX);
	assert_int_equal(burst()->nr_reqs, 4);
	/* outstanding from before counts the same */
	rig_ring(&g, 4, VH_B_PACKED, 0x8000);
	vh_ring_set_positions(g.ring, true, 0, 0x8000);
	rig_raw_slot(&g, 0, RIG_BUFS, 10, 0, VH_DESC_USED);
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_READ), VH_V_AVAIL_IDX);
}

static void
position_outside(void **st)
{
	rig_open(&g, 8, VH_B_PACKED);
	vh_ring_set_positions(g.ring, true, 0x8000 | 8, 0x8000 | 8);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_AVAIL_IDX);
	assert_int_equal(vh_ring_available(&g.bind), 0);
	/* used ahead of available */
	vh_ring_set_positions(g.ring, true, 0x8000 | 2, 0x8000 | 3);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_AVAIL_IDX);
	/* wraps that make it more than a lap */
	vh_ring_set_positions(g.ring, true, 3, 0x8000 | 2);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_AVAIL_IDX);
	vh_ring_set_positions(g.ring, true, 2, 0x8000 | 3);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
}

static void
table_within_chain(void **st)
{
	rig_open(&g, 8, VH_B_PACKED | VH_B_INDIRECT);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 10, 0, 0);
	rig_slot(&g, RIG_BUFS, 10, 1, VH_DESC_NEXT);
	rig_slot(&g, TABLE, 16, 1, VH_DESC_INDIRECT);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), VH_V_DESC_FLAGS);
}

/* In a table only WRITE counts, and every entry is one (PACKED-13). */
static void
table_flags_ignored(void **st)
{
	rig_open(&g, 8, VH_B_PACKED | VH_B_INDIRECT);
	rig_entry(&g, TABLE, 0, RIG_BUFS, 10, 0, 5);
	rig_entry(&g, TABLE, 1, RIG_BUFS, 20, VH_DESC_INDIRECT | VH_DESC_NEXT | 0x8080, 6);
	rig_entry(&g, TABLE, 2, RIG_BUFS, 30, 0, 7);
	rig_slot(&g, TABLE, 48, 9, VH_DESC_INDIRECT | VH_DESC_WRITE);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(burst()->req[0].nr_segs, 3);
	assert_int_equal(burst()->req[0].len, 60);
	assert_int_equal(burst()->req[0].id, 9);
	assert_int_equal(burst()->req[0].nr_slots, 1);
}

static void
ids_are_opaque(void **st)
{
	rig_open(&g, 4, VH_B_PACKED);
	rig_slot(&g, RIG_BUFS, 10, 65535, W);
	rig_slot(&g, RIG_BUFS, 10, 65535, W);
	rig_slot(&g, RIG_BUFS, 10, 4, W);
	assert_int_equal(rig_fetch(&g, 4, VH_DIR_WRITE), 0);
	burst()->used_len[0] = 10;
	burst()->used_len[1] = 0;
	burst()->used_len[2] = 3;
	vh_ring_publish(&g.bind, 3);
	assert_int_equal(rig_read_slot(&g, 0).id, 65535);
	assert_int_equal(rig_read_slot(&g, 0).len, 10);
	assert_int_equal(rig_read_slot(&g, 0).flags, 0x8080 | W);
	assert_int_equal(rig_read_slot(&g, 1).flags, 0x8080);
	assert_int_equal(rig_read_slot(&g, 2).id, 4);
}

/* A171: chains of empty descriptors over the whole of a big ring, given back with a bounded look. */
static void
empty_chain_over_budget(void **st)
{
	uint16_t i;

	rig_open(&g, 32767, VH_B_PACKED);
	for (i = 0; i < 20000; i++)
		rig_slot(&g, RIG_BUFS, 0, i, i + 1 < 20000 ? VH_DESC_NEXT : 0);
	rig_slot(&g, RIG_BUFS, 50, 1, R);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 1);
	assert_int_equal(burst()->req[0].fault, VH_V_CHAIN_LEN);
	assert_int_equal(burst()->req[0].nr_slots, 20000);
	assert_int_equal(burst()->req[0].id, 19999);
	vh_ring_publish(&g.bind, 1);
	assert_int_equal(rig_fetch(&g, 32, VH_DIR_READ), 0);
	assert_int_equal(burst()->req[0].len, 50);
}

static void
publish_some(void **st)
{
	rig_open(&g, 8, VH_B_PACKED);
	post_chain(2, 5, R);
	post_chain(3, 6, R);
	post_chain(1, 7, R);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	vh_ring_publish(&g.bind, 2);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	assert_int_equal(burst()->nr_reqs, 1);
	assert_int_equal(burst()->req[0].id, 7);
}

static void
in_order(void **st)
{
	uint16_t avail, used;

	rig_open(&g, 8, VH_B_PACKED | VH_B_IN_ORDER);
	post_n(2, R);
	post_chain(3, 5, R);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_READ), 0);
	vh_ring_publish(&g.bind, 3);
	assert_int_equal(rig_read_slot(&g, 0).id, 5);
	assert_int_equal(rig_read_slot(&g, 0).flags, 0x8080);
	assert_int_equal(rig_read_slot(&g, 1).flags, VH_DESC_AVAIL);
	vh_ring_positions(g.ring, true, &avail, &used);
	assert_int_equal(used, 0x8000 | 5);
	assert_int_equal(avail, used);
	/* written lengths have to be told one by one */
	post_n(2, W);
	assert_int_equal(rig_fetch(&g, 8, VH_DIR_WRITE), 0);
	burst()->used_len[0] = 1;
	burst()->used_len[1] = 2;
	vh_ring_publish(&g.bind, 2);
	assert_int_equal(rig_read_slot(&g, 5).len, 1);
	assert_int_equal(rig_read_slot(&g, 6).len, 2);
}

static struct vh_packed_event *
driver_event(void)
{
	return (struct vh_packed_event *)(uintptr_t)g.bind.driver_event;
}

static void
call_by_flags(void **st)
{
	rig_open(&g, 8, VH_B_PACKED);
	assert_true(vh_ring_need_call(&g.bind));
	driver_event()->flags = VH_EVENT_DISABLE;
	assert_false(vh_ring_need_call(&g.bind));
	/* reserved bits are not looked at; 3 and, without EVENT_IDX, DESC mean yes (NOTIF-6) */
	driver_event()->flags = 0xfff0 | VH_EVENT_DISABLE;
	assert_false(vh_ring_need_call(&g.bind));
	driver_event()->flags = 3;
	assert_true(vh_ring_need_call(&g.bind));
	driver_event()->flags = VH_EVENT_DESC;
	driver_event()->off_wrap = 0x8000 | 7;
	assert_true(vh_ring_need_call(&g.bind));
	g.bind.call = NULL;
	assert_false(vh_ring_need_call(&g.bind));
}

static void
call_by_event(void **st)
{
	rig_open(&g, 8, VH_B_PACKED | VH_B_EVENT_IDX);
	driver_event()->flags = VH_EVENT_DESC;
	driver_event()->off_wrap = 0x8000 | 3;
	consume(1);
	assert_true(vh_ring_need_call(&g.bind));
	consume(2);
	assert_false(vh_ring_need_call(&g.bind));
	consume(1);
	assert_true(vh_ring_need_call(&g.bind));
	/* slot 1 of the next lap */
	driver_event()->off_wrap = 1;
	consume(3);
	assert_false(vh_ring_need_call(&g.bind));
	consume(2);
	assert_false(vh_ring_need_call(&g.bind));
	consume(1);
	assert_true(vh_ring_need_call(&g.bind));
	/* passed long ago, and no slot of this ring: only arithmetic */
	driver_event()->off_wrap = 0x8000 | 1;
	consume(1);
	assert_false(vh_ring_need_call(&g.bind));
	driver_event()->off_wrap = 0x7fff;
	consume(1);
	(void)vh_ring_need_call(&g.bind);
	driver_event()->flags = VH_EVENT_ENABLE;
	assert_true(vh_ring_need_call(&g.bind));
}

static void
kicks(void **st)
{
	rig_open(&g, 8, VH_B_PACKED);
	vh_ring_notify(&g.bind, false);
	assert_int_equal(g.bind.device_event->flags, VH_EVENT_DISABLE);
	vh_ring_notify(&g.bind, true);
	assert_int_equal(g.bind.device_event->flags, VH_EVENT_ENABLE);
	rig_ring(&g, 8, VH_B_PACKED | VH_B_EVENT_IDX, 0x8000);
	consume(5);
	vh_ring_notify(&g.bind, true);
	assert_int_equal(g.bind.device_event->flags, VH_EVENT_DESC);
	assert_int_equal(g.bind.device_event->off_wrap, 0x8000 | 5);
	vh_ring_notify(&g.bind, false);
	assert_int_equal(g.bind.device_event->flags, VH_EVENT_DISABLE);
}

static void
monitor(void **st)
{
	struct vh_monitor m;

	rig_open(&g, 4, VH_B_PACKED);
	consume(3);
	vh_ring_monitor(&g.bind, &m);
	assert_ptr_equal(m.addr, &g.bind.pdesc[3].flags);
	assert_int_equal(m.size, 2);
	assert_int_equal(m.mask, 0x8080);
	assert_int_equal(m.val, 0x0080);
	assert_int_equal(m.match, 1);
	consume(1);
	vh_ring_monitor(&g.bind, &m);
	assert_int_equal(m.val, 0x8000);
}

static void
available(void **st)
{
	uint16_t i;

	rig_open(&g, 13, VH_B_PACKED);
	for (i = 0; i < 50; i++) {
		uint16_t n = (uint16_t)(i % 14);

		assert_int_equal(vh_ring_available(&g.bind), 0);
		post_n(n, R);
		assert_int_equal(vh_ring_available(&g.bind), n);
		assert_int_equal(vh_ring_available_from_used(&g.bind), n);
		assert_int_equal(rig_fetch(&g, 13, VH_DIR_READ), 0);
		vh_ring_publish(&g.bind, n);
	}
	rig_ring(&g, 13, VH_B_PACKED, 0x8000);
	post_n(6, R);
	vh_ring_set_positions(g.ring, true, 0x8000 | 2, 0x8000);
	assert_int_equal(vh_ring_available(&g.bind), 4);
	assert_int_equal(vh_ring_available_from_used(&g.bind), 6);
}

/* BASE-3: what front-ends leave in the used half. */
static void
start_positions(void **st)
{
	uint16_t avail, used;

	rig_open(&g, 8, VH_B_PACKED);
	assert_false(vh_ring_start(&g.bind, 0x8000 | 5, 0));
	vh_ring_positions(g.ring, true, &avail, &used);
	assert_int_equal(used, 0x8000 | 5);
	assert_false(vh_ring_start(&g.bind, 2, 0x8000 | 6));
	vh_ring_positions(g.ring, true, &avail, &used);
	assert_int_equal(avail, 2);
	assert_int_equal(used, 0x8000 | 6);
	assert_false(vh_ring_start(&g.bind, 0x8000 | 2, 6));
	vh_ring_positions(g.ring, true, &avail, &used);
	assert_int_equal(used, 6);
	assert_false(vh_ring_start(&g.bind, 6, 0x8000 | 2));
	vh_ring_positions(g.ring, true, &avail, &used);
	assert_int_equal(used, 6);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes), TEST(marks), TEST(chain_over_the_wrap), TEST(long_chains),
		TEST(followers_without_marks), TEST(endless_chain), TEST(chains_beyond_the_ring),
		TEST(marked_while_in_flight), TEST(position_outside), TEST(table_within_chain),
		TEST(table_flags_ignored), TEST(ids_are_opaque), TEST(empty_chain_over_budget), TEST(publish_some),
		TEST(in_order), TEST(call_by_flags), TEST(call_by_event), TEST(kicks), TEST(monitor),
		TEST(available), TEST(start_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
