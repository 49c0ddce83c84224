/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A change of a device's configuration as one transaction: stage, prepare aside, publish, wait for data threads,
 * release. Every message that influences a ring goes through here, so a refused one leaves no trace.
 * May touch: devices, doors; guest memory only through vh_ring_start(). Owner of the control side.
 * spec: vhost-user "Ring states"; rules KICK-4, MEM-15..18, D4
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "door.h"
#include "numa_node.h"
#include "resolve.h"
#include "ring.h"

struct vh_plan *
vh_plan_begin(struct vh_device *dev)
{
	struct vh_plan *p = calloc(1, sizeof(*p));
	uint16_t i;

	if (p == NULL)
		return NULL;
	p->dev = dev;
	p->features = dev->features;
	p->protocol = dev->protocol;
	p->status = dev->status;
	p->map = dev->map;
	p->nr = dev->nr_queues;
	p->protect = dev->protect;
	p->ring = aligned_alloc(VH_CACHE_LINE, (size_t)(p->nr + 1) * sizeof(*p->ring));
	if (p->ring == NULL) {
		free(p);
		return NULL;
	}
	memset(p->ring, 0, (size_t)(p->nr + 1) * sizeof(*p->ring));
	for (i = 0; i < p->nr; i++)
		p->ring[i].conf = dev->queue[i]->conf;
	return p;
}

/* Private state is allocated on the node of the ring's memory, once, and never moves (A112). */
static int
prepare_private(struct vh_plan *p, uint16_t i)
{
	struct vh_plan_ring *r = &p->ring[i];
	struct vh_queue *q = p->dev->queue[i];

	if (q->ring == NULL && r->fresh == NULL) {
		r->node = vh_numa_node_of(r->want.desc);
		r->fresh = vh_ring_create(r->node);
		if (r->fresh == NULL)
			return -ENOMEM;
	}
	r->want.ring = q->ring != NULL ? q->ring : r->fresh;
	return 0;
}

static int
prepare_binding(struct vh_plan *p, uint16_t i)
{
	struct vh_plan_ring *r = &p->ring[i];

	r->want.protect = p->protect;
	r->changed = r->changed || (r->bound && p->protect_changed);
	if (!r->bound || !r->changed)
		return 0;
	r->bind = aligned_alloc(VH_CACHE_LINE, sizeof(*r->bind));
	if (r->bind == NULL)
		return -ENOMEM;
	*r->bind = r->want;
	vh_memmap_get(p->map);
	vh_protect_get(p->protect);
	if (r->want.call != NULL)
		vh_efd_get(r->want.call);
	return 0;
}

int
vh_plan_prepare(struct vh_plan *p)
{
	uint16_t i;
	int rc;

	vh_resolve_rings(p);
	rc = vh_resolve_protect(p);
	for (i = 0; i < p->nr && rc == 0; i++)
		if (p->ring[i].bound)
			rc = prepare_private(p, i);
	for (i = 0; i < p->nr && rc == 0; i++)
		rc = prepare_binding(p, i);
	return rc;
}

/* First positions of a ring: what the front-end or the last stop said, else the start of the ring. */
static void
start_ring(struct vh_queue *q, struct vh_plan_ring *r)
{
	uint16_t first = vh_bind_has(r->bind, VH_B_PACKED) ? 0x8000 : 0;
	uint16_t avail = r->conf.base_set ? r->conf.base_avail : first;
	uint16_t used = r->conf.base_set ? r->conf.base_used : first;

	vh_ring_start(r->bind, avail, used);
	r->conf.started = true;
	__atomic_store_n(&q->broke, 0, __ATOMIC_RELAXED);
	q->stopping = 0;
}

static void
publish_ring(struct vh_plan *p, uint16_t i)
{
	struct vh_plan_ring *r = &p->ring[i];
	struct vh_queue *q = p->dev->queue[i];
	struct vh_door *d = &vh_doors[p->dev->vid][i];
	struct vh_bind *old = q->bind;
	struct vh_queue_conf conf;
	uint32_t wish = 0;
	bool comes_up;

	if (r->start)
		start_ring(q, r);
	comes_up = r->bind != NULL && vh_bind_has(r->bind, VH_B_READY) &&
		(r->start || old == NULL || !vh_bind_has(old, VH_B_READY));
	vh_spin_lock(&vh_slots[p->dev->vid].peek);
	if (r->fresh != NULL) {
		p->dev->numa_node = r->node;
		q->ring = r->fresh;
		r->fresh = NULL;
	}
	/* read in the section that publishes q->bind: a later wish finds the ring and applies itself (H40) */
	if (comes_up && q->notify_set)
		wish = q->notify_on ? VH_WISH_NOTIFY_ON : VH_WISH_NOTIFY_OFF;
	conf = q->conf;
	q->conf = r->conf;
	q->parked = r->parked;
	if (r->changed || !r->bound) {
		q->bind = r->bound ? r->bind : NULL;
		r->bind = old;
	}
	vh_spin_unlock(&vh_slots[p->dev->vid].peek);
	r->conf = conf;
	__atomic_store_n(&d->wait_us, p->dev->policy->enter_wait_us, __ATOMIC_RELAXED);
	/* seq_cst: pairs with the entry in vh_door_try() (D1, D4) */
	__atomic_store_n(&d->bind, q->bind, __ATOMIC_SEQ_CST);
	/* wishes of an earlier start, or of the vid's last device, are not this ring's */
	if (r->start || wish != 0)
		__atomic_store_n(&d->wish, wish, __ATOMIC_RELEASE);
	if (wish != 0)
		vh_report(p->dev->vid);
}

