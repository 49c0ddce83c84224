/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vid <-> device. Queries find a device under its slot's peek lock, copy what they need and let go (L1).
 * May touch: slots. Any thread but data threads.
 */
#include <errno.h>

#include <rte_cycles.h>

#include "device.h"
#include "log.h"

struct vh_slot vh_slots[VH_MAX_DEVICES];

int
vh_slot_take(struct vh_device *dev)
{
	int vid;

	for (vid = 0; vid < VH_MAX_DEVICES; vid++) {
		struct vh_slot *s = &vh_slots[vid];
		bool mine;

		vh_spin_lock(&s->peek);
		mine = s->dev == NULL;
		if (mine) {
			dev->vid = vid;
			s->dev = dev;
		}
		vh_spin_unlock(&s->peek);
		if (mine)
			return vid;
	}
	return -ENOSPC;
}

void
vh_slot_clear(struct vh_device *dev)
{
	struct vh_slot *s = &vh_slots[dev->vid];

	vh_spin_lock(&s->peek);
	if (s->dev == dev) {
		s->dev = NULL;
		vh_guard_retire(&dev->guard);
	}
	vh_spin_unlock(&s->peek);
}

/* An application may poll with a stale vid at packet rate: one line a second for the process is enough (H41). */
static VH_COLD void
log_bad_vid(int vid)
{
	static uint64_t next;
	uint64_t now = rte_get_tsc_cycles(), due = __atomic_load_n(&next, __ATOMIC_RELAXED);

	if (now < due || !__atomic_compare_exchange_n(&next, &due, now + rte_get_tsc_hz(), false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	VH_LOG_CONFIG(ERR, "device", "device %d not found (at most one such line a second)", vid);
}

struct vh_device *
vh_device_lock(int vid)
{
	struct vh_slot *s;

	if ((uint32_t)vid < VH_MAX_DEVICES) {
		s = &vh_slots[vid];
		vh_spin_lock(&s->peek);
		if (s->dev != NULL)
			return s->dev;
		vh_spin_unlock(&s->peek);
	}
	log_bad_vid(vid);
	return NULL;
}

void
vh_device_unlock(struct vh_device *dev)
{
	vh_spin_unlock(&vh_slots[dev->vid].peek);
}

bool
vh_device_exists(int vid)
{
	struct vh_device *dev = vh_device_lock(vid);

	if (dev == NULL)
		return false;
	vh_device_unlock(dev);
	return true;
}

struct vh_queue *
vh_queue_lock(int vid, uint32_t index)
{
	struct vh_device *dev = vh_device_lock(vid);

	if (dev == NULL)
		return NULL;
	if (index < dev->nr_queues)
		return dev->queue[index];
	vh_device_unlock(dev);
	return NULL;
}

void
vh_queue_unlock(struct vh_queue *q)
{
	vh_device_unlock(q->dev);
}
