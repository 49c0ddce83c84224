/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One shared mapping of a peer's file: guard pages around it, out of core dumps, not inherited by fork.
 * May touch: system calls that can block on the peer's file: `vhost-work` and ordinary callers only.
 * spec: vhost-user FD-1..6
 */
#ifndef VH_MAP_H
#define VH_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest.h"
#include "res.h"

/** What the kernel says about a memory fd, found out without calling into its file system where possible. */
struct vh_file_id {
	dev_t dev;
	ino_t ino;
	uint64_t size;       /* st_size, bytes */
	uint64_t page;       /* mapping granularity, bytes: 4096, or the huge page size of hugetlbfs */
	bool shrink_sealed;
};

/** Reference-counted mapping; owns its fd. */
struct vh_mapping {
	uint32_t refs;   /* atomic */
	int fd;
	struct vh_file_id id;
	uint8_t __guest *base; /* maps the file from offset map_off on */
	uint64_t map_off;      /* file offset of base */
	uint64_t len;          /* bytes mapped (guard pages not counted) */
	void *reserve;         /* whole reservation incl. guard pages */
	uint64_t reserve_len;
};

enum vh_map_error {
	VH_MAP_OK = 0,
	VH_MAP_FD_TYPE,  /* not a file that may be guest memory */
	VH_MAP_FD_MODE,  /* read-only or sealed against writing */
	VH_MAP_TOO_SMALL,/* offset + size beyond the file */
	VH_MAP_FAILED,   /* mmap said no; errno kept */
};

/**
 * Classify a memory fd (FD-1): shared-memory and huge-page files by their seals, others by mount id and
 * only if allow_disk_files; never stats a file of a foreign file system (A024, A025).
 */
enum vh_map_error vh_map_identify(int fd, bool allow_disk_files, struct vh_file_id *id) VH_MUST_USE;
/**
 * Map [0, offset + size) of fd, as the ABI's mmap_addr/mmap_size describe it (api.md 9.6), shared and
 * writable, with PROT_NONE guard pages on both sides if guard_pages. fd is owned by the mapping on success and stays
 * the caller's on failure.
 */
enum vh_map_error vh_map_create(int fd, const struct vh_file_id *id, uint64_t offset, uint64_t size,
		bool guard_pages, struct vh_mapping **out) VH_MUST_USE;
void vh_mapping_get(struct vh_mapping *m);
/** Drop a reference; the last one unmaps and closes. Blocks. */
void vh_mapping_put(struct vh_mapping *m);
/** Process totals for quotas: mapped bytes and number of mappings. Atomic, any thread. */
uint64_t vh_map_total_bytes(void);
uint32_t vh_map_total_count(void);

#endif /* VH_MAP_H */
