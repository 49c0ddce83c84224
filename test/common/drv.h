/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small virtio ring driver for tests and benchmarks: the guest's side of a split or packed ring.
 * It keeps all its state in private memory and trusts nothing that the device writes. It needs libc only:
 * the ring may be shared with another process or belong to the same one. One thread per ring.
 * spec: virtio-1.3 2.7, 2.8
 */
#ifndef DRV_H
#define DRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRV_DESC_NEXT 1u
#define DRV_DESC_WRITE 2u
#define DRV_DESC_INDIRECT 4u
#define DRV_DESC_AVAIL 0x80u
#define DRV_DESC_USED 0x8000u

#define DRV_NO_INTERRUPT 1u /* avail flags */
#define DRV_NO_NOTIFY 1u    /* used flags */
#define DRV_EVENT_ENABLE 0u /* packed event area flags */
#define DRV_EVENT_DISABLE 1u
#define DRV_EVENT_DESC 2u

/** Split ring descriptor, also entry of an indirect table of a split ring. */
struct drv_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct drv_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* size entries, then used_event */
};

struct drv_used_elem {
	uint32_t id;
	uint32_t len;
};

struct drv_used_ring {
	uint16_t flags;
	uint16_t idx;
	struct drv_used_elem ring[]; /* size entries, then avail_event */
};

/** Packed ring descriptor, also entry of an indirect table of a packed ring. */
struct drv_pdesc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

struct drv_pevent {
	uint16_t off_wrap;
	uint16_t flags;
};

#define DRV_MAX_AREAS 64

/** Guest memory: where a guest address lies in this process. Filled by the caller (or by fe_mem). */
struct drv_mem {
	unsigned int nr;
	struct drv_area {
		void *va;
		uint64_t gpa;
		uint64_t len; /* bytes */
	} area[DRV_MAX_AREAS];
};

/** One area more. Aborts when there are DRV_MAX_AREAS. */
void drv_mem_add(struct drv_mem *m, void *va, uint64_t gpa, uint64_t len);
/** Guest address of a pointer; UINT64_MAX if it lies in no area. */
uint64_t drv_gpa(const struct drv_mem *m, const void *va);
/** Pointer to [gpa, gpa + len); NULL unless it lies in one area. */
void *drv_va(const struct drv_mem *m, uint64_t gpa, uint64_t len);

/** What a device did wrong. The first fault sticks to the ring: later calls of drv_collect return it again. */
enum drv_fault {
	DRV_OK,
	DRV_FAULT_IDX,      /* used index moved by more than is in flight */
	DRV_FAULT_ID_RANGE, /* used id is not below the ring size */
	DRV_FAULT_ID_IDLE,  /* used id is not in flight: never offered, or handed back twice */
	DRV_FAULT_LEN,      /* used length above the writable bytes of the chain */
	DRV_FAULT_ORDER,    /* IN_ORDER: a batch larger than the index moved */
	DRV_FAULT_RING,     /* memory that belongs to the driver was changed (drv_check_ring) */
};

/** Text of a fault. */
const char *drv_fault_name(enum drv_fault fault);

struct drv_cfg {
	uint16_t size; /* entries; a power of two on a split ring */
	bool packed;
	bool event_idx;
	bool in_order;
	uint16_t max_table; /* entries of the largest indirect table; 0: no memory for tables */
	/* position before the first request: split: index; packed: bit 15 = wrap, else slot. */
	uint16_t base;       /* 0 on a packed ring counts as 0x8000, a fresh ring */
	bool shadow;         /* keep a copy of what the driver wrote, for drv_check_ring */
	unsigned int seed;   /* not 0: descriptors and ids are handed out in a shuffled order (not with in_order) */
	const struct drv_mem *mem; /* must outlive the ring */
};

/** One element of a chain: guest address and bytes. */
struct drv_buf {
	uint64_t addr;
	uint32_t len;
};

/** One chain that came back. */
struct drv_done {
	void *token;      /* as given to drv_add */
	uint32_t len;     /* bytes the device says it wrote; of a skipped chain (IN_ORDER) all its writable bytes */
	uint32_t id;      /* as drv_add returned */
	bool skipped;     /* IN_ORDER: part of a batch, without an element of its own */
};

struct drv_meta; /* private */

/**
 * A ring. The pointers into ring memory are public: a hostile test writes there what it likes. The rest is the
 * driver's private state: read it, do not change it.
 */
