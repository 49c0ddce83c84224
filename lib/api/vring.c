/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shells: rings.
 * May touch: queues, doors. Any thread.
 * Source: rte_vhost.h; api.md 2.4, 2.14
 */
#include "api.h"

#include <errno.h>

#include "enter.h"
#include "queue.h"
#include "ring.h"

static bool
is_packed(const struct vh_queue *q)
{
	return (q->dev->features & VH_F_RING_PACKED) != 0;
}

int
rte_vhost_get_vring_base(int vid, uint16_t queue_id, uint16_t *last_avail_idx, uint16_t *last_used_idx)
{
	struct vh_queue *q;

	if (last_avail_idx == NULL || last_used_idx == NULL)
		return -1;
	q = vh_queue_lock(vid, queue_id);
	if (q == NULL)
		return -1;
	*last_avail_idx = q->conf.base_avail;
	*last_used_idx = q->conf.base_used;
	if (q->conf.started && q->ring != NULL)
		vh_ring_positions(q->ring, is_packed(q), last_avail_idx, last_used_idx);
	vh_queue_unlock(q);
	return 0;
}

int
rte_vhost_set_vring_base(int vid, uint16_t queue_id, uint16_t last_avail_idx, uint16_t last_used_idx)
{
	struct vh_queue *q = vh_queue_lock(vid, queue_id);
	int rc = -1;

	if (q == NULL)
		return -1;
	/* H9: a packed position beyond the ring never gets in */
	if (!is_packed(q) || q->conf.size == 0 || ((last_avail_idx & 0x7fff) < q->conf.size &&
			(last_used_idx & 0x7fff) < q->conf.size)) {
		q->conf.base_avail = last_avail_idx;
		q->conf.base_used = last_used_idx;
		q->conf.base_set = true;
		if (q->conf.started && q->ring != NULL)
			vh_ring_set_positions(q->ring, is_packed(q), last_avail_idx, last_used_idx);
		rc = 0;
	}
	vh_queue_unlock(q);
	return rc;
}

static int
leave_wish(int vid, uint16_t ring, uint32_t set, uint32_t clear)
{
	struct vh_door *d = vh_door_at(vid, ring);

	if (d == NULL || __atomic_load_n(&d->bind, __ATOMIC_RELAXED) == NULL)
		return -1;
	__atomic_fetch_and(&d->wish, ~clear, __ATOMIC_RELAXED);
	__atomic_fetch_or(&d->wish, set, __ATOMIC_RELEASE);
	vh_report(vid);
	return 0;
}

int
rte_vhost_vring_call(int vid, uint16_t vring_idx)
{
	struct vh_entered e = vh_enter(vid, vring_idx, VH_Q_WAIT_US);

	if (e.bind == NULL)
		return leave_wish(vid, vring_idx, VH_WISH_CALL, 0);
	vh_queue_call(e.bind);
	vh_leave(&e);
	return 0;
}

int
rte_vhost_vring_call_nonblock(int vid, uint16_t vring_idx)
{
	struct vh_entered e = vh_enter(vid, vring_idx, 0);
	struct vh_door *d = vh_door_at(vid, vring_idx);

	if (e.bind == NULL)
		return d != NULL && __atomic_load_n(&d->bind, __ATOMIC_RELAXED) != NULL ? -EAGAIN : -1;
	vh_queue_call(e.bind);
	vh_leave(&e);
	return 0;
}

/* Remembered in any case, so that the wish holds when the ring comes up (H40). */
static int
remember_wish(int vid, uint16_t queue_id, bool on)
{
	struct vh_queue *q = vh_queue_lock(vid, queue_id);
	int rc;

	if (q == NULL)
		return -1;
	q->notify_set = true;
	q->notify_on = on;
	rc = q->bind == NULL ? -1 : vh_bind_has(q->bind, VH_B_READY) ? 1 : 0;
	vh_queue_unlock(q);
	return rc;
}

int
rte_vhost_enable_guest_notification(int vid, uint16_t queue_id, int enable)
{
	int rc = remember_wish(vid, queue_id, enable != 0);
	struct vh_entered e;

	if (rc <= 0)
		return rc;
	e = vh_enter(vid, queue_id, VH_Q_WAIT_US);
	if (e.bind == NULL)
		return leave_wish(vid, queue_id, enable ? VH_WISH_NOTIFY_ON : VH_WISH_NOTIFY_OFF,
				enable ? VH_WISH_NOTIFY_OFF : VH_WISH_NOTIFY_ON);
	vh_ring_notify(e.bind, enable != 0);
	vh_leave(&e);
	return 0;
}

uint16_t
rte_vhost_avail_entries(int vid, uint16_t queue_id)
{
	struct vh_entered e = vh_enter(vid, queue_id, VH_Q_WAIT_US);
	uint16_t n = 0;

	if (e.bind == NULL)
		return 0;
	if (vh_bind_has(e.bind, VH_B_READY) && !e.bind->ring->broken)
		n = vh_ring_available_from_used(e.bind);
	vh_leave(&e);
	return n;
}

uint32_t
rte_vhost_rx_queue_count(int vid, uint16_t qid)
{
	struct vh_entered e;
	uint32_t n = 0;

	if ((qid & 1) == 0)
		return 0;
	e = vh_enter(vid, qid, VH_Q_WAIT_US);
	if (e.bind == NULL)
		return 0;
	if (vh_bind_has(e.bind, VH_B_READY) && !e.bind->ring->broken)
		n = vh_ring_available(e.bind);
	vh_leave(&e);
	return n;
}
