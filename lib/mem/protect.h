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

struct vh_protect {
	uint32_t refs;   /* atomic: counted by bindings */
	uint32_t nr;
	uintptr_t lo, hi; /* hull: [lo, hi) */
	uint64_t filter[64]; /* bit (page & 4095) set if some range touches such a page */
	struct vh_protect_range range[]; /* sorted, merged */
};

/** Copy, sort and merge n ranges. One reference. NULL: no memory. */
struct vh_protect *vh_protect_build(const struct vh_protect_range *range, uint32_t n);
void vh_protect_get(struct vh_protect *p);
void vh_protect_put(struct vh_protect *p);
/** Cold half of vh_protect_hits. */
bool vh_protect_search(const struct vh_protect *p, uintptr_t start, uint64_t len);

/** True if [start, start + len) overlaps a protected range; p may be NULL. */
static VH_ALWAYS_INLINE bool
vh_protect_hits(const struct vh_protect *p, uintptr_t start, uint64_t len)
{
	if (p == NULL || start >= p->hi || start + len <= p->lo)
		return false;
	return vh_protect_search(p, start, len);
}

#endif /* VH_PROTECT_H */
