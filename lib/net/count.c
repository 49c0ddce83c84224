/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts by size and kind of destination. May touch: the ring's counters. The thread inside the ring's door.
 */
#include "count.h"

#include <rte_ether.h>
#include <rte_mbuf.h>

static unsigned int
size_class(uint32_t len)
{
	if (len < 64)
		return VH_STAT_UNDERSIZE;
	if (len == 64)
		return VH_STAT_SIZE_64;
	if (len < 1024)
		/* 65-127, 128-255, 256-511, 512-1023: by the highest bit, 6..9 */
		return VH_STAT_SIZE_65_127 + (25u - (unsigned int)__builtin_clz(len));
	return len < 1519 ? VH_STAT_SIZE_1024_1518 : VH_STAT_SIZE_1519_MAX;
}

/* One writer; readers outside the door see whole words. */
static void
add(struct vh_ring *r, unsigned int i, uint64_t n)
{
	__atomic_store_n(&r->stats[i], r->stats[i] + n, __ATOMIC_RELAXED);
}

/* A frame to a group address. */
static VH_NOINLINE void
count_group(struct vh_ring *r, const struct rte_ether_addr *to)
{
	add(r, rte_is_broadcast_ether_addr(to) ? VH_STAT_BROADCAST : VH_STAT_MULTICAST, 1);
}

void
vh_count_packets(struct vh_ring *r, struct rte_mbuf *const *pkts, unsigned int n)
{
	uint32_t len = 0, run = 0;
	uint64_t bytes = 0;
	unsigned int i;

	if (n == 0)
		return;
	for (i = 0; i < n; i++) {
		const struct rte_mbuf *m = pkts[i];

		/* neighbours often have the same length */
		if (vh_unlikely(m->pkt_len != len)) {
			if (run != 0)
				add(r, size_class(len), run);
			bytes += (uint64_t)len * run;
			len = m->pkt_len;
			run = 0;
		}
		run++;
		if (vh_unlikely(m->data_len >= RTE_ETHER_ADDR_LEN && (*rte_pktmbuf_mtod(m, const uint8_t *) & 1) != 0))
			count_group(r, rte_pktmbuf_mtod(m, const struct rte_ether_addr *));
	}
	add(r, size_class(len), run);
	add(r, VH_STAT_GOOD_PACKETS, n);
	add(r, VH_STAT_GOOD_BYTES, bytes + (uint64_t)len * run);
}
