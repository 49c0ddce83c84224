/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver against a naive device in the same process: everything comes back once, in any format and order,
 * and each lie of the device is found.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drv.h"

#define SIZE 64u
#define MAX_TABLE 8u

static struct drv_mem mem;
static struct drv_ring ring;
static uint8_t *memory;
static unsigned long rounds; /* chains that came back, to give tokens */

/* The device's own positions. */
static struct device {
	uint16_t avail, used;
	bool avail_wrap, used_wrap;
} dev;

struct variant {
	const char *name;
	bool packed, in_order, event_idx;
	uint16_t base;
	unsigned int seed;
};

static const struct variant variants[] = {
	{ "split", false, false, false, 0, 0 },
	{ "split wrapping at 65535", false, false, true, 65500, 3 },
	{ "split in order", false, true, false, 0, 0 },
	{ "packed", true, false, false, 0, 7 },
	{ "packed from the middle", true, false, true, 0x8000 | 17, 0 },
	{ "packed, wrap 0", true, false, false, 17, 0 },
	{ "packed in order", true, true, false, 0, 0 },
};

static void
start(const struct variant *v, uint16_t size)
{
	struct drv_cfg cfg = {
		.size = size, .packed = v->packed, .in_order = v->in_order, .event_idx = v->event_idx,
		.max_table = MAX_TABLE, .base = v->base, .seed = v->seed, .shadow = true, .mem = &mem,
	};
	uint16_t base = v->packed && v->base == 0 ? 0x8000 : v->base;

	memset(&mem, 0, sizeof(mem));
	memory = aligned_alloc(4096, drv_ring_bytes(&cfg) + 4096);
	assert_non_null(memory);
	drv_mem_add(&mem, memory, 0x10000, drv_ring_bytes(&cfg) + 4096);
	assert_int_equal(drv_ring_init(&ring, &cfg, memory), 0);
	dev.avail = dev.used = v->packed ? base & 0x7fff : base;
	dev.avail_wrap = dev.used_wrap = (base & 0x8000) != 0;
}

static void
finish(void)
{
	drv_ring_fini(&ring);
	free(memory);
}

static void
step(uint16_t *slot, bool *wrap, unsigned int n)
{
	*slot = (uint16_t)(*slot + n);
	if (*slot >= ring.cfg.size) {
		*slot = (uint16_t)(*slot - ring.cfg.size);
		*wrap = !*wrap;
	}
}

/* What the device knows of a chain. */
struct chain {
	uint16_t id, slots;
	uint32_t readable, writable, elements;
};

static void
count(struct chain *c, uint32_t len, uint16_t flags)
{
	if (flags & DRV_DESC_WRITE)
		c->writable += len;
	else
		c->readable += len;
	c->elements++;
}

static bool
take_split(struct chain *c)
{
	uint16_t i;

	if (dev.avail == ring.avail->idx)
		return false;
	i = ring.avail->ring[dev.avail++ & (ring.cfg.size - 1)];
	*c = (struct chain){ .id = i, .slots = 1 };
	if (ring.desc[i].flags & DRV_DESC_INDIRECT) {
		const struct drv_desc *t = drv_va(&mem, ring.desc[i].addr, ring.desc[i].len);

		assert_non_null(t);
		for (unsigned int k = 0, n = ring.desc[i].len / 16; k < n; k++) {
			assert_int_equal(t[k].flags & DRV_DESC_NEXT, k + 1 < n);
			count(c, t[k].len, t[k].flags);
		}
		return true;
	}
	for (;; i = ring.desc[i].next) {
		count(c, ring.desc[i].len, ring.desc[i].flags);
		assert_true(c->elements <= ring.cfg.size);
		if ((ring.desc[i].flags & DRV_DESC_NEXT) == 0)
			return true;
	}
}

static bool
take_packed(struct chain *c)
{
	const struct drv_pdesc *d = &ring.pdesc[dev.avail];

	if (((d->flags & DRV_DESC_AVAIL) != 0) != dev.avail_wrap || ((d->flags & DRV_DESC_USED) != 0) == dev.avail_wrap)
		return false;
	*c = (struct chain){ .slots = 0 };
	if (d->flags & DRV_DESC_INDIRECT) {
		const struct drv_pdesc *t = drv_va(&mem, d->addr, d->len);

		assert_non_null(t);
		for (unsigned int k = 0; k < d->len / 16; k++)
			count(c, t[k].len, t[k].flags);
		c->id = d->id;
		c->slots = 1;
		step(&dev.avail, &dev.avail_wrap, 1);
		return true;
	}
	for (;;) {
		bool more = (ring.pdesc[dev.avail].flags & DRV_DESC_NEXT) != 0;

		count(c, ring.pdesc[dev.avail].len, ring.pdesc[dev.avail].flags);
		c->id = ring.pdesc[dev.avail].id;
		c->slots++;
		step(&dev.avail, &dev.avail_wrap, 1);
		if (!more)
			return true;
	}
}

