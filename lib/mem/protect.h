/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "May this range be written?": ring areas of a device that no writable buffer may overlap (RING-9).
 * The usual answer is one compare with the hull, then a small page filter; exact search only behind both.
 * Immutable once built. May touch: its arguments only. Any thread.
 */
#ifndef VH_PROTECT_H
#define VH_PROTECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "res.h"

struct vh_protect_range {
	uintptr_t start; /* host address */
	uint64_t len;    /* bytes */
};

/* Page size of the filter (log2 bytes) and number of its bits: pages 16 MiB apart share one. */
enum {
	VH_PROTECT_SHIFT = 12,
	VH_PROTECT_BITS = 4096,
};

struct vh_protect {
	uint32_t refs;   /* atomic: counted by bindings */
	uint32_t nr;
	uintptr_t lo, hi; /* hull: [lo, hi) */
	uint64_t filter[VH_PROTECT_BITS / 64]; /* bit (page & 4095) set if some range touches such a page */
	struct vh_protect_range range[]; /* sorted, merged */
};

/**
 * Copy, sort and merge n ranges; empty ones are ignored. @return object with one reference; NULL: no memory
 * No range may wrap the address space.
 */
struct vh_protect *vh_protect_build(const struct vh_protect_range *range, uint32_t n) VH_MUST_USE;
/** p may be NULL. */
void vh_protect_get(struct vh_protect *p);
/** p may be NULL; frees with the last reference. */
void vh_protect_put(struct vh_protect *p);
/** Exact answer: does [start, start + len), len > 0, overlap a range? Binary search. */
bool vh_protect_search(const struct vh_protect *p, uintptr_t start, uint64_t len);

/** Is the page's bit set? */
static VH_ALWAYS_INLINE bool
vh_protect_page(const struct vh_protect *p, uintptr_t page)
{
	return (p->filter[(page % VH_PROTECT_BITS) / 64] >> (page % 64) & 1) != 0;
}

/**
 * True if [start, start + len) overlaps a protected range, len 1..2^32-1; p may be NULL. start is an address of this
 * process, so start + len cannot wrap.
 */
static VH_ALWAYS_INLINE bool
vh_protect_hits(const struct vh_protect *p, uintptr_t start, uint64_t len)
{
	uintptr_t end = start + len;

	if (p == NULL || start >= p->hi || end <= p->lo)
		return false;
	/* at most two pages: the usual packet buffer */
	if (len <= (1u << VH_PROTECT_SHIFT) && !vh_protect_page(p, start >> VH_PROTECT_SHIFT) &&
			!vh_protect_page(p, (end - 1) >> VH_PROTECT_SHIFT))
		return false;
	return vh_protect_search(p, start, len);
}

#endif /* VH_PROTECT_H */
