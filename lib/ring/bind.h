/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The binding: everything a data thread needs to serve a ring, immutable once published in the door,
 * replaced as a whole by control (D4). And the ring's private state, which outlives bindings.
 * May touch: its arguments only.
 */
#ifndef VH_BIND_H
#define VH_BIND_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "idx.h"
#include "memmap.h"
#include "res.h"
#include "snapshot.h"
#include "virtio.h"

#define VH_NR_STATS 17

/** The 17 ring counters in the order of api.md 2.13. One writer: the thread inside the door. */
enum vh_stat {
	VH_STAT_GOOD_PACKETS,
	VH_STAT_GOOD_BYTES,
	VH_STAT_MULTICAST,
	VH_STAT_BROADCAST,
	VH_STAT_UNDERSIZE,
	VH_STAT_SIZE_64,
	VH_STAT_SIZE_65_127,
	VH_STAT_SIZE_128_255,
	VH_STAT_SIZE_256_511,
	VH_STAT_SIZE_512_1023,
	VH_STAT_SIZE_1024_1518,
	VH_STAT_SIZE_1519_MAX,
	VH_STAT_GUEST_NOTIFICATIONS,
	VH_STAT_IOTLB_HITS,
	VH_STAT_IOTLB_MISSES,
	VH_STAT_INFLIGHT_SUBMITTED,
	VH_STAT_INFLIGHT_COMPLETED,
};

/** Device memory that no writable buffer may overlap (RING-9). Built by mem/, immutable. */
struct vh_protect;
/** Counted call eventfd (plat/efd.h). */
struct vh_efd;
struct vh_queue;

/**
 * Private state of a ring: EAL heap, on the ring's NUMA node, allocated at first start, freed with the device.
 * All fields are written inside the door only (D7); positions and stats may be read outside (relaxed).
 */
struct vh_ring {
	/* data thread, every burst */
	uint16_t last_avail; /* split: free-running; packed: slot index */
	uint16_t last_used;
	bool avail_wrap, used_wrap; /* packed */
	bool broken;         /* structure violated: bursts return 0 until it is set up anew */
	bool signalled_valid; /* NOTIF-1: false = the next test always notifies */
	uint16_t signalled;  /* used position at the last notification test */
	uint16_t region_hint; /* last region hit, index into map->region[] */
	uint32_t hint_generation; /* map generation region_hint belongs to */
	bool wide;           /* descriptors may be looked at four at a time (ring/wide.h); set at start */
	/* a head that cannot be served now is not walked again until something changed (S, XLAT-4) */
	bool stalled;
	uint16_t stall_pos;
	uint32_t stall_generation;
	uint64_t stall_until; /* TSC */
	uint64_t stats[VH_NR_STATS] VH_CACHE_ALIGNED;
	struct vh_fault fault; /* fetch: details of the violation it returned */
	struct vh_burst burst VH_CACHE_ALIGNED;
};

/** Flags of vh_bind.flags: decided once, read per burst. */
enum vh_bind_flag {
	VH_B_PACKED = 1 << 0,
	VH_B_EVENT_IDX = 1 << 1,
	VH_B_IN_ORDER = 1 << 2,
	VH_B_INDIRECT = 1 << 3,
	VH_B_MERGEABLE = 1 << 4,
	VH_B_VERSION_1 = 1 << 5,
	VH_B_TX_OFFLOAD = 1 << 6, /* CSUM or a HOST_ segmentation feature acked: look at the header */
	VH_B_STATS = 1 << 7,      /* registered with NET_STATS_ENABLE */
	VH_B_COMPLIANT = 1 << 8,  /* registered with NET_COMPLIANT_OL_FLAGS */
	VH_B_LINEARBUF = 1 << 9,
	VH_B_EXTBUF = 1 << 10,
	VH_B_NET = 1 << 11,       /* built-in net device: bursts allowed */
	VH_B_READY = 1 << 12,     /* enabled, DRIVER_OK where needed: bursts may run */
};

/** Immutable. Allocated and freed by dev/queue.c; freed after grace. */
struct vh_bind {
	/* ring memory, already translated and checked for its whole length */
	union {
		const struct vh_split_desc __guest *desc;
		struct vh_packed_desc __guest *pdesc;
	};
	union {
		const struct vh_avail __guest *avail;
		const struct vh_packed_event __guest *driver_event;
	};
	union {
		struct vh_used __guest *used;
		struct vh_packed_event __guest *device_event;
	};
	struct vh_ring *ring;
	const struct vh_memmap *map; /* counted by the binding */
	uint32_t flags;              /* enum vh_bind_flag */
	uint16_t size;               /* entries */
	uint16_t mask;               /* size - 1 on a split ring */
	uint16_t qid, vid;
	uint8_t hdr_len;             /* 10 or 12 bytes */
	/* second line */
	const struct vh_protect *protect;
	struct vh_efd *call;         /* NULL: driver polls */
	uint64_t features;           /* acked, with dependents of missing features removed (FEAT-7) */
	const struct vh_policy *policy;
	struct vh_queue *queue;      /* dev/ only: violation funnel, callbacks */
	struct vh_rarp *rarp;        /* armed announcement of the device, see net/rarp.h */
} VH_CACHE_ALIGNED;

static inline bool
vh_bind_has(const struct vh_bind *b, uint32_t flag)
{
	return (b->flags & flag) != 0;
}

#endif /* VH_BIND_H */
