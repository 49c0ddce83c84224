/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random rings, honest and corrupted: what fetch appends and how it ends must be what the oracle says, chain by chain,
 * and what publish writes must be what the driver may expect.
 * Usage: test_oracle [seed [cases]]
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "oracle.h"

static uint64_t seed;
static unsigned long cases = 120000;

static uint64_t state, case_seed;

static uint32_t
rnd(uint32_t below)
{
	/* splitmix64 */
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return below == 0 ? 0 : (uint32_t)((z ^ (z >> 31)) >> 11) % below;
}

static bool
chance(uint32_t percent)
{
	return rnd(100) < percent;
}

/* One case. */
struct scene {
	struct rig g;
	enum vh_dir dir;
	uint16_t base;
	bool honest;
	uint16_t order[256];  /* split: descriptors in the order they are handed out */
	uint32_t free;        /* of the ring */
	uint64_t table;       /* where the next indirect table goes */
	bool border_table;    /* one of them lies across two regions */
	struct { uint64_t addr; uint32_t nr; } tables[256];
	uint32_t nr_tables;
	struct vh_pidx pos;   /* packed: where the fetch is expected to be; split: idx only */
};

struct part {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

static const uint16_t split_sizes[] = { 1, 2, 4, 8, 16, 32, 64, 256 };
static const uint16_t packed_sizes[] = { 1, 2, 3, 5, 8, 31, 64, 255 };

#define TABLES (RIG_GPA0 + 0x100000)

static void
open_scene(struct scene *s)
{
	bool packed = chance(50);
	uint16_t size = packed ? packed_sizes[rnd(8)] : split_sizes[rnd(8)];
	uint32_t flags = (packed ? VH_B_PACKED : 0) | (chance(80) ? VH_B_INDIRECT : 0) |
		(chance(50) ? VH_B_EVENT_IDX : 0) | (chance(30) ? VH_B_IN_ORDER : 0);
	uint16_t i;

	s->dir = chance(40) ? VH_DIR_READ : chance(70) ? VH_DIR_WRITE : VH_DIR_BOTH;
	s->honest = chance(30);
	s->base = packed ? (uint16_t)(rnd(size) | (chance(50) ? 0x8000 : 0)) : (uint16_t)rnd(0x10000);
	s->g.wide = chance(60);
	rig_ring(&s->g, size, flags, s->base);
	s->g.policy.max_pieces = chance(60) ? 256 : chance(50) ? 16 : 3;
	s->g.policy.budget = chance(70) ? 4096 : chance(50) ? 256 : 10;
	s->free = size;
	for (i = 0; i < size; i++) {
		uint16_t j = (uint16_t)rnd(i + 1u);

		s->order[i] = s->order[j];
		s->order[j] = i;
	}
	s->table = TABLES;
	s->border_table = false;
	s->nr_tables = 0;
	s->pos = packed ? vh_pidx_unpack(s->base) : (struct vh_pidx){ .idx = s->base };
	if (packed) {
		/* a lap ago: used descriptors of the other wrap */
		for (i = 0; i < size; i++) {
			bool wrap = i >= s->pos.idx ? !s->pos.wrap : s->pos.wrap;

			rig_raw_slot(&s->g, i, rnd(1000), rnd(1000), i, wrap ? 0x8080 : 0);
		}
	}
}

static uint64_t
good_addr(uint32_t len)
{
	switch (rnd(8)) {
	case 0:
		return RIG_GPA1 + rnd(RIG_SIZE1 - len);
	case 1:
		return RIG_GPA2 + rnd(RIG_SIZE2 - len + 1);
	case 2: /* to the last byte */
		return RIG_GPA2 + RIG_SIZE2 - len;
	case 3: /* from one region into the other */
		return RIG_GPA1 - rnd(len + 1);
	case 4:
		return RIG_GPA3 + rnd(RIG_SIZE3 - len);
	default:
		return RIG_BUFS + rnd(0x40000);
	}
}

static uint32_t
make_parts(struct scene *s, struct part *p, uint32_t max)
{
	uint32_t n = chance(50) ? 1 : chance(40) ? 2 : chance(90) ? 1 + rnd(8) : 1 + rnd(300), i, first_write;

	n = n < max ? n : max;
	first_write = s->dir == VH_DIR_READ ? n : s->dir == VH_DIR_WRITE ? 0 : rnd(n + 1);
	for (i = 0; i < n; i++) {
		p[i].len = i > 0 && chance(6) ? 0 : 1 + rnd(2048);
		p[i].addr = good_addr(p[i].len);
		p[i].flags = i >= first_write ? VH_DESC_WRITE : 0;
	}
	return n;
}

/* An indirect table with these parts. @return its guest address */
static uint64_t
make_table(struct scene *s, const struct part *p, uint32_t n)
{
	uint64_t at = s->table;
	uint16_t entry[512], i;

	if (!s->border_table && chance(10)) {
		at = RIG_GPA1 - 8 - 16 * rnd(n);
		s->border_table = true;
	} else {
		s->table += n * 16 + rnd(8);
	}
	/* split: entries in any order, the first one first */
	for (i = 0; i < n; i++) {
		uint16_t j = i > 0 && !s->g.packed && chance(20) ? (uint16_t)(1 + rnd(i)) : i;

		entry[i] = entry[j];
		entry[j] = i;
	}
	for (i = 0; i < n; i++)
		rig_entry(&s->g, at, entry[i], p[i].addr, p[i].len,
			(uint16_t)(p[i].flags | (i + 1u < n ? VH_DESC_NEXT : 0)),
			s->g.packed ? (uint16_t)rnd(0x10000) : i + 1u < n ? entry[i + 1] : (uint16_t)rnd(0x10000));
	s->tables[s->nr_tables].addr = at;
	s->tables[s->nr_tables++].nr = n;
	return at;
}

static void
post_split(struct scene *s)
{
	struct part p[320];
	bool indirect = (s->g.bind.flags & VH_B_INDIRECT) != 0 && chance(40);
	uint32_t max = indirect ? s->g.size : s->free, n = make_parts(s, p, max < 300 ? max : 300);
	uint32_t direct = indirect ? rnd(n < s->free ? n : s->free) : n, i;
	uint16_t head = s->order[s->free - 1];

	/* readable before writable also across the table's border, by construction */
	for (i = 0; i < direct; i++) {
		uint16_t me = s->order[--s->free];
		uint16_t next = s->free > 0 ? s->order[s->free - 1] : 0;
		bool last = i + 1 == n;

		rig_desc(&s->g, me, p[i].addr, p[i].len, (uint16_t)(p[i].flags | (last ? 0 : VH_DESC_NEXT) |
			(chance(5) ? 0x8080 : 0)), last ? (uint16_t)rnd(0x10000) : next);
	}
	if (indirect)
		rig_desc(&s->g, s->order[--s->free], make_table(s, p + direct, n - direct), (n - direct) * 16,
			(uint16_t)(VH_DESC_INDIRECT | (chance(20) ? VH_DESC_WRITE : 0)), (uint16_t)rnd(0x10000));
	rig_post(&s->g, head);
}

static void
post_packed(struct scene *s)
{
	struct part p[320];
	bool indirect = (s->g.bind.flags & VH_B_INDIRECT) != 0 && chance(40);
	uint32_t max = indirect ? s->g.size : s->free, n = make_parts(s, p, max < 300 ? max : 300), i;

	if (indirect) {
		rig_slot(&s->g, make_table(s, p, n), n * 16, (uint16_t)rnd(0x10000), VH_DESC_INDIRECT);
		s->free--;
		return;
	}
	for (i = 0; i < n; i++)
		rig_slot(&s->g, p[i].addr, p[i].len, (uint16_t)rnd(0x10000),
			(uint16_t)(p[i].flags | (i + 1 < n ? VH_DESC_NEXT : 0)));
	s->free -= n;
}

static uint64_t
bad_addr(void)
{
	static const uint64_t list[] = {
		0, 1, RIG_GPA0 - 1, RIG_GPA0, RIG_GPA0 + 16, RIG_GPA1 - 1, RIG_GPA1 + RIG_SIZE1 - 1,
		RIG_GPA1 + RIG_SIZE1,
		RIG_GPA2 - 1, RIG_GPA2 + RIG_SIZE2, RIG_GPA3 + RIG_SIZE3 - 1, UINT64_MAX, UINT64_MAX - 15,
	};

	if (chance(20))
		return (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);
	if (chance(20))
		return RIG_GPA0 + rnd(8192);
	return list[rnd(sizeof(list) / sizeof(list[0]))];
}

static uint32_t
bad_len(void)
{
	static const uint32_t list[] = {
		0, 1, 15, 16, 17, 4096, 8192, 0x10000000, 0x80000000, UINT32_MAX, UINT32_MAX - 15 };

	return chance(30) ? 16 * rnd(300) : list[rnd(sizeof(list) / sizeof(list[0]))];
}

static void
corrupt_fields(struct scene *s, uint64_t *addr, uint32_t *len, uint16_t *next, uint16_t *flags)
{
	static const uint16_t bits[] = {
		VH_DESC_NEXT, VH_DESC_WRITE, VH_DESC_INDIRECT, 8, VH_DESC_AVAIL, VH_DESC_USED };

	switch (rnd(5)) {
	case 0:
		*addr = bad_addr();
		break;
	case 1:
		*len = bad_len();
		break;
	case 2:
		*next = (uint16_t)rnd(chance(70) ? s->g.size + 1u : 0x10000);
		break;
	case 3:
		*flags ^= bits[rnd(6)];
		break;
	default:
		*flags ^= VH_DESC_NEXT;
		*next = (uint16_t)rnd(s->g.size);
	}
}

static void
corrupt_table(struct scene *s)
{
	uint32_t t = rnd(s->nr_tables), i = rnd(s->tables[t].nr);
	struct vh_desc d = { .addr = good_addr(100), .len = 100, .next = (uint16_t)(i + 1),
		.flags = (uint16_t)((s->dir == VH_DIR_WRITE ? VH_DESC_WRITE : 0) | (chance(70) ? VH_DESC_NEXT : 0)) };

	corrupt_fields(s, &d.addr, &d.len, &d.next, &d.flags);
	rig_entry(&s->g, s->tables[t].addr, i, d.addr, d.len, d.flags, d.next);
}

static void
corrupt(struct scene *s)
{
	uint16_t i = (uint16_t)rnd(s->g.size);

	if (s->nr_tables > 0 && chance(30)) {
		corrupt_table(s);
	} else if (s->g.packed) {
		struct vh_packed_desc d = rig_read_slot(&s->g, i);

		corrupt_fields(s, &d.addr, &d.len, &d.id, &d.flags);
		rig_raw_slot(&s->g, i, d.addr, d.len, d.id, d.flags);
	} else if (chance(8)) {
		rig_set_avail_idx(&s->g, (uint16_t)(chance(50) ? rnd(0x10000) : s->g.avail_idx + rnd(5) - 2));
	} else if (chance(8)) {
		struct vh_avail *a = (struct vh_avail *)(uintptr_t)s->g.bind.avail;

		a->ring[i] = (uint16_t)rnd(chance(50) ? 2u * s->g.size : 0x10000);
	} else {
		struct vh_split_desc *d = (struct vh_split_desc *)(uintptr_t)&s->g.bind.desc[i];

		corrupt_fields(s, &d->addr, &d->len, &d->next, &d->flags);
	}
}

static void
fill_scene(struct scene *s)
{
	uint32_t chains = 1 + rnd(chance(50) ? 40 : 300), i;

	for (i = 0; i < chains && s->free > 0; i++) {
		if (s->g.packed)
			post_packed(s);
		else
			post_split(s);
	}
	for (i = s->honest ? 0 : 1 + rnd(4); i > 0; i--)
		corrupt(s);
}

/* Every code that the ring layer knows has to come up, or the test has not tested it. */
static const enum vh_violation codes[] = {
	VH_V_AVAIL_IDX, VH_V_DESC_INDEX, VH_V_DESC_NEXT, VH_V_CHAIN_LOOP, VH_V_DESC_FLAGS, VH_V_IND_LEN, VH_V_ADDR_WRAP,
	VH_V_DESC_DIR, VH_V_DESC_IN_RING, VH_V_RX_EMPTY, VH_V_BAD_ADDR, VH_V_VEC_LIMIT, VH_V_CHAIN_LEN, VH_V_TX_DIR,
	VH_V_TX_SHORT, VH_V_PKT_TOO_BIG,
};
static unsigned long met[2][VH_V_COUNT];

static void
ask(const struct scene *s, uint32_t taken, struct opinion *o)
{
	const struct rig *g = &s->g;

	if (g->packed)
		oracle_packed(g, s->pos.idx, s->pos.wrap, g->size - taken, g->policy.budget, s->dir, o);
	else
		oracle_split(g, s->pos.idx, (uint16_t)(g->avail_idx - s->pos.idx), g->policy.budget, s->dir, o);
}

/* A loop that may use up the budget before it is noticed. */
static bool
long_loop(const struct scene *s, const struct opinion *o)
{
	/* tables of request devices may be longer than the ring (SPLIT-10) */
	uint32_t nr = s->dir == VH_DIR_BOTH && s->g.size < VH_MAX_INDIRECT ? VH_MAX_INDIRECT : s->g.size;

	return o->loop && nr * 3u > s->g.policy.budget;
}

static void
check_request(const struct scene *s, const struct vh_burst *u, unsigned int i, const struct opinion *o)
{
	const struct vh_req *r = &u->req[i];
	unsigned int k;

	met[s->g.packed][r->fault]++;
	if (long_loop(s, o) && r->fault == VH_V_CHAIN_LEN)
		return;
	assert_int_equal(o->verdict, REQUEST);
	assert_int_equal(r->len, o->req.len);
	assert_int_equal(r->nr_segs, o->req.nr_segs);
	assert_int_equal(r->nr_readable, o->req.nr_readable);
	assert_int_equal(r->id, o->req.id);
	assert_int_equal(r->nr_slots, o->req.nr_slots);
	assert_int_equal(r->fault, o->req.fault);
	assert_true(r->seg + r->nr_segs <= u->nr_segs);
	for (k = 0; k < r->nr_segs; k++) {
		assert_ptr_equal(u->seg[r->seg + k].hva, o->seg[k].hva);
		assert_int_equal(u->seg[r->seg + k].len, o->seg[k].len);
	}
	if (s->honest)
		assert_true(r->fault == VH_V_NONE || r->fault == VH_V_VEC_LIMIT || r->fault == VH_V_CHAIN_LEN);
}

/* Was it right to end the fetch here? */
static void
check_end(const struct scene *s, const struct vh_burst *u, int rc, const struct opinion *o)
{
	const struct vh_fault *f = &s->g.ring->fault;

	if (rc == 0) {
		/* out of arena or budget, if not empty; a chain met with the whole budget is never left */
		bool arena = u->nr_segs + s->g.policy.max_pieces > VH_BURST_SEGS || u->nr_reqs == VH_BURST_REQS;
		bool budget = u->nr_reqs > 0 && (u->looked_at + o->descs > s->g.policy.budget || o->loop);

		assert_true(o->verdict == EMPTY || arena || budget);
		return;
	}
	met[s->g.packed][f->code]++;
	if (long_loop(s, o) && f->code == VH_V_CHAIN_LEN)
		return;
	/* its second round puts readable behind writable */
	if (o->loop && s->dir == VH_DIR_BOTH && f->code == VH_V_DESC_DIR)
		return;
	assert_int_equal(rc < 0 ? REFUSED : BROKEN, o->verdict);
	assert_true(rc < 0 ? rc == -EAGAIN : rc == (int)f->code);
	assert_int_equal(f->code, o->code);
	if (s->honest)
		assert_true(f->code == VH_V_VEC_LIMIT || f->code == VH_V_CHAIN_LEN);
}

static void
advance(struct scene *s, uint32_t slots)
{
	if (s->g.packed)
		vh_pidx_advance(&s->pos, slots, s->g.size);
	else
		s->pos.idx = (uint16_t)(s->pos.idx + slots);
}

/* What the driver sees of n requests handed back. */
static void
check_used(const struct scene *s, const struct vh_req *req, const uint32_t *len, unsigned int n, struct vh_pidx used)
{
	bool batch = (s->g.bind.flags & VH_B_IN_ORDER) != 0 && s->dir == VH_DIR_READ;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t want_len = s->dir == VH_DIR_READ ? 0 : len[i];
		uint16_t want_id = batch ? req[n - 1].id : req[i].id;

		if (batch && i > 0)
			break;
		if (s->g.packed) {
			struct vh_packed_desc d = rig_read_slot(&s->g, used.idx);

			assert_int_equal(d.id, want_id);
			assert_int_equal(d.len, want_len);
			assert_int_equal(d.flags, (used.wrap ? 0x8080 : 0) | (want_len > 0 ? VH_DESC_WRITE : 0));
			vh_pidx_advance(&used, req[i].nr_slots, s->g.size);
		} else {
			struct vh_used_elem e = rig_used(&s->g, (uint16_t)(used.idx + i));

			assert_int_equal(e.id, want_id);
			assert_int_equal(e.len, want_len);
		}
	}
	if (!s->g.packed)
		assert_int_equal(rig_used_idx(&s->g), (uint16_t)(used.idx + n));
}