static bool
take(struct chain *c)
{
	return ring.cfg.packed ? take_packed(c) : take_split(c);
}

static void
give(const struct chain *c, uint32_t id, uint32_t len)
{
	struct drv_pdesc *d;

	if (!ring.cfg.packed) {
		ring.used->ring[dev.used++ & (ring.cfg.size - 1)] = (struct drv_used_elem){ id, len };
		ring.used->idx = dev.used;
		return;
	}
	d = &ring.pdesc[dev.used];
	d->id = (uint16_t)id;
	d->len = len;
	d->flags = (uint16_t)((dev.used_wrap ? DRV_DESC_AVAIL | DRV_DESC_USED : 0) | (len ? DRV_DESC_WRITE : 0));
	step(&dev.used, &dev.used_wrap, c->slots);
}

static int
add(unsigned int readable, unsigned int writable, enum drv_how how, unsigned long token)
{
	struct drv_buf b[MAX_TABLE + 1];

	for (unsigned int i = 0; i < readable + writable; i++)
		b[i] = (struct drv_buf){ 0x10000 + i, 10 + i };
	return drv_add(&ring, b, readable, writable, how, (void *)(uintptr_t)token);
}

static uint32_t
sum(unsigned int from, unsigned int to)
{
	uint32_t s = 0;

	for (unsigned int i = from; i < to; i++)
		s += 10 + i;
	return s;
}

/* A few chains of all shapes there and back; out of order where that is allowed. */
static void
exchange(unsigned int n)
{
	struct chain c[SIZE];
	struct drv_done done[SIZE];
	unsigned int added = 0;

	for (; added < n; added++) {
		unsigned int shape = (unsigned int)((rounds + added) % 7);
		int id = add(shape % 4, 1 + shape % 3, shape == 5 ? DRV_INDIRECT : DRV_DIRECT, rounds + added);

		if (id == -ENOSPC)
			break;
		assert_true(id >= 0);
	}
	drv_publish(&ring);
	for (unsigned int i = 0; i < added; i++) {
		unsigned int shape = (unsigned int)((rounds + i) % 7);

		assert_true(take(&c[i]));
		assert_int_equal(c[i].readable, sum(0, shape % 4));
		assert_int_equal(c[i].writable, sum(shape % 4, shape % 4 + 1 + shape % 3));
	}
	assert_false(take(&c[0]) && added > 0);
	for (unsigned int i = 0; i < added; i++) {
		const struct chain *k = &c[ring.cfg.in_order ? i : added - 1 - i];

		give(k, k->id, k->writable);
	}
	assert_int_equal(drv_collect(&ring, done, SIZE), added);
	for (unsigned int i = 0; i < added; i++) {
		unsigned int at = ring.cfg.in_order ? i : added - 1 - i;

		assert_int_equal((uintptr_t)done[i].token, rounds + at);
		assert_int_equal(done[i].len, c[at].writable);
	}
	assert_false(drv_used_pending(&ring));
	assert_int_equal(drv_check_ring(&ring), DRV_OK);
	rounds += added;
}

static void
comes_back(void **state)
{
	for (unsigned int v = 0; v < sizeof(variants) / sizeof(variants[0]); v++) {
		start(&variants[v], SIZE);
		for (unsigned int i = 0; i < 3000; i++)
			exchange(1 + i % 23);
		assert_int_equal(ring.in_flight, 0);
		assert_int_equal(ring.nr_free, SIZE);
		finish();
	}
}

static void
odd_packed_size(void **state)
{
	start(&variants[3], 5);
	for (unsigned int i = 0; i < 500; i++)
		exchange(1 + i % 2);
	finish();
}

static void
full_ring(void **state)
{
	start(&variants[0], SIZE);
	for (unsigned int i = 0; i < SIZE; i++)
		assert_true(add(1, 0, DRV_DIRECT, i) >= 0);
	assert_int_equal(add(1, 0, DRV_DIRECT, 0), -ENOSPC);
	assert_int_equal(add(1, 0, DRV_INDIRECT, 0), -ENOSPC);
	assert_int_equal(add(0, 0, DRV_DIRECT, 0), -EINVAL);
	assert_int_equal(add(MAX_TABLE, 1, DRV_INDIRECT, 0), -EINVAL);
	finish();
}

/* Two chains are in flight; the device says something that cannot be. */
typedef void (*lie_fn)(const struct chain *c);

