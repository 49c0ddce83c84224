/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 3: a typed request changes the device. Prepare builds aside and may fail with nothing changed; commit cannot
 * fail; finish reads what is stable only after data threads have left. None of it sees peer bytes.
 * May touch: devices. `vhost-io`.
 * spec: vhost-user "Front-end message types"; rules FEAT-3..6, OWN-2, MEM-15..18, BASE-*, GVB-*, KICK-*, CALL-*, ENA-1
 */
#include "apply.h"

#include <errno.h>
#include <string.h>

#include "log.h"

static int
touch_ring(struct vh_conn *c)
{
	if (c->row == NULL || !c->row->names_ring || c->msg.request == VH_GET_VRING_BASE)
		return 0;
	return vh_device_touch(c->dev, c->msg.ring);
}

static int
begin_plan(struct vh_conn *c)
{
	c->plan = vh_plan_begin(c->dev);
	return c->plan != NULL ? 0 : -ENOMEM;
}

/* Messages that influence rings: stage the change in a plan. Others need none. */
static int
stage(struct vh_conn *c)
{
	switch (c->msg.request) {
	case VH_SET_FEATURES:
	case VH_SET_PROTOCOL_FEATURES:
	case VH_SET_STATUS:
	case VH_RESET_OWNER:
		return vh_stage_device(c);
	case VH_SET_MEM_TABLE:
		c->plan->map = c->map_new;
		return 0;
	default:
		return vh_stage_ring(c);
	}
}

static bool
needs_plan(uint32_t request)
{
	switch (request) {
	case VH_SET_FEATURES:
	case VH_SET_PROTOCOL_FEATURES:
	case VH_SET_STATUS:
	case VH_RESET_OWNER:
	case VH_SET_MEM_TABLE:
	case VH_SET_VRING_NUM:
	case VH_SET_VRING_ADDR:
	case VH_SET_VRING_BASE:
	case VH_GET_VRING_BASE:
	case VH_SET_VRING_KICK:
	case VH_SET_VRING_CALL:
	case VH_SET_VRING_ERR:
	case VH_SET_VRING_ENABLE:
		return true;
	default:
		return false;
	}
}

static int
prepare_backchan(struct vh_conn *c)
{
	struct vh_device *dev = c->dev;
	struct vh_backchan *b = vh_backchan_create(c->msg.fd), *old;

	if (b == NULL)
		return -ENOMEM;
	c->msg.fd = -1;
	vh_spin_lock(&vh_slots[dev->vid].peek);
	old = dev->backchan;
	dev->backchan = b;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
	if (old != NULL) {
		vh_backchan_shutdown(old);
		vh_backchan_put(old);
	}
	return 0;
}

int
vh_apply_prepare(struct vh_conn *c)
{
	int rc = touch_ring(c);

	if (rc != 0)
		return rc;
	if (c->msg.request == VH_SET_BACKEND_REQ_FD)
		return prepare_backchan(c);
	if (!needs_plan(c->msg.request))
		return 0;
	rc = begin_plan(c);
	if (rc == 0)
		rc = stage(c);
	if (rc == 0)
		rc = vh_plan_prepare(c->plan);
	return rc;
}

/* A ring that became unusable by this change is counted once, and the message that did it is answered with failure. */
static void
report_parked(struct vh_conn *c)
{
	struct vh_plan *p = c->plan;
	uint16_t i;

	for (i = 0; i < p->nr; i++) {
		struct vh_plan_ring *r = &p->ring[i];
		bool named = c->row->names_ring && i == c->msg.ring;

		if (r->parked == VH_V_NONE)
			continue;
		c->parked = c->parked || named;
		if (r->parked == c->dev->queue[i]->parked)
			continue;
		r->fault.queue = i;
		r->fault.message = c->msg.request;
		if (vh_violation_report(&c->dev->guard, &r->fault) == VH_CLOSE)
			c->close = true;
		vh_report(c->dev->vid);
	}
}

/* Rings beyond the first pair do not exist for a driver without MQ (FEAT-9). */
static void
shrink_without_mq(struct vh_device *dev)
{
	if (!dev->set.builtin_net || (dev->features & VH_F_NET_MQ) != 0 || dev->nr_queues <= 2)
		return;
	vh_spin_lock(&vh_slots[dev->vid].peek);
	dev->nr_queues = 2;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
}

static void
commit_device(struct vh_conn *c)
{
	struct vh_device *dev = c->dev;
	struct vh_spin *peek = &vh_slots[dev->vid].peek;

	switch (c->msg.request) {
	case VH_SET_FEATURES:
		VH_LOG_CONFIG(INFO, dev->path, "negotiated Virtio features: 0x%" PRIx64, c->msg.features);
		break;
	case VH_SET_PROTOCOL_FEATURES:
		VH_LOG_CONFIG(INFO, dev->path, "negotiated Vhost-user protocol features: 0x%" PRIx64,
				c->msg.features);
		break;
	case VH_RESET_OWNER:
		vh_spin_lock(peek);
		vh_forget_readiness(dev);
		vh_spin_unlock(peek);
		break;
	case VH_GET_VRING_BASE:
		/* H29: the device stops; it starts again when a ring is kicked */
		vh_spin_lock(peek);
		dev->restart_blocked = true;
		dev->ready = false;
		vh_spin_unlock(peek);
		break;
	case VH_SET_VRING_KICK:
		dev->restart_blocked = false;
		break;
	case VH_NET_SET_MTU:
		vh_spin_lock(peek);
		dev->mtu = c->msg.mtu;
		vh_spin_unlock(peek);
		break;
	case VH_SEND_RARP:
		vh_arm_rarp(dev, c->msg.mac);
		break;
	default:
		break;
	}
}

void
vh_apply_commit(struct vh_conn *c)
{
	if (c->plan != NULL) {
		report_parked(c);
		vh_plan_commit(c->plan);
	}
	commit_device(c);
	vh_apply_reply(c);
}

static void
keep_position(struct vh_conn *c)
{
	struct vh_device *dev = c->dev;
	struct vh_queue *q;

	if (c->msg.ring >= dev->nr_queues)
		return;
	q = dev->queue[c->msg.ring];
	vh_spin_lock(&vh_slots[dev->vid].peek);
	if (c->was_started && q->ring != NULL)
		vh_ring_positions(q->ring, (dev->features & VH_F_RING_PACKED) != 0, &q->conf.base_avail,
				&q->conf.base_used);
	q->conf.base_set = true;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
	c->position = q->conf.base_avail;
}

static void
signal_new_call(struct vh_conn *c)
{
	struct vh_queue *q = c->dev->queue[c->msg.ring];

	/* CALL-3: entries may have been published after the last signal on the old fd; a spurious one is harmless */
	if (q->bind != NULL && q->conf.call != NULL)
		(void)vh_efd_signal(q->conf.call);
}

void
vh_apply_finish(struct vh_conn *c)
{
	switch (c->msg.request) {
	case VH_GET_VRING_BASE:
		c->position = 0;
		keep_position(c);
		vh_encode_vring_state(&c->reply, VH_GET_VRING_BASE, c->msg.ring, c->position);
		c->has_reply = true;
		break;
	case VH_SET_VRING_CALL:
		signal_new_call(c);
		break;
	case VH_SET_FEATURES:
		shrink_without_mq(c->dev);
		break;
	default:
		break;
	}
}
