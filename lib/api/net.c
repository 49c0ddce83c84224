/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shells: net bursts. Enter the ring's door, one call, leave.
 * May touch: doors. Data threads.
 * Source: rte_vhost.h; api.md 2.6, 5
 */
#include "api.h"

#include "door.h"
#include "net.h"

#define RUNS (VH_B_NET | VH_B_READY)

/* A ring that is not bound costs one load; vids that never existed are never bound. */
static VH_ALWAYS_INLINE struct vh_door *
bound_door(int vid, uint16_t ring)
{
	struct vh_door *d = vh_door_at(vid, ring);

	return d != NULL && __atomic_load_n(&d->bind, __ATOMIC_RELAXED) != NULL ? d : NULL;
}

uint16_t
rte_vhost_enqueue_burst(int vid, uint16_t queue_id, struct rte_mbuf **pkts, uint16_t count)
{
	struct vh_door *d = (queue_id & 1) == 0 && count != 0 ? bound_door(vid, queue_id) : NULL;
	const struct vh_bind *b;
	uint16_t n = 0;

	if (vh_unlikely(d == NULL))
		return 0;
	b = vh_door_try(d);
	if (vh_unlikely(b == NULL))
		b = vh_door_enter(d, __atomic_load_n(&d->wait_us, __ATOMIC_RELAXED));
	if (vh_unlikely(b == NULL))
		return 0;
	if (vh_likely((b->flags & RUNS) == RUNS))
		n = vh_net_enqueue(b, pkts, count);
	vh_door_leave(d);
	return n;
}

uint16_t
rte_vhost_dequeue_burst(int vid, uint16_t queue_id, struct rte_mempool *mbuf_pool, struct rte_mbuf **pkts,
		uint16_t count)
{
	struct vh_door *d = (queue_id & 1) != 0 && count != 0 ? bound_door(vid, queue_id) : NULL;
	const struct vh_bind *b;
	uint16_t n = 0;

	if (vh_unlikely(d == NULL))
		return 0;
	b = vh_door_try(d);
	if (vh_unlikely(b == NULL))
		return 0;
	if (vh_likely((b->flags & RUNS) == RUNS))
		n = vh_net_dequeue(b, mbuf_pool, pkts, count);
	vh_door_leave(d);
	return n;
}
