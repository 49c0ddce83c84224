/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums over packets of any number of segments, of any length, empty ones included.
 * May touch: private packet bytes. Any thread.
 * spec: RFC 1071, RFC 793, RFC 9260
 */
#ifndef VH_CSUM_H
#define VH_CSUM_H

#include <stdbool.h>
#include <stdint.h>

#include "res.h"

struct rte_mbuf;

/** Where a transport header lies and whom it belongs to: what a pseudo header is made of. */
struct vh_csum_l4 {
	const uint8_t *ip; /* private IP header, 20 bytes (v4) or 40 (v6) at least */
	bool v4;
	uint8_t proto;     /* IPPROTO_TCP or _UDP */
	uint32_t len;      /* bytes of transport header and payload */
};

/** Bytes of the segments of m; what an honest pkt_len says. */
uint32_t vh_csum_bytes(const struct rte_mbuf *m);
/**
 * One's complement sum, folded, not complemented, in memory order, of bytes off..off + len - 1 of the packet; what lies
 * behind its end counts as zero.
 */
uint16_t vh_csum_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len) VH_MUST_USE;
/** Sum of the pseudo header, folded, not complemented, in memory order. */
uint16_t vh_csum_pseudo(const struct vh_csum_l4 *l4) VH_MUST_USE;
/** Sum of two folded sums, folded. */
uint16_t vh_csum_add(uint16_t a, uint16_t b) VH_MUST_USE;
/** The checksum of a sum: its complement; 0 becomes its equal 0xffff, which means "none" nowhere. */
uint16_t vh_csum_finish(uint16_t sum) VH_MUST_USE;
/** CRC32c of bytes off..off + len - 1 with the 4 bytes at `field` taken as zero, in memory order (SCTP). */
uint32_t vh_csum_crc32c(const struct rte_mbuf *m, uint32_t off, uint32_t len, uint32_t field) VH_MUST_USE;
/** Store n bytes at offset off, across segments; nothing behind the end of the packet. */
void vh_csum_put(struct rte_mbuf *m, uint32_t off, const void *src, uint32_t n);

#endif /* VH_CSUM_H */
