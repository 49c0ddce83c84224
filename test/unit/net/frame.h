/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames with real headers, and checksums computed the slow way to compare with.
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

#define FRAME_MAX 9000u

/** A frame in private memory. */
struct frame {
	bool v6;
	uint8_t proto;      /* IPPROTO_TCP, _UDP or _SCTP */
	uint8_t tags;       /* VLAN */
	uint8_t options;    /* words of IPv4 options */
	uint16_t payload;
	uint16_t padding;   /* bytes behind what IP counts */
	/* filled in */
	uint16_t l2, l3, l4;
	uint16_t field;     /* of the checksum, from the transport header */
	uint32_t len;
	uint8_t bytes[FRAME_MAX];
};

/** Fill in everything else; the checksum fields are 0. */
void frame_build(struct frame *f);
/** Offset of the transport header. */
uint32_t frame_l4(const struct frame *f);
/** Its bytes in a packet of the pool, `each` bytes per segment (0: one). Empty segments between if `gaps`. */
struct rte_mbuf *frame_packet(const struct frame *f, uint32_t each, bool gaps);
/** Its first len bytes in memory that ends there, so that a sanitizer sees the first byte read beyond. */
struct rte_mbuf *frame_exact(const struct frame *f, uint32_t len);
/** Bytes of a packet back into f. */
void frame_take(struct frame *f, const struct rte_mbuf *m);

/** One's complement sum, folded, of big-endian words. */
uint16_t frame_sum(const uint8_t *p, uint32_t len, uint32_t sum);
/** Sum of the pseudo header of what IP counts. */
uint16_t frame_pseudo(const struct frame *f);
/** Checksum field as it is in the bytes. */
uint16_t frame_field(const struct frame *f);
/** Is the transport checksum right (TCP, UDP)? */
bool frame_good(const struct frame *f);
/** Is that of the IPv4 header? */
bool frame_good_ip(const struct frame *f);

#endif /* NET_FRAME_H */
