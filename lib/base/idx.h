/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ring index arithmetic. May touch: its arguments only. Any thread.
 * spec: virtio-1.3 2.7.13, 2.8.1
 */
#ifndef VH_IDX_H
#define VH_IDX_H

#include <stdbool.h>
#include <stdint.h>

/** Entries from `from` up to `to` on a free-running 16-bit index. */
static inline uint16_t
vh_idx_distance(uint16_t to, uint16_t from)
{
	return (uint16_t)(to - from);
}

/** Position in a packed ring: slot 0..size-1 and its wrap counter. */
struct vh_pidx {
	uint16_t idx;
	bool wrap;
};

/** Advance by n slots, n <= size; one wrap at most, so 32 bits cannot overflow. */
static inline void
vh_pidx_advance(struct vh_pidx *p, uint32_t n, uint16_t size)
{
	uint32_t idx = (uint32_t)p->idx + n;

	if (idx >= size) {
		idx -= size;
		p->wrap = !p->wrap;
	}
	p->idx = (uint16_t)idx;
}

/** bit 15 wrap, bits 0-14 index: the form of messages, event words and the public API. */
static inline uint16_t
vh_pidx_pack(struct vh_pidx p)
{
	return (uint16_t)(p.idx | (p.wrap ? 0x8000u : 0u));
}

static inline struct vh_pidx
vh_pidx_unpack(uint16_t v)
{
	struct vh_pidx p = { .idx = v & 0x7fff, .wrap = (v & 0x8000) != 0 };

	return p;
}

/** Event test of both ring formats. spec: virtio-1.3 2.7.10 */
static inline bool
vh_idx_event_passed(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

#endif /* VH_IDX_H */
