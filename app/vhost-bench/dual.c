/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads: the driver refills on another core all the time, the main lcore calls the library. Reported is the
 * time per packet that passed (whichever side is slower), and the time inside calls that moved packets.
 */
#include <pthread.h>
#include <sched.h>

#include <rte_cycles.h>
#include <rte_vhost.h>

#include "bench.h"

#define WINDOW_US 200u
#define MIN_WINDOWS 16u
#define PATIENCE 100u /* times the cell's time: the other thread may have lost its core to somebody else */
#define LOOK_AT 4095u /* contents of the first 64 frames, then of one frame of so many */

static double windows[BENCH_MAX_SAMPLES], busy[BENCH_MAX_SAMPLES];

/* What the two threads share. */
struct pair {
	struct link *link;
	const struct cell *cell;
	bool stop;   /* main -> driver: no more frames */
	bool idle;   /* driver -> main: everything came back */
	bool failed; /* driver -> main */
	uint64_t seen, good, bad;
};

static bool
look(uint64_t n)
{
	return n < 64 || (n & LOOK_AT) == 0;
}

static void
check_some(void *ctx, const struct netq_hdr *hdr, const uint8_t *data, uint32_t len)
{
	struct pair *p = ctx;

	(void)hdr;
	if (look(p->seen++)) {
		if (frame_check(p->cell, data, len))
			p->good++;
		else
			p->bad++;
	}
}

static int
drive_transmit(struct pair *p, bool stop)
{
	struct netq *q = &p->link->tx;
	unsigned int n = 0;

	while (!stop && n < BENCH_MAX_BURST && netq_send(q, &p->link->hdr, NULL, p->cell->frame) == 0)
		n++;
	if (n > 0)
		drv_publish(q->ring);
	return netq_sent(q);
}

static int
drive_receive(struct pair *p, bool stop)
{
	struct netq *q = &p->link->rx;
	int n = netq_receive(q, check_some, p);

	if (!stop && netq_refill(q) > 0)
		drv_publish(q->ring);
	return n;
}

static void *
drive(void *arg)
{
	struct pair *p = arg;
	bool stop = false;

	while (!stop || p->link->tx.ring->in_flight > 0) {
		stop = __atomic_load_n(&p->stop, __ATOMIC_ACQUIRE);
		if ((p->cell->enqueue ? drive_receive(p, stop) : drive_transmit(p, stop)) < 0) {
			__atomic_store_n(&p->failed, true, __ATOMIC_RELEASE);
			break;
		}
	}
	__atomic_store_n(&p->idle, true, __ATOMIC_RELEASE);
	return NULL;
}

static unsigned int
dequeue_once(struct pair *p, uint64_t *cycles)
{
	struct rte_mbuf *pkts[BENCH_MAX_BURST];
	uint64_t start = rte_rdtsc();
	unsigned int n = rte_vhost_dequeue_burst(p->link->vid, 1, p->link->pool, pkts, p->cell->burst);

	*cycles = rte_rdtsc() - start;
	for (unsigned int i = 0; i < n; i++) {
		if (look(p->seen++)) {
			if (frame_check_mbuf(p->cell, pkts[i]))
				p->good++;
			else
				p->bad++;
		}
	}
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static unsigned int
enqueue_once(struct pair *p, uint64_t *cycles)
{
	uint64_t start = rte_rdtsc();
	unsigned int n = rte_vhost_enqueue_burst(p->link->vid, 0, p->link->out, p->cell->burst);

	*cycles = rte_rdtsc() - start;
	return n;
}

static unsigned int
once(struct pair *p, uint64_t *cycles)
{
	return p->cell->enqueue ? enqueue_once(p, cycles) : dequeue_once(p, cycles);
}

/* Windows of WINDOW_US for ms milliseconds. @return number of windows in which packets passed */
static unsigned int
measure(struct pair *p, unsigned int ms, uint64_t *packets)
{
	uint64_t hz = rte_get_tsc_hz(), begin = rte_rdtsc(), end = begin + hz / 1000 * ms, now = begin;
	uint64_t give_up = begin + (end - begin) * PATIENCE;
	uint64_t window = hz / 1000000 * WINDOW_US, in_calls = 0, passed = 0;
	unsigned int n = 0;

	while ((now < end || n < MIN_WINDOWS) && now < give_up && n < BENCH_MAX_SAMPLES &&
	       !__atomic_load_n(&p->failed, __ATOMIC_ACQUIRE)) {
		uint64_t cycles;
		unsigned int k = once(p, &cycles);

		passed += k;
		in_calls += k > 0 ? cycles : 0;
		now = rte_rdtsc();
		if (now - begin < window)
			continue;
		if (passed > 0) {
			windows[n] = (double)(now - begin) / (double)passed;
			busy[n++] = (double)in_calls / (double)passed;
		}
		*packets += passed;
		begin = now;
		in_calls = passed = 0;
	}
	return n;
}

static int
start_driver(pthread_t *thread, struct pair *p)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int rc;

	CPU_ZERO(&set);
	CPU_SET((size_t)opt.driver_cpu, &set);
	pthread_attr_init(&attr);
	rc = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (rc == 0)
		rc = pthread_create(thread, &attr, drive, p);
	pthread_attr_destroy(&attr);
	return -rc;
}

int
run_dual(struct link *l, const struct cell *c, unsigned int ms, struct result *r)
{
	struct pair p = { .link = l, .cell = c };
	char name[CELL_NAME];
	uint64_t ignored;
	pthread_t thread;
	unsigned int n;

	r->packets = 0;
	if (start_driver(&thread, &p) != 0)
		return -1;
	(void)measure(&p, ms / 10 + 1, &r->packets);
	n = measure(&p, ms, &r->packets);
	__atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&p.idle, __ATOMIC_ACQUIRE))
		if (!c->enqueue)
			once(&p, &ignored);
	pthread_join(thread, NULL);
	if (c->enqueue && netq_receive(&l->rx, check_some, &p) < 0)
		p.failed = true;
	if (p.failed || p.bad != 0 || p.good == 0 || n == 0) {
		fprintf(stderr, "%s: %s (receive ring: %s; transmit ring: %s)\n", cell_name(c, name),
			p.bad != 0 ? "wrong contents" : "no packets", drv_fault_name(l->dev.ring[0].fault),
			drv_fault_name(l->dev.ring[1].fault));
		return -1;
	}
	r->verified = (unsigned int)p.good;
	stat_result(windows, n, r);
	/* The slower windows tell how often the other core was taken away: fewer frames wait, bursts are smaller. */
	(void)stat_median(busy, n);
	r->busy = stat_percentile(busy, n, 0.25);
	return 0;
}