struct drv_ring {
	struct drv_cfg cfg;
	/* ring memory, shared with the device */
	struct drv_desc *desc;       /* split */
	struct drv_avail *avail;     /* split */
	struct drv_used_ring *used;  /* split */
	struct drv_pdesc *pdesc;     /* packed */
	struct drv_pevent *driver_event, *device_event; /* packed */
	uint8_t *tables;             /* max_table x 16 bytes per entry of the ring */
	/* private */
	uint16_t next_avail; /* split: free-running index; packed: slot */
	uint16_t next_used;
	bool avail_wrap, used_wrap;
	uint16_t published;  /* split: index the device can see */
	uint16_t kicked;     /* position at the last drv_need_kick */
	uint16_t nr_free;    /* descriptors or slots */
	uint16_t in_flight;  /* chains offered (published or not) and not yet collected */
	uint16_t free_head;  /* split: first of the free list (in order: next slot) */
	uint16_t nr_ids;     /* packed: free ids on the stack */
	bool pending;        /* packed: flags of pending_slot are held back until drv_publish */
	bool interrupts;     /* last drv_interrupts */
	uint16_t pending_slot, pending_flags;
	uint16_t *link;      /* split: private next of each descriptor */
	uint16_t *ids;       /* packed: stack of free ids */
	uint32_t *fifo;      /* ids in the order they were offered */
	uint32_t fifo_head, fifo_tail;
	struct drv_meta *meta;
	void *shadow_desc, *shadow_avail;
	enum drv_fault fault;
	uint64_t offered, collected; /* chains so far */
	uint64_t kicked_offered;     /* packed: offered at the last drv_need_kick */
};

/** Bytes of ring memory (areas and tables) that drv_ring_init needs; any alignment of 4096 will do. */
size_t drv_ring_bytes(const struct drv_cfg *cfg);
/**
 * Lay the ring out in `memory` (drv_ring_bytes long, 4096-aligned, inside an area of cfg->mem) and zero it.
 * Order there: descriptors, driver area, device area (each on a page of its own), tables.
 * @return 0, -EINVAL (size), -EFAULT (memory not in cfg->mem), -ENOMEM
 */
int drv_ring_init(struct drv_ring *r, const struct drv_cfg *cfg, void *memory);
/** As after init: nothing in flight, ring memory zeroed, positions at cfg.base. */
void drv_ring_reset(struct drv_ring *r);
/** Free private memory. */
void drv_ring_fini(struct drv_ring *r);

/** Guest addresses of the three areas, e.g. for SET_VRING_ADDR: descriptors, driver (avail), device (used) area. */
struct drv_ring_addr {
	void *desc, *driver, *device;
};
struct drv_ring_addr drv_ring_addr(const struct drv_ring *r);

enum drv_how {
	DRV_DIRECT,
	DRV_INDIRECT, /* through a table; needs cfg.max_table >= elements */
};

/**
 * Put one chain into the ring; the device does not see it before drv_publish. Readable elements first.
 * Lengths of 0 are allowed.
 * @return id of the chain (head index, or buffer id), -ENOSPC (not enough free), -EINVAL (no element, table too big)
 */
int drv_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int nr_writable,
	    enum drv_how how, void *token);
/** Whether a chain of `elements` fits now. */
bool drv_room(const struct drv_ring *r, unsigned int elements, enum drv_how how);
/** Show the device what was added: one release store. */
void drv_publish(struct drv_ring *r);
/** After drv_publish: full fence, then whether the device wants a kick (flags, or event index). */
bool drv_need_kick(struct drv_ring *r);
/** Whether the device has handed something back that was not collected. */
bool drv_used_pending(const struct drv_ring *r);
/**
 * Take back up to `max` chains; every field is read once and checked. With IN_ORDER a batch is taken whole or not
 * at all: give room for cfg.size.
 * @return number of entries of done[]; -EPROTO when the device broke a rule (r->fault says which)
 */
int drv_collect(struct drv_ring *r, struct drv_done *done, unsigned int max);
/**
 * Ask for an interrupt at the next used buffer (or for none). Look at drv_used_pending afterwards: what came
 * before the request was seen causes none. drv_collect does not renew the event index: call it again.
 */
void drv_interrupts(struct drv_ring *r, bool on);
/** cfg.shadow only: DRV_FAULT_RING if the device changed descriptors (split), avail ring or driver event area. */
enum drv_fault drv_check_ring(struct drv_ring *r);

/* --- for hostile tests: nothing is checked, private state is not updated unless said --- */

/** Split: show the device this avail index. Later drv_publish calls go on from the private index. */
void drv_poke_avail_idx(struct drv_ring *r, uint16_t idx);
/** Split: write head at the next avail slot, advance the private index; drv_publish shows it. No bookkeeping. */
void drv_poke_head(struct drv_ring *r, uint16_t head);
/** Split: one descriptor of the table, all fields free. */
void drv_poke_desc(struct drv_ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);
/** Packed: one slot, all fields free (AVAIL/USED too: see drv_packed_flags). */
void drv_poke_pdesc(struct drv_ring *r, uint16_t slot, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags);
/** Packed: the AVAIL/USED bits that make slot `next_avail + ahead` available (ahead < 2 x size). */
uint16_t drv_packed_flags(const struct drv_ring *r, uint16_t ahead);
/** Packed: move the private avail position by n slots, without bookkeeping. */
void drv_poke_skip(struct drv_ring *r, uint16_t n);
/** Entry `entry` of the table that belongs to id (split: struct drv_desc, packed: struct drv_pdesc). */
void *drv_table(const struct drv_ring *r, uint16_t id, uint16_t entry);

#endif /* DRV_H */