static void
lie(const struct variant *v, lie_fn tell, enum drv_fault fault)
{
	struct chain c[2];
	struct drv_done done[SIZE];

	start(v, SIZE);
	assert_true(add(0, 1, DRV_DIRECT, 1) >= 0 && add(0, 2, DRV_DIRECT, 2) >= 0);
	drv_publish(&ring);
	assert_true(take(&c[0]) && take(&c[1]));
	tell(c);
	if (drv_collect(&ring, done, SIZE) != -EPROTO || ring.fault != fault)
		fail_msg("%s: wanted \"%s\", got \"%s\"", v->name, drv_fault_name(fault), drv_fault_name(ring.fault));
	assert_int_equal(drv_collect(&ring, done, SIZE), -EPROTO);
	finish();
}

static void
out_of_range(const struct chain *c)
{
	give(c, SIZE, 0);
}

static void
never_offered(const struct chain *c)
{
	uint32_t id = 0;

	while (id == c[0].id || id == c[1].id)
		id++;
	give(c, id, 0);
}

static void
twice(const struct chain *c)
{
	give(&c[0], c[0].id, 1);
	give(&c[0], c[0].id, 1);
}

static void
too_long(const struct chain *c)
{
	give(&c[0], c[0].id, c[0].writable + 1);
}

static void
index_jumps(const struct chain *c)
{
	ring.used->idx = (uint16_t)(ring.used->idx + 3);
}

static void
skips_unmoved(const struct chain *c)
{
	give(&c[1], c[1].id, 1);
}

static void
lies(void **state)
{
	for (unsigned int v = 0; v < sizeof(variants) / sizeof(variants[0]); v++) {
		lie(&variants[v], out_of_range, DRV_FAULT_ID_RANGE);
		lie(&variants[v], never_offered, DRV_FAULT_ID_IDLE);
		lie(&variants[v], twice, DRV_FAULT_ID_IDLE);
		lie(&variants[v], too_long, DRV_FAULT_LEN);
		if (!variants[v].packed)
			lie(&variants[v], index_jumps, DRV_FAULT_IDX);
	}
	lie(&variants[2], skips_unmoved, DRV_FAULT_ORDER);
}

static void
batch_in_order(void **state)
{
	static const unsigned int in_order[] = { 2, 6 };

	for (unsigned int v = 0; v < 2; v++) {
		struct chain c[3], all = { 0 };
		struct drv_done done[SIZE];

		start(&variants[in_order[v]], SIZE);
		for (unsigned int i = 0; i < 3; i++) {
			assert_true(add(0, 2, DRV_DIRECT, i) >= 0);
			drv_publish(&ring);
			assert_true(take(&c[i]));
			all.slots = (uint16_t)(all.slots + c[i].slots);
		}
		give(&all, c[2].id, 5);
		if (!ring.cfg.packed)
			ring.used->idx = (uint16_t)(ring.used->idx + 2);
		assert_int_equal(drv_collect(&ring, done, SIZE), 3);
		assert_true(done[0].skipped && done[1].skipped && !done[2].skipped);
		assert_int_equal(done[0].len, c[0].writable);
		assert_int_equal(done[2].len, 5);
		finish();
	}
}

static void
ring_memory_changed(void **state)
{
	start(&variants[0], SIZE);
	assert_true(add(1, 0, DRV_DIRECT, 1) >= 0);
	drv_publish(&ring);
	assert_int_equal(drv_check_ring(&ring), DRV_OK);
	ring.avail->ring[40] = 1;
	assert_int_equal(drv_check_ring(&ring), DRV_FAULT_RING);
	finish();
}

static void
kicks(void **state)
{
	start(&variants[0], SIZE);
	assert_true(add(1, 0, DRV_DIRECT, 1) >= 0);
	drv_publish(&ring);
	assert_true(drv_need_kick(&ring));
	assert_false(drv_need_kick(&ring));
	ring.used->flags = DRV_NO_NOTIFY;
	assert_true(add(1, 0, DRV_DIRECT, 1) >= 0);
	drv_publish(&ring);
	assert_false(drv_need_kick(&ring));
	finish();
	start(&variants[4], SIZE);
	ring.device_event->flags = DRV_EVENT_DESC;
	ring.device_event->off_wrap = 0x8000 | 18;
	assert_true(add(1, 0, DRV_DIRECT, 1) >= 0);
	drv_publish(&ring);
	assert_false(drv_need_kick(&ring));
	assert_true(add(1, 0, DRV_DIRECT, 1) >= 0);
	drv_publish(&ring);
	assert_true(drv_need_kick(&ring));
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back), cmocka_unit_test(odd_packed_size), cmocka_unit_test(full_ring),
		cmocka_unit_test(lies), cmocka_unit_test(batch_in_order), cmocka_unit_test(ring_memory_changed),
		cmocka_unit_test(kicks),
	};

	return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
