/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One message as a program of steps: receive has happened; validate, apply, answer, tell the application.
 * The only place that sees all stages, and the message funnel of the guard.
 * May touch: connections, devices. Threads as each step says.
 * Rules: api.md 3.3; HDR-13..15, K11, K31
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "ctl.h"
#include "log.h"
#include "ring.h"

static uint16_t
position_word(const struct vh_device *dev, const struct vh_queue *q)
{
	uint16_t avail = q->conf.base_avail, used;

	if (q->conf.started && q->ring != NULL)
		vh_ring_positions(q->ring, (dev->features & VH_F_RING_PACKED) != 0, &avail, &used);
	return avail;
}

/* What validation may see: a copy. */
static void
make_view(const struct vh_conn *c, struct vh_view *v)
{
	const struct vh_device *dev = c->dev;
	int64_t ring = vh_msg_ring_index(&c->frame);
	uint16_t i;

	memset(v, 0, sizeof(*v));
	v->offered = dev->set.features;
	v->features = dev->features;
	v->protocol_offered = dev->set.protocol_features;
	v->protocol = dev->protocol;
	v->have_mem = dev->map != NULL;
	v->max_rings = VH_MAX_RINGS;
	v->max_regions = VH_MAX_REGIONS;
	for (i = 0; i < dev->nr_queues; i++)
		v->started = v->started || dev->queue[i]->bind != NULL;
	if (ring >= 0 && ring < dev->nr_queues) {
		const struct vh_queue *q = dev->queue[ring];

		v->ring_started = q->bind != NULL;
		v->ring_size = q->conf.size;
		v->ring_avail = position_word(dev, q);
		v->ring_desc = q->conf.desc.v;
		v->ring_avail_addr = q->conf.avail.v;
		v->ring_used = q->conf.used.v;
	}
}

/* Settings of the path as they are when the front-end begins to speak; later changes reach the next connection (C2). */
static void
copy_settings(struct vh_conn *c)
{
	struct vh_settings set;

	if (c->greeted)
		return;
	c->greeted = true;
	vh_registry_lock();
	set = c->ep->set;
	vh_registry_unlock();
	vh_spin_lock(&vh_slots[c->dev->vid].peek);
	c->dev->set = set;
	vh_spin_unlock(&vh_slots[c->dev->vid].peek);
}

static void
refuse(struct vh_conn *c)
{
	c->handled = VH_REFUSED;
	if (c->fault.message == 0)
		c->fault.message = c->frame.request;
	if (c->frame.request != VH_SET_FEATURES)
		return;
	/* STAT-4: the driver reads back that its features were not accepted */
	vh_spin_lock(&vh_slots[c->dev->vid].peek);
	c->dev->status &= (uint8_t)~VH_STATUS_FEATURES_OK;
	vh_spin_unlock(&vh_slots[c->dev->vid].peek);
}

/* An unknown number, or a feature we lack, may still be one an application's hook serves (UNK-1, V48). */
static bool
may_be_for_hooks(const struct vh_conn *c, int rc)
{
	return (rc == VH_V_UNKNOWN_REQUEST || rc == VH_V_NOT_OFFERED) &&
		(vh_has_pre_hook(c) || vh_has_post_hook(c));
}

static enum vh_step_result
step_frame(struct vh_conn *c)
{
	struct vh_view v;
	int rc;

	copy_settings(c);
	c->row = vh_msg_row(c->frame.request);
	c->handled = VH_NOT_HANDLED;
	c->replied = c->has_reply = c->parked = false;
	memset(&c->fault, 0, sizeof(c->fault));
	memset(&c->msg, 0, sizeof(c->msg));
	c->msg.fd = -1;
	VH_LOG_CONFIG(DEBUG, c->dev->path, "read message %s", vh_msg_name(c->frame.request));
	make_view(c, &v);
	rc = vh_frame_check(&v, &c->frame, &c->fault);
	if (rc != 0 && !may_be_for_hooks(c, rc))
		refuse(c);
	return VH_STEP_DONE;
}

static bool
hooks_want_doors(const struct vh_conn *c)
{
	return c->handled != VH_REFUSED && c->row != NULL && c->row->doors &&
		(vh_has_pre_hook(c) || vh_has_post_hook(c)) && !c->dev->doors_held;
}