static void
publish(struct scene *s, struct vh_pidx start)
{
	struct vh_burst *u = &s->g.ring->burst;
	unsigned int n = chance(70) ? u->nr_reqs : rnd(u->nr_reqs + 1u), i;
	struct vh_req req[VH_BURST_REQS];
	uint32_t len[VH_BURST_REQS], slots = 0;

	for (i = 0; i < n; i++) {
		req[i] = u->req[i];
		len[i] = u->used_len[i] = req[i].len == 0 ? 0 : rnd(req[i].len) + 1;
		slots += req[i].nr_slots;
	}
	vh_ring_publish(&s->g.bind, n);
	assert_int_equal(u->nr_reqs, 0);
	s->pos = start;
	if (n > 0)
		check_used(s, req, len, n, start);
	advance(s, slots);
}

/* One burst of one or more fetches. @return false when the case is over */
static bool
burst(struct scene *s)
{
	struct vh_burst *u = &s->g.ring->burst;
	struct vh_pidx start = s->pos;
	unsigned int seen = 0, want;
	uint32_t slots = 0;
	struct opinion o;
	int rc;

	vh_ring_begin(&s->g.bind);
	do {
		/* bursts of one have a way of their own */
		want = chance(30) ? 1 : 1 + rnd(chance(80) ? 40 : VH_BURST_REQS);
		rc = vh_ring_fetch(&s->g.bind, want, s->dir);
		assert_true(u->nr_reqs <= VH_BURST_REQS && u->nr_segs <= VH_BURST_SEGS);
		assert_true(u->nr_reqs - seen <= want);
		want -= u->nr_reqs - seen;
		for (; seen < u->nr_reqs; seen++) {
			ask(s, slots, &o);
			check_request(s, u, seen, &o);
			slots += o.req.nr_slots;
			advance(s, o.req.nr_slots);
		}
	} while (rc == 0 && want == 0 && chance(50));
	if (want > 0 || rc != 0) {
		ask(s, slots, &o);
		check_end(s, u, rc, &o);
	}
	publish(s, start);
	return rc == 0 && !(seen == 0 && want > 0);
}

