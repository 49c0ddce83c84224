/* SPDX-License-Identifier: BSD-3-Clause */
/* What it costs to find addresses in several memory regions: frames that lie in one region after the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_vhost.h>

#include "bench.h"

#define RING 256u
#define ROUNDS 500u
#define ELEMENT (12u + 64u)

/* A ring full: timed are the library's calls alone. @return cycles per frame, < 0 on a fault */
static double
one_ring(struct fe_dev *dev, int vid, struct rte_mempool *pool)
{
	struct rte_mbuf *pkts[RING + BENCH_MAX_BURST];
	struct drv_done done[RING];
	unsigned int got = 0;
	uint64_t start, end;

	for (unsigned int i = 0; i < RING; i++) {
		const struct fe_mem_region *g = &dev->mem.region[i % dev->mem.nr];
		/* the upper half of every region is free of rings */
		struct drv_buf b = { g->r.gpa + g->r.size / 2 + i * 2048u, ELEMENT };

		if (drv_add(&dev->ring[1], &b, 1, 0, DRV_DIRECT, NULL) < 0)
			return -1;
	}
	drv_publish(&dev->ring[1]);
	start = rte_rdtsc_precise();
	do {
		got += rte_vhost_dequeue_burst(vid, 1, pool, pkts + got, BENCH_MAX_BURST);
		end = rte_rdtsc_precise();
	} while (got < RING && end - start < rte_get_tsc_hz());
	rte_pktmbuf_free_bulk(pkts, got);
	if (got != RING || drv_collect(&dev->ring[1], done, RING) != (int)RING)
		return -1;
	return (double)(end - start) / RING;
}

int
regions_run(struct rte_mempool *pool, unsigned int regions, const char *name, struct number *out)
{
	struct fe_dev *dev = calloc(1, sizeof(*dev));
	struct fe_dev_cfg cfg = fe_dev_defaults();
	double samples[ROUNDS];
	int rc, vid;

	cfg.regions = regions;
	cfg.mem_size = (uint64_t)regions * (2 << 20);
	cfg.gap = 1 << 20;
	cfg.kind = opt.no_huge ? FE_MEM_MEMFD : FE_MEM_HUGE;
	rc = dev == NULL ? -ENOMEM : fe_dev_create(dev, &cfg);
	if (rc == 0)
		rc = fe_dev_connect(dev, link_path());
	vid = rc == 0 ? device_wait(link_path(), 2000) : -1;
	if (rc == 0 && vid < 0)
		rc = -ETIMEDOUT;
	for (unsigned int i = 0; rc == 0 && i < ROUNDS; i++) {
		samples[i] = one_ring(dev, vid, pool);
		rc = samples[i] < 0 ? -EPROTO : 0;
	}
	if (rc == 0) {
		double median = stat_median(samples, ROUNDS);

		*out = (struct number){ name, "cycles", median, samples[ROUNDS - 1], ROUNDS };
	}
	if (dev != NULL)
		fe_dev_destroy(dev);
	free(dev);
	device_wait_gone(link_path(), 2000);
	return rc;
}
