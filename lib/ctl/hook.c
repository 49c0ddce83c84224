/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Application's message hooks: they see the raw layout of ABI 23 and may handle, change or refuse a message.
 * May touch: the message in hand; calls the application. `vhost-events`.
 * Source: rte_vhost.h (struct rte_vhost_user_extern_ops); api.md 3.3; rules UNK-2, C1
 */
#include <string.h>

#include "ctl.h"

static struct rte_vhost_user_extern_ops
hooks(const struct vh_conn *c)
{
	struct vh_device *dev = c->dev;
	struct rte_vhost_user_extern_ops ops;

	vh_spin_lock(&vh_slots[dev->vid].peek);
	ops = dev->extern_ops;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
	return ops;
}

bool
vh_has_pre_hook(const struct vh_conn *c)
{
	return hooks(c).pre_msg_handle != NULL;
}

bool
vh_has_post_hook(const struct vh_conn *c)
{
	return hooks(c).post_msg_handle != NULL;
}

static void
to_wire(const struct vh_conn *c, struct vh_wire_msg *w)
{
	unsigned int i;

	memset(w, 0, sizeof(*w));
	w->request = c->frame.request;
	w->flags = c->frame.flags;
	w->size = c->frame.size;
	memcpy(w->payload, c->frame.payload, sizeof(w->payload));
	/* explicit replies of ours are what a post hook finds in the payload */
	if (c->has_reply) {
		w->size = c->reply.len - VH_MSG_HEADER;
		memcpy(w->payload, c->reply.buf + VH_MSG_HEADER, w->size);
	}
	for (i = 0; i < VH_MAX_MSG_FDS; i++)
		w->fds[i] = i < c->frame.fds.nr ? c->frame.fds.fd[i] : -1;
	w->fd_num = (int32_t)c->frame.fds.nr;
}

/* A hook that handles a message owns its fds; those it leaves in the context go out with its reply. */
static void
send_context(struct vh_conn *c, const struct vh_wire_msg *w)
{
	uint32_t len = w->size <= VH_MAX_PAYLOAD ? w->size : VH_MAX_PAYLOAD;
	struct vh_fds fds = { .nr = 0 };
	int i;

	for (i = 0; i < w->fd_num && i < VH_MAX_MSG_FDS; i++)
		if (w->fds[i] >= 0)
			fds.fd[fds.nr++] = w->fds[i];
	vh_encode_bytes(&c->reply, w->request, w->payload, len);
	if (vh_out_send(&c->out, c->fd, c->reply.buf, c->reply.len, &fds, vh_now_ns()) < 0)
		c->close = true;
	c->replied = true;
}

static enum rte_vhost_msg_result
call(struct vh_conn *c, rte_vhost_msg_handle fn, struct vh_wire_msg *w, const char *name)
{
	enum rte_vhost_msg_result r;

	__atomic_store_n(&c->callback, name, __ATOMIC_RELAXED);
	if (c->dev->doors_held)
		vh_device_doors_for_thread(c->dev, true);
	r = fn(c->dev->vid, w);
	if (c->dev->doors_held)
		vh_device_doors_for_thread(c->dev, false);
	return r;
}

static void
mark_refused(struct vh_conn *c)
{
	c->handled = VH_REFUSED;
	c->fault = (struct vh_fault){ .code = VH_V_HOOK_REFUSED, .queue = VH_NO_QUEUE,
		.message = c->frame.request };
}

static void
mark_handled(struct vh_conn *c)
{
	c->handled = VH_HANDLED;
	c->fault.code = VH_V_NONE;
	c->frame.fds.nr = 0; /* the hook's now */
}

void
vh_hook_pre(struct vh_conn *c)
{
	struct vh_wire_msg w;
	struct rte_vhost_user_extern_ops ops = hooks(c);

	if (ops.pre_msg_handle == NULL)
		return;
	to_wire(c, &w);
	switch (call(c, ops.pre_msg_handle, &w, "pre_msg_handle")) {
	case RTE_VHOST_MSG_RESULT_REPLY:
		mark_handled(c);
		send_context(c, &w);
		break;
	case RTE_VHOST_MSG_RESULT_OK:
		mark_handled(c);
		break;
	case RTE_VHOST_MSG_RESULT_ERR:
		mark_refused(c);
		break;
	default:
		if (w.size <= VH_MAX_PAYLOAD) {
			c->frame.size = w.size;
			memcpy(c->frame.payload, w.payload, sizeof(w.payload));
		}
		break;
	}
}

void
vh_hook_post(struct vh_conn *c)
{
	struct vh_wire_msg w;
	struct rte_vhost_user_extern_ops ops = hooks(c);
	struct vh_reply ours = c->reply;
	bool had_reply = c->has_reply;

	if (ops.post_msg_handle == NULL)
		return;
	to_wire(c, &w);
	/* the library's own reply goes out before the hook, as it always did (api.md 3.3 steps 6, 7) */
	if (had_reply && vh_out_send(&c->out, c->fd, ours.buf, ours.len, NULL, vh_now_ns()) < 0)
		c->close = true;
	c->has_reply = false;
	c->replied = c->replied || had_reply;
	switch (call(c, ops.post_msg_handle, &w, "post_msg_handle")) {
	case RTE_VHOST_MSG_RESULT_REPLY:
		mark_handled(c);
		send_context(c, &w);
		break;
	case RTE_VHOST_MSG_RESULT_OK:
		mark_handled(c);
		break;
	case RTE_VHOST_MSG_RESULT_ERR:
		mark_refused(c);
		break;
	default:
		break;
	}
}