static enum vh_step_result
close_doors(struct vh_conn *c)
{
	return vh_device_close_doors(c->dev) ? VH_STEP_DONE : VH_STEP_AGAIN;
}

static bool
needs_pre(const struct vh_conn *c)
{
	return c->handled == VH_NOT_HANDLED && vh_has_pre_hook(c);
}

static enum vh_step_result
step_pre(struct vh_conn *c)
{
	vh_hook_pre(c);
	return VH_STEP_DONE;
}

static bool
not_handled(const struct vh_conn *c)
{
	return c->handled == VH_NOT_HANDLED;
}

static enum vh_step_result
step_check(struct vh_conn *c)
{
	struct vh_view v;
	int rc;

	if (c->row == NULL || !c->row->supported)
		return VH_STEP_DONE; /* the post hook may know it */
	make_view(c, &v);
	/* again: a pre hook may have changed the message */
	rc = vh_frame_check(&v, &c->frame, &c->fault);
	if (rc == 0)
		rc = vh_msg_check(&v, &c->frame, &c->msg, &c->fault);
	if (rc != 0)
		refuse(c);
	return VH_STEP_DONE;
}

/* ---- memory: mapping may block on the peer's file, so a worker does it ---- */

static bool
is_ours(const struct vh_conn *c)
{
	return c->handled == VH_NOT_HANDLED && c->row != NULL && c->row->supported;
}

static bool
is_mem_table(const struct vh_conn *c)
{
	return is_ours(c) && c->msg.request == VH_SET_MEM_TABLE;
}

static void
on_map_job(struct vh_job *j)
{
	struct vh_conn *c = (struct vh_conn *)((char *)j - offsetof(struct vh_conn, map_job));
	struct vh_region_req req[VH_MAX_REGIONS];
	struct vh_mem_req *m = &c->msg.mem;
	uint32_t i;

	for (i = 0; i < m->nr; i++)
		req[i] = (struct vh_region_req){ m->region[i].gpa, m->region[i].size, m->region[i].uva,
			m->region[i].offset };
	c->map_rc = vh_memmap_build(c->dev->policy, c->map_old, req, m->nr, m->fds.fd, &c->map_new,
			&c->map_fault);
	m->fds.nr = 0;
	vh_loop_post(vh_ctl_loop(), &c->map_done);
}

static void
on_map_done(struct vh_task *t)
{
	struct vh_conn *c = (struct vh_conn *)((char *)t - offsetof(struct vh_conn, map_done));

	if (c->map_old != NULL)
		vh_map_release(c->map_old);
	c->map_old = NULL;
	c->mapping = false;
	if (vh_token_take(c, VH_OWNER_WORK))
		vh_steps_run(c, VH_ON_IO);
	else
		vh_message_release(c); /* a result for a connection that was taken over meanwhile (M3) */
	vh_conn_put(c);
}

static enum vh_step_result
step_map(struct vh_conn *c)
{
	struct vh_policy const *p = c->dev->policy;
	uint64_t at = vh_bucket_take(&c->ep->tables, p->table_rate, p->table_burst, vh_now_ns());
	int rc;

	if (at != 0)
		return VH_STEP_LATER; /* too many tables on this path: delayed, not refused */
	c->map_job.run = on_map_job;
	c->map_job.key = c->ep;
	c->map_done.run = on_map_done;
	c->map_new = NULL;
	c->map_old = c->dev->map;
	if (c->map_old != NULL)
		vh_memmap_get(c->map_old);
	pthread_mutex_lock(&c->lock);
	c->owner = VH_OWNER_WORK;
	pthread_mutex_unlock(&c->lock);
	vh_conn_get(c);
	c->mapping = true;
	rc = vh_work_post(&c->map_job);
	if (rc < 0) {
		c->map_rc = rc; /* else the worker's to write */
		vh_loop_post(vh_ctl_loop(), &c->map_done);
	}
	return VH_STEP_WORK;
}

static enum vh_step_result
step_mapped(struct vh_conn *c)
{
	if (c->map_rc > 0)
		c->fault = c->map_fault;
	if (c->map_rc < 0) {
		c->fault.code = VH_V_INTERNAL;
		c->fault.observed = (uint64_t)-c->map_rc;
	}
	if (c->map_rc != 0)
		refuse(c);
	return VH_STEP_DONE;
}

