/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring on plain memory for the ring tests: three regions with a hole and a touching pair, a binding, and the driver's
 * side as raw stores, so that a test can post whatever it likes.
 */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bind.h"
#include "policy.h"
#include "protect.h"
#include "ring.h"

/*
 * Guest addresses. Regions 0 and 1 touch in the guest and lie apart (and in the other order) in the host; 2 is behind a
 * hole; 3 is the last page below 2^64, so that ranges can wrap out of it.
 */
#define RIG_GPA0 UINT64_C(0x10000)
#define RIG_SIZE0 UINT64_C(0x200000)
#define RIG_GPA1 (RIG_GPA0 + RIG_SIZE0)
#define RIG_SIZE1 UINT64_C(0x10000)
#define RIG_GPA2 UINT64_C(0x100000000)
#define RIG_SIZE2 UINT64_C(0x10000)
#define RIG_GPA3 (UINT64_C(0) - 0x2000)
#define RIG_SIZE3 UINT64_C(0x1000)
#define RIG_REGIONS 4

/* Buffers begin here in region 0; below it lie the rings. */
#define RIG_BUFS (RIG_GPA0 + 0x180000)

struct rig {
	void *mapping;
	size_t mapping_len;
	struct vh_memmap *map;
	struct vh_protect *protect;
	struct vh_protect_range area[3]; /* the ring's memory */
	struct vh_policy policy;
	struct vh_ring *ring;
	struct vh_bind bind;
	uint16_t size;
	bool packed;
	bool wide;             /* rig_ring: look at descriptors four at a time, where the processor can */
	/* driver's side */
	uint16_t avail_idx;    /* split: next index to publish */
	struct vh_pidx at;     /* packed: next slot to fill */
};

/** Memory and a ring at index 0 / slot 0 wrap 1. flags: enum vh_bind_flag; VH_B_PACKED chooses the format. */
void rig_open(struct rig *g, uint16_t size, uint32_t flags);
/** Another, empty ring in the same memory, starting at this position (encoding of api.md 2.4). */
void rig_ring(struct rig *g, uint16_t size, uint32_t flags, uint16_t base);
void rig_close(struct rig *g);
/** Host address of a mapped guest address. */
uint8_t *rig_host(const struct rig *g, uint64_t gpa);
/** Another table of the same regions: new generation. */
void rig_new_generation(struct rig *g);

/** Put off the time at which a remembered head may be walked again, so that a busy machine does not reach it. */
void rig_no_timer(struct rig *g);

/* split */
void rig_desc(struct rig *g, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);
/** Put a head into the available ring and publish the index. */
void rig_post(struct rig *g, uint16_t head);
void rig_set_avail_idx(struct rig *g, uint16_t idx);
uint16_t rig_used_idx(const struct rig *g);
struct vh_used_elem rig_used(const struct rig *g, uint16_t pos);

/* packed */
/** Fill the next slot, available; flags: NEXT, WRITE, INDIRECT. */
void rig_slot(struct rig *g, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags);
void rig_raw_slot(struct rig *g, uint16_t slot, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags);
struct vh_packed_desc rig_read_slot(const struct rig *g, uint16_t slot);

/** Host pointer inside a region? */
bool rig_inside(const struct rig *g, const uint8_t *hva, uint64_t len);
/** Host range overlaps ring memory? */
bool rig_in_ring(const struct rig *g, const uint8_t *hva, uint64_t len);

/** One buffer by one descriptor in either format; split: descriptor and head i. */
void rig_one(struct rig *g, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags);
/** Entry of an indirect table at guest address `table`, layout of the rig's format. */
void rig_entry(struct rig *g, uint64_t table, uint32_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);

/** begin + fetch. */
int rig_fetch(struct rig *g, unsigned int want, enum vh_dir dir);

#endif /* RIG_H */
