/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Built-in virtio-net bursts, named after the API verbs: dequeue = guest transmit -> mbuf, enqueue =
 * mbuf -> guest receive.
 * The thread inside the ring's door. No allocation but mbufs (and external buffers where registered), no log, no lock.
 * spec: virtio-1.3 5.1.6; rules NET-1..32; api.md 5
 */
#ifndef VH_NET_H
#define VH_NET_H

#include <stdint.h>

#include "bind.h"

struct rte_mbuf;
struct rte_mempool;

/** Counters, order, drops and notification as api.md 5.3, 5.4; count is cut to VH_BURST_PKTS. @return packets stored */
uint16_t vh_net_dequeue(const struct vh_bind *b, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t count);
/** api.md 5.2, 5.5. Never frees mbufs (K2). @return packets delivered, a prefix of pkts */
uint16_t vh_net_enqueue(const struct vh_bind *b, struct rte_mbuf **pkts, uint16_t count);

#endif /* VH_NET_H */
