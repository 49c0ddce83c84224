/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The only place where a guest pointer leaves the library raw: memory table, ring and monitor getters, which
 * applications walk themselves. Beyond these the application is on its own.
 * May touch: devices; addresses of guest memory, never its content. Any thread.
 * Source: rte_vhost.h; api.md 2.3, 2.4, 2.14, 9.6, 10.6; rules M1, K13
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "enter.h"
#include "ring.h"

/* A reference keeps the table while it is copied outside the lock. */
static struct vh_memmap *
export_map(int vid)
{
	struct vh_device *dev = vh_device_lock(vid);
	struct vh_memmap *map;

	if (dev == NULL)
		return NULL;
	map = dev->map;
	if (map != NULL) {
		vh_memmap_get(map);
		dev->exported = true;
	}
	vh_device_unlock(dev);
	return map;
}

static void
copy_region(struct rte_vhost_mem_region *out, const struct vh_region *r)
{
	out->guest_phys_addr = r->gpa;
	out->guest_user_addr = r->uva;
	out->host_user_addr = vh_guest_addr(r->hva);
	out->size = r->size;
	out->mmap_addr = (void *)vh_guest_addr(r->mapping->base);
	out->mmap_size = r->mapping->len;
	out->fd = r->mapping->fd;
}

int
rte_vhost_get_mem_table(int vid, struct rte_vhost_memory **mem)
{
	struct vh_memmap *map = mem != NULL ? export_map(vid) : NULL;
	struct rte_vhost_memory *out;
	uint32_t i;

	if (map == NULL)
		return -1;
	out = calloc(1, sizeof(*out) + map->nr * sizeof(out->regions[0]));
	if (out != NULL) {
		out->nregions = map->nr;
		for (i = 0; i < map->nr; i++)
			copy_region(&out->regions[i], &map->region[map->order[i]]);
		*mem = out;
	}
	vh_map_release(map);
	return out != NULL ? 0 : -1;
}

int
rte_vhost_get_vhost_vring(int vid, uint16_t vring_idx, struct rte_vhost_vring *vring)
{
	struct vh_queue *q = vring != NULL ? vh_queue_lock(vid, vring_idx) : NULL;

	if (q == NULL)
		return -1;
	memset(vring, 0, sizeof(*vring));
	/* null ring pointers unless the whole ring is valid (A101) */
	if (q->bind != NULL) {
		vring->desc = (struct vring_desc *)vh_guest_addr(q->bind->desc);
		vring->avail = (struct vring_avail *)vh_guest_addr(q->bind->avail);
		vring->used = (struct vring_used *)vh_guest_addr(q->bind->used);
		if (!q->dev->set.builtin_net)
			q->dev->exported = true;
	}
	vring->callfd = q->conf.callfd;
	vring->kickfd = q->conf.kickfd;
	vring->size = q->conf.size;
	vh_queue_unlock(q);
	return 0;
}

int
rte_vhost_get_monitor_addr(int vid, uint16_t queue_id, struct rte_vhost_power_monitor_cond *pmc)
{
	struct vh_entered e = { .bind = NULL };
	struct vh_device *dev;
	struct vh_monitor m;

	if (pmc != NULL)
		e = vh_enter(vid, queue_id, VH_Q_WAIT_US);
	if (e.bind == NULL)
		return -1;
	vh_ring_monitor(e.bind, &m);
	vh_leave(&e);
	dev = vh_device_lock(vid);
	if (dev == NULL)
		return -1;
	dev->exported = true;
	vh_device_unlock(dev);
	pmc->addr = (volatile void *)vh_guest_addr(m.addr);
	pmc->val = m.val;
	pmc->mask = m.mask;
	pmc->size = m.size;
	pmc->match = m.match;
	return 0;
}