/* ---- callbacks that come before the change (S3) ---- */

static bool
ring_goes_down_first(const struct vh_conn *c)
{
	uint32_t r = c->msg.request;

	if (r != VH_SET_VRING_KICK && (r != VH_SET_VRING_CALL || c->dev->set.builtin_net))
		return false; /* built-in net: a call fd is swapped silently (H48) */
	return c->msg.ring < c->dev->nr_queues && c->dev->queue[c->msg.ring]->ready;
}

static bool
needs_stop(const struct vh_conn *c)
{
	if (!is_ours(c))
		return false;
	if (c->msg.request == VH_GET_VRING_BASE || c->msg.request == VH_RESET_OWNER)
		return c->dev->running;
	return ring_goes_down_first(c);
}

static enum vh_step_result
step_stop(struct vh_conn *c)
{
	const struct rte_vhost_device_ops *ops;

	if (!ring_goes_down_first(c)) {
		(void)vh_conn_ops(c, "destroy_device");
		vh_ready_stop_device(c->dev);
		return VH_STEP_DONE;
	}
	ops = vh_conn_ops(c, "vring_state_changed");
	c->dev->queue[c->msg.ring]->ready = false;
	if (ops != NULL && ops->vring_state_changed != NULL)
		ops->vring_state_changed(c->dev->vid, c->msg.ring, 0);
	return VH_STEP_DONE;
}

/* ---- apply ---- */

static enum vh_step_result
step_prepare(struct vh_conn *c)
{
	int rc = vh_apply_prepare(c);

	if (rc < 0) {
		c->fault.code = VH_V_INTERNAL;
		c->fault.observed = (uint64_t)-rc;
	}
	if (rc != 0)
		refuse(c);
	return VH_STEP_DONE;
}

static enum vh_step_result
step_commit(struct vh_conn *c)
{
	vh_apply_commit(c);
	c->handled = VH_HANDLED;
	return VH_STEP_DONE;
}

static bool
has_plan(const struct vh_conn *c)
{
	return c->plan != NULL && c->plan->committed;
}

enum vh_step_result
vh_step_quiet(struct vh_conn *c)
{
	if (!vh_plan_quiet(c->plan))
		return VH_STEP_AGAIN;
	vh_plan_end(c->plan);
	c->plan = NULL;
	return VH_STEP_DONE;
}

static bool
was_applied(const struct vh_conn *c)
{
	return c->handled == VH_HANDLED && c->msg.request != 0;
}

static enum vh_step_result
step_finish(struct vh_conn *c)
{
	vh_apply_finish(c);
	return VH_STEP_DONE;
}

static bool
needs_post(const struct vh_conn *c)
{
	return c->handled != VH_REFUSED && vh_has_post_hook(c);
}

static enum vh_step_result
step_post(struct vh_conn *c)
{
	vh_hook_post(c);
	return VH_STEP_DONE;
}

static bool
holds_doors(const struct vh_conn *c)
{
	return c->dev->doors_held;
}

static enum vh_step_result
open_doors(struct vh_conn *c)
{
	vh_device_open_doors(c->dev);
	return VH_STEP_DONE;
}

/* ---- answer ---- */

static void
send_reply(struct vh_conn *c)
{
	int rc = vh_out_send(&c->out, c->fd, c->reply.buf, c->reply.len, NULL, vh_now_ns());

	if (rc == 0)
		return;
	c->close = true;
	c->fault = (struct vh_fault){ .code = VH_V_REPLY_FAILED, .queue = VH_NO_QUEUE,
		.message = c->frame.request, .observed = (uint64_t)-rc };
	(void)vh_violation_report(&c->dev->guard, &c->fault);
	vh_report(c->dev->vid);
}

static bool
wants_ack(const struct vh_conn *c)
{
	bool explicit_kind = c->row != NULL && c->row->reply == VH_REPLY_EXPLICIT;

	return (c->frame.flags & VH_MSG_NEED_REPLY) != 0 && !explicit_kind && !c->replied;
}

/* For the log line. */
static uint16_t
named_ring(const struct vh_conn *c)
{
	int64_t ring = vh_msg_ring_index(&c->frame);

	return ring >= 0 && ring < VH_MAX_RINGS ? (uint16_t)ring : VH_NO_QUEUE;
}

