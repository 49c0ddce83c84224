/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every numeric limit: value, unit, reason, source. May touch: nothing. Any thread.
 */
/* DPDK's and the compiler's own <limits.h> find this file first: hand on to the system's, each time. */
#include_next <limits.h>

#ifndef VH_LIMITS_H
#define VH_LIMITS_H

enum vh_limit {
	/* devices (vid 0..1023) and registered paths; ABI: RTE_MAX_VHOST_DEVICE */
	VH_MAX_DEVICES = 1024,
	VH_MAX_ENDPOINTS = 1024,
	/* rings per device and pairs reported; api.md 0, K5 */
	VH_MAX_RINGS = 256,
	VH_MAX_PAIRS = 128,
	/* entries; spec: virtio-1.3 2.7, 2.8.10 */
	VH_MAX_RING_SIZE = 32768,
	/* regions per table offered to a front-end; the ABI's hook layout holds 8 fds */
	VH_MAX_REGIONS = 8,
	/* fds that one message may bring; also the array in the hook layout */
	VH_MAX_MSG_FDS = 8,
	/* what the kernel can deliver in one SCM_RIGHTS message; spec: vhost-user Communication */
	VH_KERNEL_MAX_FDS = 253,
	/* bytes; the hook layout of ABI 23 (api.md 10.7) */
	VH_MSG_HEADER = 12,
	VH_MAX_PAYLOAD = 632,
	/* packets per public burst call; K1 */
	VH_BURST_PKTS = 32,
	/* chains looked at by one fetch: a mergeable packet may take 256 (RING-6) */
	VH_BURST_REQS = 256,
	/* segments of the burst arena; one request alone may need 256 */
	VH_BURST_SEGS = 1024,
	/* segments of one packet (RING-6) */
	VH_MAX_PIECES = 256,
	/* descriptors looked at in one call, empty ones included (vq.budget) */
	VH_CALL_BUDGET = 4096,
	/* indirect table entries for generic walkers; Windows storage drivers exceed the ring size */
	VH_MAX_INDIRECT = 1024,
	/* bytes of one frame from the guest, header excluded (vq.tx_max): 64 KiB + tags */
	VH_MAX_TX_FRAME = 65597,
	/* shortest frame that is a frame (NET-1) */
	VH_MIN_FRAME = 14,
	/* replies queued before reading stops (limit.pending_replies) */
	VH_MAX_PENDING_REPLIES = 64,
	/* messages one connection may have handled per event-loop turn (S4) */
	VH_MSGS_PER_TURN = 8,
	/* listen(2) backlog; api.md 0 */
	VH_BACKLOG = 128,
	/* usable bytes of sun_path */
	VH_MAX_PATH = 107,
	VH_MTU_MIN = 68,
	VH_MTU_MAX = 65535,
};

#endif /* VH_LIMITS_H */
