/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver that rewrites ring, tables and indexes while they are fetched. Nothing can be said about which requests come
 * out; but whatever comes out must be safe to use: inside a region, outside ring memory when writable, sums that agree.
 * Usage: test_race [milliseconds per format and direction]
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"

#define N 64
#define TABLE (RIG_GPA0 + 0x100000)

/* Guest memory is written by one thread while another reads it: that is the test. */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:vandal\nrace:vh_guest_\n";
}

static unsigned int run_ms = 300;

struct attack {
	struct rig *g;
	enum vh_dir dir;
	bool stop;
	uint64_t state;
	uint64_t rounds;
};

static uint32_t
rnd(struct attack *a, uint32_t below)
{
	a->state = a->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(a->state >> 33) % below;
}

static uint64_t
some_addr(struct attack *a)
{
	/* mostly honest, or every fetch would end at once */
	switch (rnd(a, 100)) {
	case 0:
		return RIG_GPA2 + RIG_SIZE2 - rnd(a, 100);
	case 1:
		return RIG_GPA1 - rnd(a, 2000);
	case 2:
		return RIG_GPA0 + rnd(a, 8192);
	case 3:
		return RIG_GPA3 + RIG_SIZE3 - rnd(a, 64);
	case 4:
		return UINT64_MAX - rnd(a, 5000);
	default:
		return RIG_BUFS + rnd(a, 0x40000);
	}
}

static struct vh_desc
some_desc(struct attack *a)
{
	static const uint16_t flags[] = { 0, 0, 0, 0, 1, 1, 1, 1, 4, 4 };
	struct vh_desc d = { .addr = some_addr(a), .len = rnd(a, 4096), .flags = flags[rnd(a, 10)],
		.next = (uint16_t)rnd(a, N) };

	if (a->dir == VH_DIR_WRITE)
		d.flags |= VH_DESC_WRITE;
	if (rnd(a, 60) == 0)
		d.flags ^= (uint16_t)(1u << rnd(a, 3));
	if (rnd(a, 60) == 0)
		d.next = N;
	if (d.flags & VH_DESC_INDIRECT) {
		d.addr = TABLE + rnd(a, 4) * 16u;
		d.len = rnd(a, 40) == 0 ? rnd(a, 2000) : 16 * (N - rnd(a, 4));
	}
	if (rnd(a, 200) == 0)
		d.len = UINT32_MAX - rnd(a, 20);
	return d;
}

static void
vandal_ring(struct attack *a)
{
	struct rig *g = a->g;
	struct vh_desc d = some_desc(a);
	struct vh_avail *av = (struct vh_avail *)(uintptr_t)g->bind.avail;

	if (g->packed) {
		bool wrap = __atomic_load_n(&g->ring->avail_wrap, __ATOMIC_RELAXED);
		uint16_t marks = wrap != (rnd(a, 20) == 0) ? VH_DESC_AVAIL : VH_DESC_USED;

		rig_raw_slot(g, (uint16_t)rnd(a, N), d.addr, d.len, d.next, d.flags | marks);
		return;
	}
	rig_desc(g, (uint16_t)rnd(a, N), d.addr, d.len, d.flags, d.next);
	av->ring[rnd(a, N)] = (uint16_t)rnd(a, N);
	if (rnd(a, 4) == 0)
		/* mostly believable, or nothing would be looked at */
		__atomic_store_n(&av->idx, (uint16_t)(rig_used_idx(g) + rnd(a, N / 2)), __ATOMIC_RELEASE);
}

static void
vandal_table(struct attack *a)
{
	struct vh_desc d = some_desc(a);
	uint32_t i = rnd(a, N + 4);

	if (rnd(a, 60) != 0) {
		d.flags &= (uint16_t)~VH_DESC_INDIRECT;
		d.next = (uint16_t)(i + 1);
	}
	rig_entry(a->g, TABLE, i, d.addr, d.len, d.flags, d.next);
}

static void
vandal_round(struct attack *a)
{
	vandal_ring(a);
	if (rnd(a, 4) == 0)
		vandal_table(a);
	a->rounds++;
}

static void *
vandal(void *arg)
{
	struct attack *a = arg;

	while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED))
		vandal_round(a);
	return NULL;
}

