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

void
vh_count_packets(struct vh_ring *r, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++) {
		const struct rte_mbuf *m = pkts[i];

		bytes += m->pkt_len;
		add(r, size_class(m->pkt_len), 1);
		if (m->data_len >= RTE_ETHER_ADDR_LEN) {
			const struct rte_ether_addr *to = rte_pktmbuf_mtod(m, const struct rte_ether_addr *);

			if (vh_unlikely(rte_is_multicast_ether_addr(to)))
				add(r, rte_is_broadcast_ether_addr(to) ? VH_STAT_BROADCAST : VH_STAT_MULTICAST, 1);
		}
	}
	add(r, VH_STAT_GOOD_PACKETS, n);
	add(r, VH_STAT_GOOD_BYTES, bytes);
}