/* -EAGAIN again and again without a walk, until the table changes. */
static void
check_remembered(struct scene *s)
{
	enum vh_violation code = s->g.ring->fault.code;
	struct opinion o;

	if (!s->g.ring->stalled || s->g.ring->stall_pos != s->pos.idx)
		return;
	rig_no_timer(&s->g);
	assert_int_equal(rig_fetch(&s->g, 1, s->dir), -EAGAIN);
	assert_int_equal(s->g.ring->fault.code, VH_V_NONE);
	assert_int_equal(s->g.ring->burst.looked_at, 0);
	rig_new_generation(&s->g);
	/* packed: used descriptors may have been written into what an endless chain runs through */
	ask(s, 0, &o);
	if (o.verdict != REFUSED)
		return;
	assert_int_equal(rig_fetch(&s->g, 1, s->dir), -EAGAIN);
	assert_int_equal(s->g.ring->fault.code, code);
}

static bool
jump_is_seen(struct scene *s)
{
	uint16_t n = (uint16_t)(s->g.avail_idx - s->base);

	if (s->g.packed || n <= s->g.size)
		return false;
	assert_int_equal(rig_fetch(&s->g, 1, s->dir), VH_V_AVAIL_IDX);
	assert_int_equal(s->g.ring->fault.observed, n);
	met[0][VH_V_AVAIL_IDX]++;
	assert_int_equal(s->g.ring->burst.nr_reqs, 0);
	return true;
}