static void
check_request(const struct rig *g, const struct vh_req *r, enum vh_dir dir)
{
	const struct vh_burst *u = &g->ring->burst;
	uint64_t sum = 0;
	unsigned int i;

	assert_true(r->nr_segs <= g->policy.max_pieces && r->nr_readable <= r->nr_segs);
	assert_true(r->seg + r->nr_segs <= VH_BURST_SEGS);
	assert_true(r->nr_slots >= 1 && r->nr_slots <= N);
	assert_true(g->packed || r->id < N);
	if (r->fault != VH_V_NONE)
		assert_true(r->nr_segs == 0 && r->len == 0 && dir == VH_DIR_READ);
	assert_true(dir != VH_DIR_READ || r->nr_readable == r->nr_segs);
	assert_true(dir != VH_DIR_WRITE || r->nr_readable == 0);
	for (i = 0; i < r->nr_segs; i++) {
		const struct vh_seg *s = &u->seg[r->seg + i];

		assert_true(s->len > 0);
		assert_true(rig_inside(g, s->hva, s->len));
		if (i >= r->nr_readable)
			assert_false(rig_in_ring(g, s->hva, s->len));
		sum += s->len;
	}
	assert_int_equal(sum, r->len);
}

static bool
before(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec < end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec < end->tv_nsec);
}

/* @return requests seen */
static unsigned long
fetch_all(struct rig *g, enum vh_dir dir)
{
	const struct vh_burst *u = &g->ring->burst;
	unsigned int i;
	int rc = rig_fetch(g, 32, dir);

	if (rc == 0)
		rc = vh_ring_fetch(&g->bind, 32, dir);
	assert_true(rc == 0 || rc == -EAGAIN || vh_violation_valid((enum vh_violation)rc));
	assert_true(u->nr_reqs <= 64 && u->nr_segs <= VH_BURST_SEGS && u->slots <= N);
	for (i = 0; i < u->nr_reqs; i++) {
		check_request(g, &u->req[i], dir);
		g->ring->burst.used_len[i] = u->req[i].len;
	}
	i = u->nr_reqs;
	vh_ring_publish(&g->bind, i);
	/* a ring that broke is set up anew at once */
	if (rc != 0)
		vh_ring_start(&g->bind, g->packed ? 0x8000 : 0, g->packed ? 0x8000 : 0);
	return i;
}

static void
race(uint32_t flags, enum vh_dir dir)
{
	struct rig g;
	struct attack a = { .g = &g, .dir = dir, .state = 12345 }, own = { .g = &g, .dir = dir, .state = 54321 };
	struct timespec end, far;
	unsigned long requests = 0, fetches = 0;
	pthread_t t;

	rig_open(&g, N, flags | VH_B_INDIRECT);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += run_ms % 1000 * 1000000L;
	end.tv_sec += run_ms / 1000 + end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	assert_int_equal(pthread_create(&t, NULL, vandal, &a), 0);
	/* a starved machine takes longer, it does not fail */
	far = end;
	far.tv_sec += 40;
	while (before(&end) || (requests <= 1000 && before(&far))) {
		unsigned int i;

		/* on a busy machine the other thread sleeps most of the time: something new for every fetch */
		for (i = 0; i < 8; i++)
			vandal_round(&own);
		requests += fetch_all(&g, dir);
		fetches++;
	}
	__atomic_store_n(&a.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	print_message("%s %s: %lu fetches, %lu requests, %llu changes\n", g.packed ? "packed" : "split",
		dir == VH_DIR_READ ? "read" : dir == VH_DIR_WRITE ? "write" : "both", fetches, requests,
		(unsigned long long)a.rounds);
	assert_true(requests > 1000 && a.rounds > 0);
	rig_close(&g);
}

static void
split(void **st)
{
	race(0, VH_DIR_READ);
	race(0, VH_DIR_WRITE);
	race(0, VH_DIR_BOTH);
}

static void
packed(void **st)
{
	race(VH_B_PACKED, VH_DIR_READ);
	race(VH_B_PACKED, VH_DIR_WRITE);
	race(VH_B_PACKED, VH_DIR_BOTH);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(split), cmocka_unit_test(packed) };

	if (argc > 1)
		run_ms = (unsigned int)strtoul(argv[1], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
