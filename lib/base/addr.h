/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address kinds that must not be mixed, and overflow-checked range arithmetic.
 * May touch: its arguments only. Any thread.
 */
#ifndef VH_ADDR_H
#define VH_ADDR_H

#include <stdbool.h>
#include <stdint.h>

/** Guest-physical address. */
typedef struct { uint64_t v; } gpa_t;
/** What a descriptor holds: a GPA, or an I/O virtual address under ACCESS_PLATFORM. */
typedef struct { uint64_t v; } iova_t;
/** Front-end virtual address, as messages carry it. */
typedef struct { uint64_t v; } uva_t;
/** Host DMA address (DPDK's rte_iova_t, which is not the guest's IOVA). */
typedef struct { uint64_t v; } dma_t;

/** True if [start, start + len) leaves the 64-bit space; ending exactly at 2^64 counts (XLAT-1, MEM-2). */
static inline bool
vh_range_wraps(uint64_t start, uint64_t len)
{
	uint64_t end;

	return __builtin_add_overflow(start, len, &end);
}

/**
 * True if [start, start + len) lies wholly inside [base, base + size). Subtraction only, so no
 * sum of peer values can wrap.
 */
static inline bool
vh_range_inside(uint64_t start, uint64_t len, uint64_t base, uint64_t size)
{
	uint64_t off = start - base;

	return start >= base && off <= size && len <= size - off;
}

/** True if two ranges, neither of which wraps, share a byte. Empty ranges share nothing. */
static inline bool
vh_ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	if (a_len == 0 || b_len == 0)
		return false;
	return a < b ? b - a < a_len : a - b < b_len;
}

#endif /* VH_ADDR_H */
