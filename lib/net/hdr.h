/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The net header: private header <-> offload flags of an mbuf. Everything that is parsed is private: the header was
 * copied once, the packet is in the mbuf already (NET-3).
 * May touch: mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6; Source: api.md 5.4, 5.5; rules NET-7..NET-22, NET-25, NET-28, NET-29
 */
#ifndef VH_HDR_H
#define VH_HDR_H

#include <stdbool.h>

#include <rte_mbuf_core.h>

#include "bind.h"
#include "res.h"
#include "violation.h"

/** Does the guest ask for anything? hdr_len, DATA_VALID, unknown bits and ECN alone ask for nothing (NET-8, NET-14). */
static VH_ALWAYS_INLINE bool
vh_hdr_asks(const struct vh_net_hdr *h)
{
	return (h->flags & VH_NET_HDR_NEEDS_CSUM) != 0 || (h->gso_type & ~VH_NET_GSO_ECN) != VH_NET_GSO_NONE;
}

/**
 * Guest's header, one that asks for something, to offload flags of a complete frame fresh from its pool, in the style
 * the path was registered for. A frame whose checksum no flag can describe gets it computed.
 * @return VH_V_NONE; VH_V_TX_META: asked for something that cannot be honoured and is left out; VH_V_GSO: segmentation
 *         that must not reach the application (whoever delivers it all the same may: what is set fits the frame)
 */
enum vh_violation vh_hdr_to_mbuf(const struct vh_bind *b, const struct vh_net_hdr *h, struct rte_mbuf *m) VH_MUST_USE;

/** Does the application ask for anything the header or we have to do? */
static VH_ALWAYS_INLINE bool
vh_hdr_asked(const struct rte_mbuf *m)
{
	return (m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG |
			RTE_MBUF_F_TX_IP_CKSUM)) != 0;
}

/**
 * Offload requests of the application to a header for the guest. Checksums the guest cannot take are computed here,
 * pseudo-header sums are stored in the packet; doing it again to the same packet changes nothing. num_buffers stays 0.
 * @return VH_V_NONE, or VH_V_RX_META: the guest cannot take the segmentation (*h is filled as if it could), or the
 *         lengths in the mbuf do not fit its data (*h asks for nothing)
 */
enum vh_violation vh_hdr_from_mbuf(const struct vh_bind *b, struct rte_mbuf *m, struct vh_net_hdr *h) VH_MUST_USE;

#endif /* VH_HDR_H */
