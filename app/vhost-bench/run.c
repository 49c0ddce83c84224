/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread: the driver's side is prepared for a whole ring, then only the library's calls are timed. Each ring
 * is one sample, so a preempted sample spoils itself alone.
 */
#include <rte_cycles.h>
#include <rte_vhost.h>

#include "bench.h"

#define WARM_UP 8u
#define MIN_SAMPLES 16u

static double samples[BENCH_MAX_SAMPLES];

struct check {
	const struct cell *cell;
	unsigned int good, bad;
};

static void
check_frame(void *ctx, const struct netq_hdr *hdr, const uint8_t *data, uint32_t len)
{
	struct check *k = ctx;

	(void)hdr;
	if (frame_check(k->cell, data, len))
		k->good++;
	else
		k->bad++;
}

static int
fault(const struct link *l, const struct cell *c, const char *what)
{
	char name[CELL_NAME];

	fprintf(stderr, "%s: %s (receive ring: %s; transmit ring: %s)\n", cell_name(c, name), what,
		drv_fault_name(l->dev.ring[0].fault), drv_fault_name(l->dev.ring[1].fault));
	return -1;
}

/* One ring of frames through dequeue. @return cycles per packet, < 0 on a fault */
static double
dequeue_ring(struct link *l, const struct cell *c, struct check *k, uint64_t *packets)
{
	struct rte_mbuf *pkts[1024 + BENCH_MAX_BURST];
	unsigned int n = 0, got = 0, burst;
	uint64_t start, end;

	while (netq_send(&l->tx, &l->hdr, NULL, c->frame) == 0)
		n++;
	drv_publish(l->tx.ring);
	start = rte_rdtsc_precise();
	do {
		burst = rte_vhost_dequeue_burst(l->vid, 1, l->pool, pkts + got, c->burst);
		got += burst;
		/* 0 is also what a call returns while the control thread holds the ring */
	} while (got < n && (burst > 0 || rte_rdtsc() - start < rte_get_tsc_hz()));
	end = rte_rdtsc_precise();
	for (unsigned int i = 0; i < got && k != NULL; i++) {
		if (frame_check_mbuf(c, pkts[i]))
			k->good++;
		else
			k->bad++;
	}
	rte_pktmbuf_free_bulk(pkts, got);
	*packets += got;
	if (got != n)
		return fault(l, c, "frames were lost");
	if (netq_sent(&l->tx) != (int)n)
		return fault(l, c, "buffers did not come back");
	return (double)(end - start) / n;
}

/* One ring of frames through enqueue. */
static double
enqueue_ring(struct link *l, const struct cell *c, struct check *k, uint64_t *packets)
{
	unsigned int n = 0, burst;
	uint64_t start, end;

	netq_refill(&l->rx);
	drv_publish(l->rx.ring);
	start = rte_rdtsc_precise();
	do {
		burst = rte_vhost_enqueue_burst(l->vid, 0, l->out + n % BENCH_MAX_BURST, c->burst);
		n += burst;
	} while (burst == c->burst);
	end = rte_rdtsc_precise();
	*packets += n;
	if (n == 0)
		return fault(l, c, "nothing was enqueued");
	if (netq_receive(&l->rx, k == NULL ? NULL : check_frame, k) != (int)n)
		return fault(l, c, "frames did not arrive");
	return (double)(end - start) / n;
}

int
run_single(struct link *l, const struct cell *c, unsigned int ms, struct result *r)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * ms;
	struct check k = { .cell = c };
	unsigned int n = 0;
	bool last = false;

	r->packets = 0;
	for (unsigned int i = 0; !last; i++) {
		bool look;
		double s;

		last = n == BENCH_MAX_SAMPLES || (n >= MIN_SAMPLES && rte_rdtsc() > end);
		/* contents: of the first ring and of the last */
		look = i == 0 || last;
		s = c->enqueue ? enqueue_ring(l, c, look ? &k : NULL, &r->packets) :
				 dequeue_ring(l, c, look ? &k : NULL, &r->packets);
		if (s < 0)
			return -1;
		if (i >= WARM_UP && !last)
			samples[n++] = s;
	}
	if (k.bad != 0 || k.good == 0)
		return fault(l, c, "wrong contents");
	stat_result(samples, n, r);
	r->busy = r->median;
	r->verified = k.good;
	return 0;
}
