/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entering a ring for a public call that "waits for the ring lock" (api.md 2, column Q).
 * May touch: doors. Any thread, also callbacks for which control holds the doors (C1).
 */
#ifndef VH_ENTER_H
#define VH_ENTER_H

#include <pthread.h>

#include "device.h"
#include "door.h"

/** How long a Q call waits before it leaves its wish to `vhost-io` or gives up (D3). */
#define VH_Q_WAIT_US 100

struct vh_entered {
	const struct vh_bind *bind; /* NULL: not entered */
	struct vh_door *door;       /* to leave; NULL if control holds it for this thread */
};

static inline bool
vh_holds_doors_for_me(int vid)
{
	return __atomic_load_n(&vh_slots[vid].cb_thread, __ATOMIC_ACQUIRE) == (uint64_t)pthread_self();
}

static inline struct vh_entered
vh_enter(int vid, uint32_t ring, uint32_t wait_us)
{
	struct vh_entered e = { .bind = NULL, .door = vh_door_at(vid, ring) };

	if (e.door == NULL || __atomic_load_n(&e.door->bind, __ATOMIC_RELAXED) == NULL)
		return e;
	if (vh_holds_doors_for_me(vid)) {
		e.bind = e.door->bind;
		e.door = NULL;
		return e;
	}
	e.bind = wait_us != 0 ? vh_door_enter(e.door, wait_us) : vh_door_try(e.door);
	return e;
}

static inline void
vh_leave(const struct vh_entered *e)
{
	if (e->door != NULL)
		vh_door_leave(e->door);
}

#endif /* VH_ENTER_H */
