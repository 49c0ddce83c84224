/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksum and segmentation requests between two guests: what one left undone is passed on to a
 * guest that can take it, or done here. Frames are the guests' data: nothing in them is trusted.
 */
#ifndef VTP_OFFLOAD_H
#define VTP_OFFLOAD_H

#include <stdint.h>

#include <rte_mbuf.h>

/* What csum mode found. */
struct csum_result {
	unsigned int bad_ip;      /* IPv4 header checksums that were wrong */
	unsigned int bad_l4;      /* complete TCP, UDP, SCTP checksums that were wrong */
	unsigned int completed;   /* checksums the guest had left to us */
	unsigned int unknown;     /* frames without a checksum we know */
};

/* Flags that make a frame more than its bytes, in both styles of the library. */
static inline int
offload_asked(const struct rte_mbuf *m)
{
	return (m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG |
			       RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_RX_LRO)) != 0 ||
	       (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

/**
 * csum mode: compute IPv4, TCP, UDP and SCTP checksums anew. A frame to be segmented becomes a
 * request to the receiving guest instead; a frame that is not understood stays as it is.
 */
void offload_recompute(struct rte_mbuf *m, struct csum_result *result);

/**
 * Make a frame one that a guest with these features can take.
 * @return 0; -1 if it cannot be delivered (to be segmented, and the guest takes no such frames)
 */
int offload_fit(struct rte_mbuf *m, uint64_t features);

#endif /* VTP_OFFLOAD_H */
