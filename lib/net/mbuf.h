/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Room for a frame: one mbuf, an external buffer, or a chain, as the path was registered.
 * May touch: mbufs, EAL heap (external buffers). Data threads.
 * Source: api.md 4.3, 5.3
 */
#ifndef VH_MBUF_H
#define VH_MBUF_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "bind.h"

/** What an mbuf is when it leaves its pool; all mbufs of a pool are alike. */
struct vh_mbuf_form {
	uint16_t headroom;
	uint32_t room; /* bytes behind it */
};

/** @param m  any mbuf of the pool, raw or fresh */
static VH_ALWAYS_INLINE struct vh_mbuf_form
vh_mbuf_form(const struct rte_mbuf *m)
{
	const uint16_t headroom = m->buf_len < RTE_PKTMBUF_HEADROOM ? m->buf_len : RTE_PKTMBUF_HEADROOM;

	return (struct vh_mbuf_form){ .headroom = headroom, .room = (uint32_t)m->buf_len - headroom };
}

/**
 * An mbuf as rte_mempool_get_bulk() gave it becomes a packet of len bytes in one segment: what rte_pktmbuf_alloc()
 * does, with the length at once and while the line is needed anyway. An mbuf in its pool has no next (rte_mbuf.h).
 */
static VH_ALWAYS_INLINE void
vh_mbuf_open(const struct vh_mbuf_form *f, struct rte_mbuf *m, uint16_t len)
{
	m->data_off = f->headroom;
	m->nb_segs = 1;
	m->port = RTE_MBUF_PORT_INVALID;
	m->ol_flags &= RTE_MBUF_F_EXTERNAL;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = len;
	m->vlan_tci = 0;
	m->vlan_tci_outer = 0;
	m->tx_offload = 0;
}

/**
 * Give m (fresh from its pool) room for a frame of len bytes that exceeds its tailroom: lengths of all segments and
 * nb_segs are set.
 * @return 0; -ENOMEM: no buffers now; -E2BIG: never, the path wants one buffer and there is none so large, or the pool
 *         as a whole is too small. m is as it was then
 */
int vh_mbuf_extend(const struct vh_bind *b, struct rte_mbuf *m, struct rte_mempool *pool, uint32_t len) VH_MUST_USE;

#endif /* VH_MBUF_H */
