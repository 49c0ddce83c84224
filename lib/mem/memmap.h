/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory table: immutable once built, reference-counted. Regions whose file and range did not
 * change share the mapping with the previous table. Built on a `vhost-work` thread, beside the old one.
 * May touch: system calls through plat/map.h; no guest memory.
 * spec: vhost-user SET_MEM_TABLE; rules MEM-1..20, FD-1..6
 */
#ifndef VH_MEMMAP_H
#define VH_MEMMAP_H

#include <stdint.h>

#include "addr.h"
#include "guest.h"
#include "limits.h"
#include "map.h"
#include "policy.h"
#include "res.h"
#include "violation.h"

/** One region. The fields up to hva are what translation reads; 32 bytes. */
struct vh_region {
	uint64_t gpa;          /* guest-physical start */
	uint64_t size;         /* bytes, exact (not page-rounded) */
	uint8_t __guest *hva;  /* our address of gpa */
	uint64_t uva;          /* front-end virtual start */
	/* cold */
	uint64_t offset;       /* of the region in its file */
	struct vh_mapping *mapping; /* counted */
};

/** A complete table. region[] is sorted by gpa; order[] gives the front-end's order for the getter. */
struct vh_memmap {
	uint32_t refs;       /* atomic */
	uint32_t nr;
	uint32_t generation; /* unique per table of the process, never 0: keys last-hit caches (XLAT-8) */
	uint64_t bytes;      /* sum of mapped bytes */
	uint16_t *order;     /* order[i] = index in region[] of the i-th region of the message */
	struct vh_region region[];
};

/** One region as a message gave it: not empty, wraps nowhere, offset page-aligned (proto/ checks MEM-1..3). */
struct vh_region_req {
	uint64_t gpa, size, uva, offset;
};

/**
 * Build a table. Blocks (mmap, fstat): `vhost-work` or an ordinary caller only.
 * @param old   table in force or NULL; unchanged regions share its mappings (MEM-16: same GPA, size, UVA,
 *              offset and the same file by st_dev/st_ino)
 * @param req   n regions, n 0..VH_MAX_REGIONS (larger tables are supported, hundreds)
 * @param fds   n descriptors; taken over in every case: kept in the mapping or closed before return
 * @param out   new table with one reference; if nothing changed, `old` itself with one more reference
 * @param fault code, and by code: FD_TYPE, FD_MODE observed = number of the region in the message, limit = n;
 *              MEM_SIZE observed = offset + size, limit = file size; MEM_OVERLAP observed, limit = numbers of the two
 *              regions; MEM_QUOTA observed = bytes or mappings wanted, limit = the quota; MEM_MAP observed = number
 *              of the region, limit = errno. The message is the caller's to name
 * @return 0; violation (MEM_SIZE, MEM_OVERLAP, MEM_QUOTA, MEM_MAP, FD_TYPE, FD_MODE; *fault filled);
 *         -ENOMEM. On failure nothing new is left mapped, the descriptors are closed (those of foreign file systems
 *         by another worker, soon) and old is untouched (MEM-15)
 */
int vh_memmap_build(const struct vh_policy *policy, struct vh_memmap *old, const struct vh_region_req *req,
		uint32_t n, int *fds, struct vh_memmap **out, struct vh_fault *fault) VH_MUST_USE;
void vh_memmap_get(struct vh_memmap *m);
/** Drop a reference. @return true if it was the last: the caller hands m to vh_memmap_destroy() on `vhost-work` */
bool vh_memmap_put(struct vh_memmap *m) VH_MUST_USE;
/** Unmap and close what only this table used. Blocks for as long as the kernel likes. */
void vh_memmap_destroy(struct vh_memmap *m);

/**
 * [uva, uva + len) as host memory, if it lies wholly in one region (ADDR-6).
 * @return pointer, or NULL. Pure.
 */
uint8_t __guest *vh_memmap_from_uva(const struct vh_memmap *m, uva_t uva, uint64_t len);

#endif /* VH_MEMMAP_H */
