/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life of a device and of its rings: create, name rings, free; and of the memory tables it used.
 * May touch: devices. Control side of one device; free: `vhost-io`.
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "log.h"
#include "ring.h"
#include "work.h"

struct vh_device *
vh_device_create(const char *path, const struct vh_policy *policy, const struct vh_settings *set)
{
	struct vh_device *dev = calloc(1, sizeof(*dev));

	if (dev == NULL)
		return NULL;
	dev->path = path;
	dev->policy = policy;
	dev->set = *set;
	dev->vid = -1;
	dev->created_ns = vh_now_ns();
	dev->rarp.interval = rte_get_tsc_hz() / 1000 * policy->rarp_interval_ms;
	vh_guard_init(&dev->guard, policy, path);
	return dev;
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
free_queue(struct vh_queue *q)
{
	if (q == NULL)
		return;
	close_fd(q->conf.kickfd);
	vh_efd_put(q->conf.call);
	vh_efd_put(q->conf.err);
	vh_ring_free(q->ring);
	free(q);
}

void
vh_device_free(struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < VH_MAX_RINGS; i++)
		free_queue(dev->queue[i]);
	dev->running = false;
	dev->nr_queues = 0;
	vh_device_release_old_maps(dev);
	if (dev->map != NULL)
		vh_map_release(dev->map);
	vh_protect_put(dev->protect);
	if (dev->backchan != NULL) {
		vh_backchan_shutdown(dev->backchan);
		vh_backchan_put(dev->backchan);
	}
	free(dev);
}

static struct vh_queue *
create_queue(struct vh_device *dev, uint16_t index)
{
	struct vh_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->dev = dev;
	q->index = index;
	q->conf.kickfd = VH_FD_UNSET;
	q->conf.callfd = VH_FD_UNSET;
	return q;
}

int
vh_device_touch(struct vh_device *dev, uint16_t index)
{
	uint16_t i;

	if (index < dev->nr_queues)
		return 0;
	for (i = dev->nr_queues; i <= index; i++) {
		if (dev->queue[i] == NULL)
			dev->queue[i] = create_queue(dev, i);
		if (dev->queue[i] == NULL)
			return -ENOMEM;
	}
	vh_spin_lock(&vh_slots[dev->vid].peek);
	dev->nr_queues = (uint16_t)(index + 1);
	vh_spin_unlock(&vh_slots[dev->vid].peek);
	return 0;
}

struct map_job {
	struct vh_job job;
	struct vh_memmap *map;
};

static void
run_map_job(struct vh_job *j)
{
	struct map_job *m = (struct map_job *)j;

	vh_memmap_destroy(m->map);
	free(m);
}

void
vh_map_release(struct vh_memmap *map)
{
	struct map_job *m;

	if (!vh_memmap_put(map))
		return;
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		/* Out of memory: unmapping gives some back; better a short stall than a leak of guest memory. */
		vh_memmap_destroy(map);
		return;
	}
	m->map = map;
	m->job.run = run_map_job;
	vh_work_post_always(&m->job);
}

static bool
any_ring_bound(const struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nr_queues; i++)
		if (dev->queue[i]->bind != NULL)
			return true;
	return false;
}

void
vh_device_release_old_maps(struct vh_device *dev)
{
	if (dev->running || any_ring_bound(dev))
		return;
	while (dev->old_maps != NULL) {
		struct vh_old_map *o = dev->old_maps;

		dev->old_maps = o->next;
		vh_map_release(o->map);
		free(o);
	}
}
