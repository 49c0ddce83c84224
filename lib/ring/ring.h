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
/** r may be NULL. */
void vh_ring_free(struct vh_ring *r);

/**
 * Start a burst: forget what was fetched and not published; the position is last_avail again, the budget of
 * descriptors (RING-6, policy vq.budget) is full again. Once per public call: the budget bounds what lies between two
 * begins.
 */
void vh_ring_begin(const struct vh_bind *b);
/**
 * Append up to `want` more requests to the ring's burst, in ring order. Does not consume them: publish does. Of what a
 * request is made of every field is read once (RING-1); a look by a short way that does not end in a request is
 * forgotten whole. The split available index is read once per burst, so what the driver adds meanwhile waits for the
 * next one (SPLIT-2).
 *
 * What happens to a chain that is not in order:
 *  - structure broken (index, flags, loop, table length, address wrap; on VH_DIR_WRITE a readable piece, a writable
 *    piece in ring memory, no byte at all): > 0, r->fault filled, the chain is behind the last appended request.
 *  - well-formed but unusable (writable piece, over 256 pieces, over the budget of descriptors, 4 GiB and more):
 *    VH_DIR_READ: appended with .fault (and TX_SHORT for a chain without a byte): report it, hand it back with length
 *    0, go on. VH_DIR_WRITE: -EAGAIN, r->fault filled: a receive buffer is not given back unused, nothing is
 *    consumed (A135, A160). VH_DIR_BOTH: as broken structure (RING-6 "generic").
 *  - an address is not mapped: -EAGAIN, r->fault is BAD_ADDR.
 * The chain that ended a fetch with -EAGAIN is remembered and not walked again before the memory table changes, the
 * ring is set up anew, or 10 ms have passed; meanwhile fetch returns -EAGAIN with r->fault.code == VH_V_NONE: there is
 * nothing new to report. Structure is checked to the end of a chain even behind a content fault, within the budget.
 *
 * @param want  requests, 0..VH_BURST_REQS; what does not fit the arena is left for the next burst
 * @return 0: all went well (fewer than want: ring empty, arena or budget full);
 *         -EAGAIN: the chain behind the last appended one cannot be served now (do not poll it); if r->fault.code is
 *         not VH_V_NONE report it;
 *         > 0 violation: the chain behind the last appended one breaks the ring; r->fault has details. Requests
 *         appended before it are good and may be served
 */
int vh_ring_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir) VH_MUST_USE;
/**
 * Hand back the first n requests of the burst (b->ring->burst.nr_reqs is how many there are) with used_len[i], in one
 * publication (elements first, index or first flags last), advance both positions. What was fetched behind n is
 * forgotten; the burst is empty afterwards. On an IN_ORDER ring a VH_DIR_READ burst is one used element.
 * @param n  0..nr_reqs; 0 only forgets
 */
void vh_ring_publish(const struct vh_bind *b, unsigned int n);
/**
 * After publish: full fence, then the driver's suppression words. Advances the "signalled" position.
 * @return true if the driver wants an interrupt
 */
bool vh_ring_need_call(const struct vh_bind *b);
/** Write the suppression words: kicks wanted or not (api.md 5.7, NOTIF-8..10; H39). Full fence behind enabling. */
void vh_ring_notify(const struct vh_bind *b, bool enable);
/**
 * Entries available and not yet consumed, 0..size. Split: avail idx - last_avail. Packed: descriptors marked available
 * from the position on (a chain of three counts three), found by bisection: 16 loads at most. An advisory number: the
 * driver may lie, and does so only to itself.
 */
uint16_t vh_ring_available(const struct vh_bind *b);
/** Available entries counted from last_used instead (rte_vhost_avail_entries, api.md 2.4). 0..size */
uint16_t vh_ring_available_from_used(const struct vh_bind *b);
/** Mark broken; later fetches return 0 and append nothing, until vh_ring_start(). */
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
/**
 * Set them (rte_vhost_set_vring_base), outside the door too: a burst in hand keeps what it fetched, the next one
 * begins there. Any value is taken; one outside a packed ring breaks it at its next fetch.
 */
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
