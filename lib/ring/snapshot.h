/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Immutable private snapshots of requests. A fetch copies descriptors of a whole burst out of guest
 * memory, checks and translates them; nothing of a request is read from the ring again (RING-1, RING-2).
 * May touch: its arguments only. The data thread inside the ring's door.
 */
#ifndef VH_SNAPSHOT_H
#define VH_SNAPSHOT_H

#include <stdbool.h>
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
	uint32_t len;     /* bytes of all segments; a chain of 4 GiB and more has fault PKT_TOO_BIG instead */
	uint16_t seg;     /* first segment in vh_burst.seg[] */
	uint16_t nr_segs;
	uint16_t nr_readable; /* of nr_segs */
	uint16_t id;      /* split: head index; packed: buffer id. What is handed back */
	uint16_t nr_slots; /* ring slots it takes: 1 on a split ring */
	uint16_t fault;   /* enum vh_violation, scope REQUEST: hand it back with length 0; nr_segs and len are 0 */
};

/** Arena of one burst, owned by the ring. Consumers read nr_reqs, req[], seg[] and write used_len[]. */
struct vh_burst {
	uint16_t nr_reqs; /* fetched and not yet published */
	uint16_t nr_segs;
	uint16_t next_idx;  /* ring: position behind the last fetched request */
	bool next_wrap;     /* ring: packed wrap counter there */
	bool read_only;     /* ring: all requests were fetched with VH_DIR_READ */
	bool avail_valid;   /* ring, split: avail_idx was loaded in this burst (SPLIT-2) */
	uint16_t avail_idx; /* ring, split: the driver's index as checked */
	uint32_t slots;     /* ring: slots the fetched requests take */
	uint32_t looked_at; /* ring: descriptors read since vh_ring_begin (RING-6 budget) */
	/*
	 * consumer: bytes written into request i, at most req[i].len, before publish (RING-15). Not looked at after
	 * VH_DIR_READ: nothing was written then, 0 is handed back.
	 */
	uint32_t used_len[VH_BURST_REQS];
	struct vh_req req[VH_BURST_REQS] VH_CACHE_ALIGNED;
	struct vh_seg seg[VH_BURST_SEGS] VH_CACHE_ALIGNED;
};

#endif /* VH_SNAPSHOT_H */
