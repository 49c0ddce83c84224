/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests there and back between the fake driver and the ring layer: both formats, in order or not, tables or not,
 * many laps. The driver checks ids, lengths, duplicates and that nobody touched what is its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drv.h"
#include "rig.h"

#define MAX_PARTS 6

struct sent {
	struct drv_buf buf[MAX_PARTS];
	unsigned int readable, writable;
	uint32_t writable_len;
};

struct trip {
	struct rig g;
	struct drv_mem mem;
	struct drv_ring drv;
	struct sent sent[1024];
	enum vh_dir dir;
	uint64_t state;
	uint64_t done;
	uint32_t next;    /* sent[] slot of the next chain */
	bool written[1024];
	uint32_t wrote[1024];
};

static uint32_t
rnd(struct trip *t, uint32_t below)
{
	t->state = t->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(t->state >> 33) % below;
}

static void
open_trip(struct trip *t, uint16_t size, uint32_t flags, enum vh_dir dir, uint16_t base)
{
	struct drv_cfg cfg = {
		.size = size, .packed = (flags & VH_B_PACKED) != 0, .event_idx = (flags & VH_B_EVENT_IDX) != 0,
		.in_order = (flags & VH_B_IN_ORDER) != 0, .max_table = MAX_PARTS, .base = base, .shadow = true,
		.seed = 99, .mem = &t->mem,
	};
	struct drv_ring_addr a;
	unsigned int i;

	memset(t, 0, sizeof(*t));
	rig_open(&t->g, size, flags);
	for (i = 0; i < RIG_REGIONS; i++)
		drv_mem_add(&t->mem, (void *)t->g.map->region[i].hva, t->g.map->region[i].gpa,
			t->g.map->region[i].size);
	assert_true(drv_ring_bytes(&cfg) < 0x170000);
	/* regions begin on a page: behind the rig's own ring */
	assert_int_equal(drv_ring_init(&t->drv, &cfg, rig_host(&t->g, RIG_GPA0 + 0x8000)), 0);
	a = drv_ring_addr(&t->drv);
	t->g.bind.pdesc = a.desc;
	t->g.bind.avail = a.driver;
	t->g.bind.used = a.device;
	t->dir = dir;
	t->state = size * 31u + flags;
	vh_ring_start(&t->g.bind, base, base);
}

static void
close_trip(struct trip *t)
{
	assert_int_equal(drv_check_ring(&t->drv), DRV_OK);
	drv_ring_fini(&t->drv);
	rig_close(&t->g);
}

/* @return false if the ring is full */
static bool
send_one(struct trip *t)
{
	struct sent *s = &t->sent[t->next % 1024];
	unsigned int n = 1 + rnd(t, MAX_PARTS), i;
	enum drv_how how = vh_bind_has(&t->g.bind, VH_B_INDIRECT) && rnd(t, 2) ? DRV_INDIRECT : DRV_DIRECT;

	s->readable = t->dir == VH_DIR_READ ? n : t->dir == VH_DIR_WRITE ? 0 : rnd(t, n + 1);
	s->writable = n - s->readable;
	s->writable_len = 0;
	for (i = 0; i < n; i++) {
		s->buf[i].len = 1 + rnd(t, 300);
		s->buf[i].addr = RIG_BUFS + (t->next % 1024 * MAX_PARTS + i) * UINT64_C(64);
		s->writable_len += i >= s->readable ? s->buf[i].len : 0;
	}
	if (drv_add(&t->drv, s->buf, s->readable, s->writable, how, s) < 0)
		return false;
	t->next++;
	return true;
}

/* Which chain a request is: by the address of its first piece. */
static struct sent *
find_sent(struct trip *t, const struct vh_seg *first)
{
	uint64_t off = (uint64_t)((uint8_t *)first->hva - rig_host(&t->g, RIG_BUFS));

	return &t->sent[off / 64 / MAX_PARTS];
}

static void
check_request(struct trip *t, unsigned int i)
{
	struct vh_burst *u = &t->g.ring->burst;
	const struct vh_req *r = &u->req[i];
	struct sent *s = find_sent(t, &u->seg[r->seg]);
	unsigned int k;

	assert_int_equal(r->fault, VH_V_NONE);
	assert_int_equal(r->nr_segs, s->readable + s->writable);
	assert_int_equal(r->nr_readable, s->readable);
	for (k = 0; k < r->nr_segs; k++) {
		assert_ptr_equal(u->seg[r->seg + k].hva, rig_host(&t->g, s->buf[k].addr));
		assert_int_equal(u->seg[r->seg + k].len, s->buf[k].len);
	}
	u->used_len[i] = s->writable_len == 0 ? 0 : rnd(t, s->writable_len + 1);
	t->wrote[s - t->sent] = t->dir == VH_DIR_READ ? 0 : u->used_len[i];
	t->written[s - t->sent] = true;
}

static void
serve(struct trip *t)
{
	struct vh_burst *u = &t->g.ring->burst;
	unsigned int i, n;

	assert_int_equal(rig_fetch(&t->g, 1 + rnd(t, 64), t->dir), 0);
	n = rnd(t, 4) ? u->nr_reqs : rnd(t, u->nr_reqs + 1u);
	for (i = 0; i < n; i++)
		check_request(t, i);
	vh_ring_publish(&t->g.bind, n);
}

static void
collect(struct trip *t)
{
	struct drv_done done[1024];
	int i, n = drv_collect(&t->drv, done, 1024);

	if (n < 0)
		fail_msg("driver: %s", drv_fault_name(t->drv.fault));
	for (i = 0; i < n; i++) {
		const struct sent *s = done[i].token;

		assert_true(t->written[s - t->sent]);
		if (!done[i].skipped)
			assert_int_equal(done[i].len, t->wrote[s - t->sent]);
		t->written[s - t->sent] = false;
		t->done++;
	}
}

static void
trip(uint16_t size, uint32_t flags, enum vh_dir dir, uint16_t base)
{
	static struct trip t;

	open_trip(&t, size, flags, dir, base);
	while (t.done < 20000) {
		unsigned int n = rnd(&t, 64);

		while (n-- > 0 && send_one(&t))
			;
		drv_publish(&t.drv);
		serve(&t);
		(void)vh_ring_need_call(&t.g.bind);
		collect(&t);
	}
	close_trip(&t);
}

static void
all(uint32_t format, const uint16_t *size, unsigned int nr, uint16_t base)
{
	unsigned int i, f, d;

	for (i = 0; i < nr; i++)
		for (f = 0; f < 8; f++)
			for (d = 0; d < 3; d++)
				trip(size[i], format | (f & 1 ? VH_B_IN_ORDER : 0) | (f & 2 ? VH_B_INDIRECT : 0) |
					(f & 4 ? VH_B_EVENT_IDX : 0), (enum vh_dir)d, base);
}

static void
split(void **st)
{
	static const uint16_t size[] = { 8, 64, 512 };

	all(0, size, 3, 0);
	all(0, size, 1, 65000);
}

static void
packed(void **st)
{
	static const uint16_t size[] = { 7, 64, 511 };

	all(VH_B_PACKED, size, 3, 0x8000);
	all(VH_B_PACKED, size, 1, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(split), cmocka_unit_test(packed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
