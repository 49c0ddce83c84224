/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames over a driver's ring, seen from the guest: buffers to receive into, frames to send, contents that are
 * checked. Needs libc only. One thread per queue.
 * spec: virtio-1.3 5.1.6
 */
#ifndef NETQ_H
#define NETQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drv.h"

struct netq_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
	uint16_t num_buffers; /* not in the 10-byte form */
};

#define NETQ_NEEDS_CSUM 1u
#define NETQ_GSO_TCPV4 1u

/** How a frame lies in a chain. */
enum netq_shape {
	NETQ_ONE,   /* header and data in one element */
	NETQ_SPLIT, /* header alone, then data */
};

struct netq_cfg {
	uint8_t hdr_len;       /* 10 or 12 */
	bool mergeable;        /* receive: num_buffers counts */
	uint32_t buf_size;     /* bytes of one buffer, header included */
	uint32_t element;      /* largest element of a chain, bytes; 0: no limit */
	enum netq_shape shape;
	enum drv_how how;
};

/** One direction. Buffers come from `memory`, one of buf_size bytes for every chain the ring can hold. */
struct netq {
	struct netq_cfg cfg;
	struct drv_ring *ring;
	uint8_t *memory;
	unsigned int nr_bufs;
	uint32_t *free;      /* stack of free buffers */
	unsigned int nr_free;
	struct drv_done *done;
	struct drv_buf *elements;
	uint8_t *frame;      /* reassembled receive frame */
	uint64_t frames, bytes, bad;
};

/** Bytes of guest memory for nr_bufs buffers. */
size_t netq_bytes(const struct netq_cfg *cfg, unsigned int nr_bufs);
/** memory: netq_bytes long, in an area of the ring's drv_mem. @return 0 or -ENOMEM */
int netq_init(struct netq *q, const struct netq_cfg *cfg, struct drv_ring *ring, void *memory,
	      unsigned int nr_bufs);
void netq_fini(struct netq *q);
/** All buffers free again (after drv_ring_reset). */
void netq_reset(struct netq *q);

/** Receive: add buffers while there is room; not published. @return how many */
unsigned int netq_refill(struct netq *q);
/**
 * Transmit: put a frame of `len` bytes into a free buffer behind a header; not published. data NULL: the buffer's
 * old contents go out (benchmarks). hdr NULL: all zero.
 * @return 0 or -ENOSPC
 */
int netq_send(struct netq *q, const struct netq_hdr *hdr, const void *data, uint32_t len);
/** Transmit: take back what was sent. @return frames, < 0 when the device broke a rule */
int netq_sent(struct netq *q);

/** Called with each received frame, header taken off; valid during the call only. */
typedef void (*netq_frame_fn)(void *ctx, const struct netq_hdr *hdr, const uint8_t *data, uint32_t len);
/**
 * Receive: collect frames (mergeable ones put together), give each to fn (may be NULL), make its buffers free.
 * @return frames, < 0 when the device broke a rule: -EPROTO ring, -EBADMSG length or num_buffers
 */
int netq_receive(struct netq *q, netq_frame_fn fn, void *ctx);

/** An Ethernet frame whose bytes follow from `seed`: MAC addresses, type 0x88b5, 8 bytes of seed, pattern. len >= 22 */
void netq_fill(uint8_t *frame, uint32_t len, uint64_t seed);
/** @return true if the frame is exactly what netq_fill made; *seed gets its seed */
bool netq_check(const uint8_t *frame, uint32_t len, uint64_t *seed);

#endif /* NETQ_H */
