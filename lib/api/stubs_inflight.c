/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inflight tracking, before it exists: INFLIGHT_SHMFD is not offered, so no ring ever has an area. The setters
 * succeed without doing anything on a device that did not negotiate it, as storage back-ends expect.
 * Source: rte_vhost.h; api.md 2.4, 2.5. Any thread.
 */
#include "api.h"
#include "device.h"
#include "virtio.h"

/* 0: not negotiated, nothing to do. -1: bad vid, or negotiated with an application's help but no area attached. */
static int
no_area(int vid)
{
	struct vh_device *dev = vh_device_lock(vid);
	bool negotiated;

	if (dev == NULL)
		return -1;
	negotiated = (dev->protocol & VH_PF_INFLIGHT_SHMFD) != 0;
	vh_device_unlock(dev);
	return negotiated ? -1 : 0;
}

int
rte_vhost_get_vhost_ring_inflight(int vid, uint16_t vring_idx, struct rte_vhost_ring_inflight *vring)
{
	(void)vh_device_exists(vid); /* for its log line */
	return -1;
}

int
rte_vhost_set_inflight_desc_split(int vid, uint16_t vring_idx, uint16_t idx)
{
	return no_area(vid);
}

int
rte_vhost_set_inflight_desc_packed(int vid, uint16_t vring_idx, uint16_t head, uint16_t last,
		uint16_t *inflight_entry)
{
	return no_area(vid);
}

int
rte_vhost_clr_inflight_desc_split(int vid, uint16_t vring_idx, uint16_t last_used_idx, uint16_t idx)
{
	return no_area(vid);
}

int
rte_vhost_clr_inflight_desc_packed(int vid, uint16_t vring_idx, uint16_t head)
{
	return no_area(vid);
}

int
rte_vhost_set_last_inflight_io_split(int vid, uint16_t vring_idx, uint16_t idx)
{
	return no_area(vid);
}

int
rte_vhost_set_last_inflight_io_packed(int vid, uint16_t vring_idx, uint16_t head)
{
	return no_area(vid);
}

int
rte_vhost_get_vring_base_from_inflight(int vid, uint16_t queue_id, uint16_t *last_avail_idx,
		uint16_t *last_used_idx)
{
	(void)vh_device_exists(vid); /* for its log line */
	return -1;
}
