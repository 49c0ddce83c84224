/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Announcement frame: once per SEND_RARP, on whichever transmit ring is polled next.
 * May touch: mbufs, the device's slot. Data threads.
 * Source: api.md 5.8; rules RARP-1, NET-31
 */
#ifndef VH_NET_RARP_H
#define VH_NET_RARP_H

#include "rarp_slot.h"
#include "res.h"

struct rte_mbuf;
struct rte_mempool;

struct rte_mbuf *vh_rarp_make(struct vh_rarp *r, struct rte_mempool *pool);

/** Cheap test. */
static VH_ALWAYS_INLINE bool
vh_rarp_is_armed(const struct vh_rarp *r)
{
	return __atomic_load_n(&r->armed, __ATOMIC_RELAXED) != 0;
}

#endif /* VH_NET_RARP_H */
