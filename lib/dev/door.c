/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doors: the static table, waiting entry, and exclusive hold by control (D2, D5).
 * May touch: doors. Any thread; the exclusive half only for the owner of a device's control side.
 */
#include "door.h"

#include <rte_cycles.h>
#include <rte_pause.h>

#include "device.h"

struct vh_door vh_doors[VH_MAX_DEVICES][VH_MAX_RINGS];

const struct vh_bind *
vh_door_enter(struct vh_door *d, uint32_t wait_us)
{
	const struct vh_bind *b = vh_door_try(d);
	uint64_t until;

	if (vh_likely(b != NULL) || __atomic_load_n(&d->bind, __ATOMIC_RELAXED) == NULL)
		return b;
	until = rte_get_tsc_cycles() + rte_get_tsc_hz() / 1000000 * wait_us;
	do {
		rte_pause();
		b = vh_door_try(d);
	} while (b == NULL && rte_get_tsc_cycles() < until &&
			__atomic_load_n(&d->bind, __ATOMIC_RELAXED) != NULL);
	return b;
}

static bool
take_exclusive(struct vh_door *d)
{
	uint64_t w = __atomic_load_n(&d->word, __ATOMIC_RELAXED);

	return (w & 1) == 0 && __atomic_compare_exchange_n(&d->word, &w, w + 1, false,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static void
release_exclusive(struct vh_door *d)
{
	vh_door_leave(d);
	__atomic_store_n(&d->gate, 0, __ATOMIC_RELEASE);
}

/*
 * A door that control already holds for this device is marked by gate == 2, so that a repeated attempt after a busy
 * door goes on where it stopped.
 */
bool
vh_device_close_doors(struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nr_queues; i++) {
		struct vh_door *d = &vh_doors[dev->vid][i];

		if (__atomic_load_n(&d->gate, __ATOMIC_RELAXED) == 2)
			continue;
		__atomic_store_n(&d->gate, 1, __ATOMIC_RELAXED);
		if (!take_exclusive(d))
			return false;
		__atomic_store_n(&d->gate, 2, __ATOMIC_RELAXED);
	}
	dev->doors_held = true;
	return true;
}

void
vh_device_open_doors(struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < VH_MAX_RINGS; i++) {
		struct vh_door *d = &vh_doors[dev->vid][i];
		uint32_t gate = __atomic_load_n(&d->gate, __ATOMIC_RELAXED);

		if (gate == 2)
			release_exclusive(d);
		else if (gate == 1)
			__atomic_store_n(&d->gate, 0, __ATOMIC_RELAXED);
		else if (i >= dev->nr_queues)
			break;
	}
	dev->doors_held = false;
}

void
vh_device_doors_for_thread(struct vh_device *dev, bool on)
{
	__atomic_store_n(&vh_slots[dev->vid].cb_thread, on ? (uint64_t)pthread_self() : 0,
			__ATOMIC_RELEASE);
}
