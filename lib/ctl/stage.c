/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Staging: what each message changes in the copies of a plan, and the replies that only read.
 * May touch: the plan; reads the device. `vhost-io`.
 * spec: vhost-user "Front-end message types"; rules FEAT-4, NUM-3, ADDR-10, BASE-5, KICK-3..5, CALL-1, ERR-1, GVB-2
 */
#include <errno.h>

#include "apply.h"

static void
enable_all(struct vh_plan *p)
{
	uint16_t i;

	for (i = 0; i < p->nr; i++)
		p->ring[i].conf.enabled = true;
}

/* OWN-2: rings to their initial state; call fds, memory and negotiation stay. */
static void
reset_rings(struct vh_plan *p)
{
	uint16_t i;

	for (i = 0; i < p->nr; i++) {
		struct vh_queue_conf *f = &p->ring[i].conf;
		struct vh_queue_conf fresh = {
			.kickfd = VH_FD_UNSET, .callfd = f->callfd, .call = f->call, .err = f->err,
		};

		*f = fresh;
	}
}

int
vh_stage_device(struct vh_conn *c)
{
	struct vh_plan *p = c->plan;

	switch (c->msg.request) {
	case VH_SET_FEATURES:
		p->features = c->msg.features;
		if ((p->features & VH_F_PROTOCOL_FEATURES) == 0)
			enable_all(p);
		break;
	case VH_SET_PROTOCOL_FEATURES:
		p->protocol = c->msg.features;
		break;
	case VH_SET_STATUS:
		p->status = c->msg.status;
		break;
	default:
		reset_rings(p);
		break;
	}
	return 0;
}

static int
stage_fd(struct vh_conn *c, int *shown, struct vh_efd **slot)
{
	struct vh_efd *e = NULL;

	if (c->msg.fd >= 0) {
		e = vh_efd_create(c->msg.fd);
		if (e == NULL)
			return -ENOMEM;
		c->msg.fd = -1;
	}
	*slot = e; /* the replaced one is released by the plan */
	if (shown != NULL)
		*shown = e != NULL ? e->fd : VH_FD_NONE;
	return 0;
}

static void
stage_kick(struct vh_conn *c, struct vh_queue_conf *f)
{
	f->kickfd = c->msg.fd >= 0 ? c->msg.fd : VH_FD_NONE;
	c->msg.fd = -1;
	/* KICK-5 */
	if ((c->dev->features & VH_F_PROTOCOL_FEATURES) == 0)
		f->enabled = true;
}

/* GVB-2: kick and call are closed, addresses forgotten; size, enabled and the position stay. */
static void
stage_stop(struct vh_queue_conf *f)
{
	f->kickfd = VH_FD_UNSET;
	f->callfd = VH_FD_UNSET;
	f->call = NULL;
	f->addr_set = false;
	f->started = false;
	f->broken = false;
}

int
vh_stage_ring(struct vh_conn *c)
{
	struct vh_queue_conf *f;

	if (c->msg.ring >= c->plan->nr)
		return 0; /* GET_VRING_BASE of a ring nobody named (GVB-4) */
	f = &c->plan->ring[c->msg.ring].conf;
	c->was_started = f->started;
	switch (c->msg.request) {
	case VH_SET_VRING_NUM:
		f->size = c->msg.num;
		break;
	case VH_SET_VRING_ADDR:
		f->desc = c->msg.addr.desc;
		f->avail = c->msg.addr.avail;
		f->used = c->msg.addr.used;
		f->addr_set = true;
		break;
	case VH_SET_VRING_BASE:
		if (f->started && c->dev->queue[c->msg.ring]->bind != NULL)
			break; /* BASE-5: validated to be where the ring is */
		f->base_avail = c->msg.base.avail;
		f->base_used = c->msg.base.used;
		f->base_set = true;
		f->started = false;
		break;
	case VH_SET_VRING_KICK:
		stage_kick(c, f);
		break;
	case VH_SET_VRING_CALL:
		return stage_fd(c, &f->callfd, &f->call);
	case VH_SET_VRING_ERR:
		return stage_fd(c, NULL, &f->err);
	case VH_SET_VRING_ENABLE:
		f->enabled = c->msg.enable;
		break;
	default:
		stage_stop(f);
		break;
	}
	return 0;
}

void
vh_forget_readiness(struct vh_device *dev)
{
	uint16_t i;

	dev->ready = false;
	dev->restart_blocked = false;
	for (i = 0; i < dev->nr_queues; i++)
		dev->queue[i]->ready = false;
}

void
vh_arm_rarp(struct vh_device *dev, const uint8_t mac[6])
{
	uint64_t v = 0;
	int i;

	if ((mac[0] & 1) != 0)
		return; /* RARP-1: a group address announces nobody */
	for (i = 0; i < 6; i++)
		v |= (uint64_t)mac[i] << (8 * i);
	__atomic_store_n(&dev->rarp.mac, v, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->rarp.armed, 1, __ATOMIC_RELEASE);
}

void
vh_apply_reply(struct vh_conn *c)
{
	const struct vh_device *dev = c->dev;
	uint64_t v;

	switch (c->msg.request) {
	case VH_GET_FEATURES:
		v = dev->set.features;
		break;
	case VH_GET_PROTOCOL_FEATURES:
		v = dev->set.protocol_features;
		break;
	case VH_GET_QUEUE_NUM:
		v = VH_MAX_PAIRS;
		break;
	case VH_GET_STATUS:
		v = dev->status;
		break;
	default:
		return;
	}
	vh_encode_u64(&c->reply, c->msg.request, v);
	c->has_reply = true;
}