/* The message funnel: what a refused message costs its sender. */
static void
answer_refused(struct vh_conn *c)
{
	const struct vh_policy *p = c->dev->policy;

	if (c->fault.code == VH_V_NONE)
		c->fault.code = VH_V_UNKNOWN_REQUEST;
	c->fault.queue = named_ring(c);
	if (vh_violation_report(&c->dev->guard, &c->fault) == VH_CLOSE || !wants_ack(c)) {
		c->close = true;
	} else {
		vh_encode_u64(&c->reply, c->frame.request, 1);
		send_reply(c);
	}
	if (++c->nacks > p->max_nacks && !c->close) {
		c->fault.code = VH_V_MAX_NACKS;
		(void)vh_violation_report(&c->dev->guard, &c->fault);
		c->close = true;
	}
	vh_report(c->dev->vid);
}

static enum vh_step_result
step_reply(struct vh_conn *c)
{
	if (c->handled != VH_HANDLED) {
		refuse(c);
		answer_refused(c);
		return VH_STEP_DONE;
	}
	c->nacks = 0;
	if (c->has_reply) {
		send_reply(c);
	} else if (wants_ack(c)) {
		vh_encode_u64(&c->reply, c->frame.request, c->parked ? 1 : 0);
		send_reply(c);
	}
	return VH_STEP_DONE;
}

/* ---- callbacks that the message caused ---- */

bool
vh_needs_callbacks(const struct vh_conn *c)
{
	return !c->close && vh_ready_pending(c->dev);
}

/* GET_VRING_BASE reports its ring with the doors open (api.md 3.8, K12). */
bool
vh_needs_callback_doors(const struct vh_conn *c)
{
	return vh_needs_callbacks(c) && c->frame.request != VH_GET_VRING_BASE &&
		c->frame.request != VH_RESET_OWNER;
}

enum vh_step_result
vh_step_callback_doors(struct vh_conn *c)
{
	return close_doors(c);
}

enum vh_step_result
vh_step_callbacks(struct vh_conn *c)
{
	struct vh_device *dev = c->dev;

	(void)vh_conn_ops(c, "vring_state_changed");
	if (dev->doors_held)
		vh_device_doors_for_thread(dev, true);
	vh_ready_report_rings(dev);
	if (dev->doors_held) {
		vh_device_doors_for_thread(dev, false);
		vh_device_open_doors(dev);
	}
	(void)vh_conn_ops(c, "new_device");
	if (!c->drop_after)
		vh_ready_start_device(dev);
	return VH_STEP_DONE;
}

const struct vh_step vh_message_program[] = {
	{ "frame", VH_ON_IO, step_frame, NULL },
	{ "close doors", VH_ON_IO, close_doors, hooks_want_doors },
	{ "pre hook", VH_ON_EVENTS, step_pre, needs_pre },
	{ "check", VH_ON_IO, step_check, not_handled },
	{ "map", VH_ON_IO, step_map, is_mem_table },
	{ "mapped", VH_ON_IO, step_mapped, is_mem_table },
	{ "stop callbacks", VH_ON_EVENTS, step_stop, needs_stop },
	{ "prepare", VH_ON_IO, step_prepare, is_ours },
	{ "commit", VH_ON_IO, step_commit, is_ours },
	{ "quiet", VH_ON_IO, vh_step_quiet, has_plan },
	{ "finish", VH_ON_IO, step_finish, was_applied },
	{ "post hook", VH_ON_EVENTS, step_post, needs_post },
	{ "open doors", VH_ON_IO, open_doors, holds_doors },
	{ "reply", VH_ON_IO, step_reply, NULL },
	{ "callback doors", VH_ON_IO, vh_step_callback_doors, vh_needs_callback_doors },
	{ "callbacks", VH_ON_EVENTS, vh_step_callbacks, vh_needs_callbacks },
	{ NULL, VH_ON_IO, NULL, NULL },
};

void
vh_message_release(struct vh_conn *c)
{
	if (c->plan != NULL) {
		vh_plan_end(c->plan);
		c->plan = NULL;
	}
	if (c->map_new != NULL) {
		vh_map_release(c->map_new);
		c->map_new = NULL;
	}
	vh_msg_release(&c->msg);
	vh_frame_release(&c->frame);
	memset(&c->msg, 0, sizeof(c->msg));
}
