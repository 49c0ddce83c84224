/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Immutable private snapshots of requests. A fetch copies descriptors of a whole burst out of guest
 * memory, checks and translates them; nothing of a request is read from the ring again (RING-1, RING-2).
 * May touch: its arguments only. The data thread inside the ring's door.
 */
#ifndef VH_SNAPSHOT_H
#define VH_SNAPSHOT_H

#include <stdint.h>

#include "guest.h"
#include "limits.h"
#include "violation.h"

/** One contiguous piece of host memory that a request may use; dies at the end of the burst (RING-11). */
struct vh_seg {
	uint8_t __guest *hva;
	uint32_t len; /* bytes, > 0 */
	uint32_t reserved;
};

/** One descriptor chain. Segments: readable first, then writable. Consumers get it const. */
struct vh_req {
	uint32_t len;     /* bytes of all segments; a chain above 4 GiB has fault PKT_TOO_BIG instead */
	uint16_t seg;     /* first segment in vh_burst.seg[] */
	uint16_t nr_segs;
	uint16_t nr_readable; /* of nr_segs */
	uint16_t id;      /* split: head index; packed: buffer id. What is handed back */
	uint16_t nr_slots; /* ring slots it takes: 1 on a split ring */
	uint16_t fault;   /* enum vh_violation with decision DROP: hand it back with length 0; nr_segs is 0 */
};

/** Arena of one burst, owned by the ring. */
struct vh_burst {
	uint16_t nr_reqs; /* fetched and not yet published */
	uint16_t nr_segs;
	uint16_t next_idx;  /* ring: position behind the last fetched request */
	uint8_t next_wrap;  /* ring: packed wrap counter there */
	uint32_t looked_at; /* ring: descriptors read since vh_ring_begin (RING-6 budget) */
	uint32_t used_len[VH_BURST_REQS]; /* consumer: bytes written into request i, before publish */
	struct vh_req req[VH_BURST_REQS] VH_CACHE_ALIGNED;
	struct vh_seg seg[VH_BURST_SEGS] VH_CACHE_ALIGNED;
};

#endif /* VH_SNAPSHOT_H */
