/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of one descriptor, four at a time, on processors with AVX2. The tests are those of vh_chain_host(), side by
 * side: what passes is in order, what does not is left to the scalar way, and nothing of this look is used then.
 * May touch: guest memory. The data thread inside the ring's door.
 */
#ifndef VH_WIDE_H
#define VH_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "memmap.h"
#include "protect.h"
#include "snapshot.h"

/** What to test against and where to store. */
struct vh_wide {
	const struct vh_region *region;
	const struct vh_protect *protect; /* NULL: nothing is written */
	struct vh_seg *seg; /* room for n */
	struct vh_req *req;
	unsigned int n;     /* requests wanted */
	uint16_t first_seg; /* number of seg[0] */
	uint16_t readable;  /* 1: transmit */
	uint16_t mask, want; /* flags under mask must be as in want */
};

/**
 * May it be used? Asked when a ring starts, behind EAL's initialisation: AVX2, and DPDK's --force-max-simd-bitwidth
 * allows 256 bits.
 */
bool vh_wide_usable(void);

/**
 * n slots from `ring` on, which is aligned to 16.
 * @return requests made, a multiple of four
 */
unsigned int vh_wide_packed(const struct vh_wide *w, const struct vh_packed_desc __guest *ring);
/** n entries of the available ring from `position` on. mask: size - 1. @return as above */
unsigned int vh_wide_split(const struct vh_wide *w, const struct vh_avail __guest *avail, uint16_t position,
		const struct vh_split_desc __guest *desc, uint16_t ring_mask);

#endif /* VH_WIDE_H */
