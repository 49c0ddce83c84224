/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor address + length to host memory. The hot half is one compare against the region hit last; it proves the
 * bounds and yields the host address. The cold half searches the sorted table and splits over region borders.
 * May touch: its arguments only. The data thread inside the ring's door.
 * spec: virtio-1.3 2.7.5, 2.8.5; rules XLAT-1..8
 */
#ifndef VH_TRANSLATE_H
#define VH_TRANSLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "guest.h"
#include "memmap.h"
#include "res.h"

/** A run of host memory inside one region. */
struct vh_piece {
	uint8_t __guest *hva;
	uint64_t len; /* bytes, > 0 */
};

/** Translation state of one fetch. Dies with it, so `last` cannot outlive the table (XLAT-8). */
struct vh_xlat {
	const struct vh_memmap *map;
	const struct vh_region *last; /* region hit last; never NULL: an empty one if the table is empty */
};

/** The region of a table without regions: holds nothing. */
extern const struct vh_region vh_region_none;

/**
 * Begin with the region that an earlier burst ended with.
 * @param hint        index that vh_xlat_hint() gave
 * @param generation  of the table the hint belongs to; another table: the hint is ignored
 */
static VH_ALWAYS_INLINE void
vh_xlat_begin(struct vh_xlat *x, const struct vh_memmap *map, uint16_t hint, uint32_t generation)
{
	x->map = map;
	if (vh_likely(generation == map->generation && hint < map->nr))
		x->last = &map->region[hint];
	else
		x->last = map->nr != 0 ? &map->region[0] : &vh_region_none;
}

/** Index of the region hit last, to be kept together with map->generation. */
static VH_ALWAYS_INLINE uint16_t
vh_xlat_hint(const struct vh_xlat *x)
{
	return x->map->nr != 0 ? (uint16_t)(x->last - x->map->region) : 0;
}

/**
 * All of [addr, addr + len) in region g? Subtractions only: no sum of the driver's values can wrap, and a region does
 * not wrap either (MEM-2), so a range that would is not inside (XLAT-1, XLAT-3).
 */
static VH_ALWAYS_INLINE bool
vh_region_holds(const struct vh_region *g, iova_t addr, uint64_t len)
{
	uint64_t off = addr.v - g->gpa;

	return off < g->size && len <= g->size - off;
}

/**
 * First piece of [addr, addr + len), len > 0: up to the end of the region that holds addr. Neighbouring regions are
 * never joined, whatever their host addresses (XLAT-2).
 * @return 0, or -EAGAIN: addr is in no region (XLAT-4)
 */
int vh_xlat_piece(struct vh_xlat *x, iova_t addr, uint64_t len, struct vh_piece *out) VH_MUST_USE;

/**
 * Make the region that holds all of [addr, addr + len) the one hit last.
 * @return false: no single region holds it
 */
bool vh_xlat_seek(struct vh_xlat *x, iova_t addr, uint64_t len);

/**
 * Copy [addr, addr + len) out of guest memory, region by region.
 * @return 0, or -EAGAIN: part of it is unmapped (dst then holds rubbish)
 */
int vh_xlat_copy_in(struct vh_xlat *x, iova_t addr, void *dst, uint64_t len) VH_MUST_USE;

#endif /* VH_TRANSLATE_H */
