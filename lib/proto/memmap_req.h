/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SET_MEM_TABLE as a typed request. Separate from mem/ because proto/ and mem/ do not see each other.
 * May touch: nothing.
 */
#ifndef VH_MEMMAP_REQ_H
#define VH_MEMMAP_REQ_H

#include <stdint.h>

#include "fds.h"
#include "limits.h"

/** Regions as sent, in the front-end's order; each non-empty, none wraps, offset page-aligned, GPAs disjoint. */
struct vh_mem_req {
	uint32_t nr;
	struct {
		uint64_t gpa, size, uva, offset; /* bytes; same order as struct vh_region_req of mem/ */
	} region[VH_MAX_REGIONS];
	struct vh_fds fds; /* nr of them, owned */
};

#endif /* VH_MEMMAP_REQ_H */
