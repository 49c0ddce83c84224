/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface to a ring of either format: fetch, publish, notify test, suppression, positions.
 * The format is chosen once per call by the binding's flag; split.c and packed.c hold all that differs.
 * Fetch..publish: the thread inside the ring's door. Create/free/positions: control, door held exclusively
 * or ring not bound.
 * spec: virtio-1.3 2.7, 2.8
 */
#ifndef VH_RING_H
#define VH_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "bind.h"
#include "res.h"
#include "snapshot.h"

/** What the consumer does with the pieces; a piece of another direction is a violation (SPLIT-15). */
enum vh_dir {
	VH_DIR_READ,  /* transmit: readable pieces only */
	VH_DIR_WRITE, /* receive: writable pieces only */
	VH_DIR_BOTH,  /* request devices: readable before writable */
};

/** Allocate private state on NUMA node `node` (-1 any), zeroed. NULL: no memory. */
struct vh_ring *vh_ring_create(int node);
void vh_ring_free(struct vh_ring *r);

/** Start a burst: forget what was fetched and not published; the position is last_avail again. */
void vh_ring_begin(const struct vh_bind *b);
/**
 * Append up to `want` more requests to the ring's burst, in ring order. Does not consume them: publish does.
 * Requests with a DROP violation are appended with .fault set (they count as fetched).
 * @return 0: all went well (fewer than want: ring empty, or arena/budget full);
 *         -EAGAIN: the chain behind the last appended one cannot be served now (unmapped address; do not poll it);
 *         > 0 violation (scope RING): the chain behind the last appended one breaks the ring; r->fault has details
 */
int vh_ring_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir) VH_MUST_USE;
/** Requests fetched so far in this burst: b->ring->burst.nr_reqs. */
/**
 * Hand back the first n requests of the burst with used_len[i], in one publication (elements first, index or first
 * flags last), advance both positions. What was fetched behind n is forgotten; the burst is empty afterwards.
 */
void vh_ring_publish(const struct vh_bind *b, unsigned int n);
/**
 * After publish: full fence, then the driver's suppression words. Advances the "signalled" position.
 * @return true if the driver wants an interrupt
 */
bool vh_ring_need_call(const struct vh_bind *b);
/** Write the suppression words: kicks wanted or not (api.md 5.7, NOTIF-8..10; H39). Full fence behind enabling. */
void vh_ring_notify(const struct vh_bind *b, bool enable);
/** Entries available and not yet consumed; split: avail idx - last_avail; packed: chains counted up to size. <= size */
uint16_t vh_ring_available(const struct vh_bind *b);
/** Available entries counted from last_used instead (rte_vhost_avail_entries, api.md 2.4). */
uint16_t vh_ring_available_from_used(const struct vh_bind *b);
/** Mark broken; later fetches return 0 requests. */
void vh_ring_break(struct vh_ring *r);
/**
 * Ring starts with these positions (encoding of api.md 2.4: packed bit 15 = wrap). Split: if the used index in ring
 * memory differs from last_used, both positions become it, read once (BASE-4, K21). Clears broken, stall and
 * signalled state.
 * @return true if a split ring adopted the used index
 */
bool vh_ring_start(const struct vh_bind *b, uint16_t avail, uint16_t used);
/** Positions in the encoding of api.md 2.4; relaxed reads, any thread. */
void vh_ring_positions(const struct vh_ring *r, bool packed, uint16_t *avail, uint16_t *used);
void vh_ring_set_positions(struct vh_ring *r, bool packed, uint16_t avail, uint16_t used);
/** Words for rte_vhost_get_monitor_addr (api.md 2.14). */
struct vh_monitor {
	const void __guest *addr;
	uint64_t val, mask;
	uint8_t size, match;
};
void vh_ring_monitor(const struct vh_bind *b, struct vh_monitor *m);

/** Bytes of the three areas of a ring (ADDR-3). */
struct vh_ring_lens {
	uint64_t desc, avail, used;
};
struct vh_ring_lens vh_ring_lens(uint16_t size, bool packed, bool event_idx);

#endif /* VH_RING_H */
