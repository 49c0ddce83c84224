/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What telemetry shows of devices: copies taken under the slot's peek lock.
 * May touch: devices, read-only. The telemetry thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "device.h"
#include "ring.h"
#include "telemetry.h"

static struct vh_device *
peek(int vid)
{
	struct vh_device *dev;

	if ((uint32_t)vid >= VH_MAX_DEVICES)
		return NULL;
	vh_spin_lock(&vh_slots[vid].peek);
	dev = vh_slots[vid].dev;
	if (dev == NULL)
		vh_spin_unlock(&vh_slots[vid].peek);
	return dev;
}

static int
show_device(int vid, struct vh_device_state *out)
{
	struct vh_device *dev = peek(vid);

	if (dev == NULL)
		return -ENODEV;
	memset(out, 0, sizeof(*out));
	snprintf(out->path, sizeof(out->path), "%s", dev->path);
	out->features = dev->features;
	out->protocol_features = dev->protocol;
	out->ready = dev->ready;
	out->running = dev->running;
	out->status = dev->status;
	out->nr_rings = dev->nr_queues;
	out->mtu = dev->mtu;
	out->nr_regions = dev->map != NULL ? dev->map->nr : 0;
	out->mapped_bytes = dev->map != NULL ? dev->map->bytes : 0;
	out->connection_s = (uint32_t)((vh_now_ns() - dev->created_ns) / 1000000000);
	vh_device_unlock(dev);
	return 0;
}

static int
show_ring(int vid, uint16_t index, struct vh_ring_state *out)
{
	struct vh_device *dev = peek(vid);
	struct vh_queue *q;

	if (dev == NULL)
		return -ENODEV;
	memset(out, 0, sizeof(*out));
	q = index < dev->nr_queues ? dev->queue[index] : NULL;
	if (q != NULL) {
		out->index = index;
		out->size = q->conf.size;
		out->enabled = q->conf.enabled;
		out->started = q->bind != NULL;
		out->broken = q->conf.broken;
		out->packed = (dev->features & VH_F_RING_PACKED) != 0;
		out->callfd = q->conf.callfd;
		out->kickfd = q->conf.kickfd;
		out->last_avail = q->conf.base_avail;
		out->last_used = q->conf.base_used;
		if (q->conf.started && q->ring != NULL)
			vh_ring_positions(q->ring, out->packed, &out->last_avail, &out->last_used);
		out->not_ready = vh_queue_not_ready(q);
	}
	vh_device_unlock(dev);
	return q != NULL ? 0 : -ENODEV;
}

static int
show_violations(int vid, uint64_t out[VH_V_COUNT][VH_DECISIONS])
{
	struct vh_device *dev = peek(vid);
	unsigned int c, d;

	if (dev == NULL)
		return -ENODEV;
	for (c = 0; c < VH_V_COUNT; c++)
		for (d = 0; d < VH_DECISIONS; d++)
			out[c][d] = __atomic_load_n(&dev->guard.slot[c].count[d], __ATOMIC_RELAXED);
	vh_device_unlock(dev);
	return 0;
}

static int
show_policy(int vid, struct vh_policy *out)
{
	struct vh_device *dev;
	char err[128];

	if (vid == -1)
		return vh_policy_from_env(out, err, sizeof(err));
	dev = peek(vid);
	if (dev == NULL)
		return -ENODEV;
	*out = *dev->policy;
	vh_device_unlock(dev);
	return 0;
}

static const struct vh_telemetry_source source = {
	.device = show_device,
	.ring = show_ring,
	.violations = show_violations,
	.policy = show_policy,
};

RTE_INIT(vh_source_register)
{
	vh_telemetry_set_source(&source);
}
