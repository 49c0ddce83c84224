/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet counters of a ring, per burst (api.md 2.13). Only on paths registered with NET_STATS_ENABLE.
 * May touch: the ring's counters; packet headers. The thread inside the ring's door.
 */
#ifndef VH_COUNT_H
#define VH_COUNT_H

#include "bind.h"

struct rte_mbuf;

/** Count n delivered packets. */
void vh_count_packets(struct vh_ring *r, struct rte_mbuf *const *pkts, unsigned int n);

#endif /* VH_COUNT_H */