static void
random_rings(void **st)
{
	static struct scene s;
	unsigned long i;

	print_message("seed %llu, %lu cases\n", (unsigned long long)seed, cases);
	rig_open(&s.g, 1, 0);
	for (i = 0; i < cases; i++) {
		/* each case can be run alone: its seed follows from the first */
		state = case_seed = seed + i;
		open_scene(&s);
		fill_scene(&s);
		if (jump_is_seen(&s))
			continue;
		while (burst(&s))
			;
		check_remembered(&s);
	}
	rig_close(&s.g);
	for (i = 0; cases >= 50000 && i < sizeof(codes) / sizeof(codes[0]); i++) {
		/* a packed ring has no indexes in memory; slots marked twice need a driver at work meanwhile */
		bool split_only = codes[i] == VH_V_DESC_INDEX || codes[i] == VH_V_DESC_NEXT ||
			codes[i] == VH_V_AVAIL_IDX;

		print_message("%-12s split %7lu packed %7lu\n", vh_violation_info(codes[i])->name, met[0][codes[i]],
			met[1][codes[i]]);
		assert_true(met[0][codes[i]] > 0 && (split_only || met[1][codes[i]] > 0));
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_rings) };

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL) << 20;
	if (argc > 2)
		cases = strtoul(argv[2], NULL, 0);
	if (cmocka_run_group_tests(tests, NULL, NULL) == 0)
		return 0;
	fprintf(stderr, "to run the last case alone: test_oracle %llu 1\n", (unsigned long long)case_seed);
	return 1;
}
