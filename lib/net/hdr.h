/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The net header: private header <-> offload flags of an mbuf. Everything that is parsed is private: the header was
 * copied once, the packet is in the mbuf already (NET-3).
 * May touch: mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6; Source: api.md 5.4, 5.5; rules NET-7..NET-22, NET-25, NET-28, NET-29
 */
#ifndef VH_HDR_H
#define VH_HDR_H

#include "bind.h"
#include "violation.h"

struct rte_mbuf;

/**
 * Guest's header to offload flags of a complete frame, in the style the path was registered for.
 * @return VH_V_NONE; VH_V_TX_META: asked for something that cannot be honoured, no flags set, deliver it plain;
 *         VH_V_GSO: segmentation that must not reach the application
 */
enum vh_violation vh_hdr_to_mbuf(const struct vh_bind *b, const struct vh_net_hdr *h, struct rte_mbuf *m);

/**
 * Offload requests of the application to a header for the guest; checksums the guest cannot take are computed here, and
 * pseudo-header sums are stored in the packet. num_buffers is left 0.
 * @return VH_V_NONE, or VH_V_RX_META: the guest cannot take it, or the lengths of the mbuf point beyond its data
 */
enum vh_violation vh_hdr_from_mbuf(const struct vh_bind *b, struct rte_mbuf *m, struct vh_net_hdr *h);

#endif /* VH_HDR_H */