/* A table whose addresses the application has seen stays until nothing runs (M1). */
static void
keep_old_map(struct vh_device *dev, struct vh_memmap *map, struct vh_old_map *o)
{
	if (o == NULL) {
		vh_map_release(map);
		return;
	}
	o->map = map;
	o->next = dev->old_maps;
	dev->old_maps = o;
}

static void
publish_map(struct vh_plan *p)
{
	struct vh_device *dev = p->dev;
	struct vh_memmap *old = dev->map;
	struct vh_old_map *keep;

	if (p->map == old)
		return;
	keep = old != NULL && dev->exported ? calloc(1, sizeof(*keep)) : NULL;
	vh_memmap_get(p->map);
	vh_spin_lock(&vh_slots[dev->vid].peek);
	dev->map = p->map;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
	if (old != NULL)
		keep_old_map(dev, old, keep);
}

void
vh_plan_commit(struct vh_plan *p)
{
	struct vh_device *dev = p->dev;
	struct vh_protect *old_protect = dev->protect;
	uint16_t i;

	vh_spin_lock(&vh_slots[dev->vid].peek);
	dev->features = p->features;
	dev->protocol = p->protocol;
	dev->status = p->status;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
	publish_map(p);
	for (i = 0; i < p->nr; i++)
		publish_ring(p, i);
	for (i = 0; i < p->nr; i++)
		p->ring[i].seen = p->ring[i].bind == NULL ? 0 :
			__atomic_load_n(&vh_doors[dev->vid][i].word, __ATOMIC_SEQ_CST);
	if (p->protect_changed) {
		dev->protect = p->protect;
		vh_protect_put(old_protect);
	}
	p->committed = true;
	vh_device_release_old_maps(dev);
}

bool
vh_plan_quiet(struct vh_plan *p)
{
	uint16_t i;

	if (p->dev->doors_held)
		return true;
	for (i = 0; i < p->nr; i++) {
		uint64_t seen = p->ring[i].seen;

		if ((seen & 1) == 0)
			continue;
		if (__atomic_load_n(&vh_doors[p->dev->vid][i].word, __ATOMIC_ACQUIRE) == seen)
			return false;
		p->ring[i].seen = 0;
	}
	return true;
}

static void
free_binding(struct vh_bind *b)
{
	if (b == NULL)
		return;
	vh_map_release((struct vh_memmap *)(uintptr_t)b->map);
	vh_protect_put((struct vh_protect *)(uintptr_t)b->protect);
	vh_efd_put(b->call);
	free(b);
}

/* Of two configurations of a ring the one in force keeps its fds, the other gives up what differs. */
static void
drop_conf(const struct vh_queue_conf *keep, struct vh_queue_conf *drop)
{
	if (drop->call != keep->call)
		vh_efd_put(drop->call);
	if (drop->err != keep->err)
		vh_efd_put(drop->err);
	if (drop->kickfd >= 0 && drop->kickfd != keep->kickfd)
		close(drop->kickfd);
}

void
vh_plan_end(struct vh_plan *p)
{
	uint16_t i;

	for (i = 0; i < p->nr; i++) {
		struct vh_plan_ring *r = &p->ring[i];

		free_binding(r->bind);
		vh_ring_free(r->fresh);
		drop_conf(&p->dev->queue[i]->conf, &r->conf);
	}
	if (p->protect_changed && !p->committed)
		vh_protect_put(p->protect);
	free(p->ring);
	free(p);
}

void
vh_device_unbind(struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < VH_MAX_RINGS; i++) {
		struct vh_queue *q = dev->queue[i];
		struct vh_bind *old;

		if (q == NULL || q->bind == NULL)
			continue;
		old = q->bind;
		vh_spin_lock(&vh_slots[dev->vid].peek);
		q->bind = NULL;
		vh_spin_unlock(&vh_slots[dev->vid].peek);
		__atomic_store_n(&vh_doors[dev->vid][i].bind, NULL, __ATOMIC_SEQ_CST);
		free_binding(old);
	}
}
