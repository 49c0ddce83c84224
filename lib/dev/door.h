/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door: entry to a ring. One per ring number and vid, one cache line, static storage, never freed or moved, so a
 * data thread with a stale vid always meets something safe.
 * Enter/leave: any thread. Gate, exclusive, publish, grace: the owner of the device's control side.
 */
#ifndef VH_DOOR_H
#define VH_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bind.h"
#include "limits.h"
#include "res.h"

struct vh_door {
	uint64_t word;  /* even: free, odd: somebody inside; +1 on entry, +1 on leaving, never reset (atomic) */
	uint32_t gate;  /* not 0: control has or wants the ring (atomic) */
	uint32_t wish;  /* requested bits for vhost-io, see D3 (atomic) */
	const struct vh_bind *bind; /* NULL or the binding in force (atomic) */
	uint32_t wait_us; /* vq.enter_wait_us of the device that has the ring (relaxed) */
} VH_CACHE_ALIGNED;

_Static_assert(sizeof(struct vh_door) == VH_CACHE_LINE, "one door per cache line");

/** Requested work of a ring (vh_door.wish). */
enum vh_wish {
	VH_WISH_CALL = 1 << 0,
	VH_WISH_NOTIFY_ON = 1 << 1,
	VH_WISH_NOTIFY_OFF = 1 << 2,
};

extern struct vh_door vh_doors[VH_MAX_DEVICES][VH_MAX_RINGS];

/** NULL for numbers out of range. */
static inline struct vh_door *
vh_door_at(int vid, uint32_t ring)
{
	if (vh_unlikely((uint32_t)vid >= VH_MAX_DEVICES || ring >= VH_MAX_RINGS))
		return NULL;
	return &vh_doors[vid][ring];
}

/**
 * One attempt to enter. The exchange and the bind load are seq_cst because grace needs "either control sees me inside
 * or I see the new binding" (D1).
 * @return binding in force with the door held; NULL: busy or nothing bound, door not held
 */
static VH_ALWAYS_INLINE const struct vh_bind *
vh_door_try(struct vh_door *d)
{
	uint64_t w = __atomic_load_n(&d->word, __ATOMIC_RELAXED);
	const struct vh_bind *b;

	if (vh_unlikely((w & 1) != 0 || __atomic_load_n(&d->gate, __ATOMIC_RELAXED) != 0))
		return NULL;
	if (vh_unlikely(!__atomic_compare_exchange_n(&d->word, &w, w + 1, false, __ATOMIC_SEQ_CST,
			__ATOMIC_RELAXED)))
		return NULL;
	b = __atomic_load_n(&d->bind, __ATOMIC_SEQ_CST);
	if (vh_unlikely(b == NULL))
		__atomic_store_n(&d->word, w + 2, __ATOMIC_RELEASE);
	return b;
}

/** Leave; pairs with the acquire of grace and of the next entry. */
static VH_ALWAYS_INLINE void
vh_door_leave(struct vh_door *d)
{
	/* only the holder writes while the word is odd: a plain add is enough */
	__atomic_store_n(&d->word, __atomic_load_n(&d->word, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

/** As vh_door_try, retried for up to wait_us microseconds while a binding may be there (D2). */
const struct vh_bind *vh_door_enter(struct vh_door *d, uint32_t wait_us);

#endif /* VH_DOOR_H */
