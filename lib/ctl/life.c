/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs of a connection that no message started: opening, reports of data threads, closing; and ending it in the
 * caller of unregister.
 * May touch: connections, devices. Threads as each step says.
 * Rules: M2..M4, S6; K8, K9, H28
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <rte_pause.h>

#include "ctl.h"
#include "log.h"
#include "queue.h"

/* ---- opening ---- */

static enum vh_step_result
step_new_connection(struct vh_conn *c)
{
	const struct rte_vhost_device_ops *ops = vh_conn_ops(c, "new_connection");

	if (ops == NULL) {
		VH_LOG_CONFIG(ERR, c->dev->path, "no callbacks registered: connection dropped");
		c->close = true;
	} else if (ops->new_connection != NULL && ops->new_connection(c->dev->vid) < 0) {
		VH_LOG_CONFIG(ERR, c->dev->path, "application refused the connection");
		c->close = true;
	} else {
		c->announced = true;
	}
	return VH_STEP_DONE;
}

const struct vh_step vh_open_program[] = {
	{ "new_connection", VH_ON_EVENTS, step_new_connection, NULL },
	{ NULL, VH_ON_IO, NULL, NULL },
};

/* ---- reports ---- */

static enum vh_step_result
step_stop_broken(struct vh_conn *c)
{
	struct vh_device *dev = c->dev;
	uint16_t i;

	c->plan = vh_plan_begin(dev);
	if (c->plan == NULL)
		return VH_STEP_LATER;
	for (i = 0; i < c->plan->nr; i++) {
		struct vh_queue *q = dev->queue[i];
		uint32_t broke = __atomic_exchange_n(&q->broke, 0, __ATOMIC_ACQUIRE);

		/* taken once: a ring that breaks from now on is the next report's matter */
		if (broke > q->stopping)
			q->stopping = broke;
		if (q->stopping != 0)
			c->plan->ring[i].conf.broken = true;
	}
	if (vh_plan_prepare(c->plan) != 0) {
		vh_plan_end(c->plan);
		c->plan = NULL;
		return VH_STEP_LATER;
	}
	vh_plan_commit(c->plan);
	return VH_STEP_DONE;
}

/* ERR-1: the front-end hears of a ring that was stopped. */
static enum vh_step_result
step_signal_err(struct vh_conn *c)
{
	uint16_t i;

	for (i = 0; i < c->dev->nr_queues; i++) {
		struct vh_queue *q = c->dev->queue[i];

		if (q->stopping != 0 && q->conf.err != NULL)
			(void)vh_efd_signal(q->conf.err);
		if (q->stopping == VH_BROKE_CLOSE)
			c->close = true;
		q->stopping = 0;
	}
	c->frame.request = 0;
	return VH_STEP_DONE;
}

const struct vh_step vh_report_program[] = {
	{ "stop broken rings", VH_ON_IO, step_stop_broken, NULL },
	{ "quiet", VH_ON_IO, vh_step_quiet, NULL },
	{ "err", VH_ON_IO, step_signal_err, NULL },
	{ "callback doors", VH_ON_IO, vh_step_callback_doors, vh_needs_callback_doors },
	{ "callbacks", VH_ON_EVENTS, vh_step_callbacks, vh_needs_callbacks },
	{ NULL, VH_ON_IO, NULL, NULL },
};

/* ---- closing (M2) ---- */

static enum vh_step_result
step_shutdown(struct vh_conn *c)
{
	c->hung_up = true;
	vh_message_release(c);
	if (c->source.added)
		vh_loop_remove(vh_ctl_loop(), &c->source);
	shutdown(c->fd, SHUT_RDWR);
	vh_out_clear(&c->out);
	vh_rx_reset(&c->rx);
	return VH_STEP_DONE;
}

static bool
is_running(const struct vh_conn *c)
{
	return c->dev->running;
}

static enum vh_step_result
step_destroy_device(struct vh_conn *c)
{
	(void)vh_conn_ops(c, "destroy_device");
	vh_ready_stop_device(c->dev);
	return VH_STEP_DONE;
}

/* Replaced bindings of a message that was cut short, then every ring: nobody is inside afterwards. */
static bool
unbind(struct vh_conn *c)
{
	if (c->plan != NULL) {
		if (c->plan->committed && !vh_plan_quiet(c->plan))
			return false;
		vh_plan_end(c->plan);
		c->plan = NULL;
	}
	if (!vh_device_close_doors(c->dev))
		return false;
	vh_device_unbind(c->dev);
	vh_device_open_doors(c->dev);
	return true;
}

static enum vh_step_result
step_unbind(struct vh_conn *c)
{
	return unbind(c) ? VH_STEP_DONE : VH_STEP_AGAIN;
}

static bool
is_announced(const struct vh_conn *c)
{
	return c->announced;
}

static enum vh_step_result
step_destroy_connection(struct vh_conn *c)
{
	const struct rte_vhost_device_ops *ops = vh_conn_ops(c, "destroy_connection");

	if (ops != NULL && ops->destroy_connection != NULL)
		ops->destroy_connection(c->dev->vid);
	return VH_STEP_DONE;
}

/* Out of the slot and of the path's list: the vid is free, nobody finds the connection any more. */
static void
vacate(struct vh_conn *c)
{
	struct vh_endpoint *ep = c->ep;
	struct vh_conn **link;

	vh_slot_clear(c->dev);
	vh_registry_lock();
	for (link = &ep->conns; *link != NULL && *link != c; link = &(*link)->next)
		;
	if (*link == c) {
		*link = c->next;
		ep->nr_conns--;
	}
	vh_registry_unlock();
	pthread_mutex_lock(&c->lock);
	c->owner = VH_OWNER_GONE;
	pthread_cond_broadcast(&c->handed);
	pthread_mutex_unlock(&c->lock);
}

static enum vh_step_result
step_vacate(struct vh_conn *c)
{
	vh_message_release(c);
	vh_guard_flush(&c->dev->guard, vh_now_ns());
	vh_loop_cancel(vh_ctl_loop(), &c->timer);
	vh_fd_close_later(c->fd);
	vacate(c);
	if (c->ep->client)
		vh_connect_lost(c->ep);
	return VH_STEP_DONE;
}

const struct vh_step vh_close_program[] = {
	{ "shutdown", VH_ON_IO, step_shutdown, NULL },
	{ "destroy_device", VH_ON_EVENTS, step_destroy_device, is_running },
	{ "unbind", VH_ON_IO, step_unbind, NULL },
	{ "destroy_connection", VH_ON_EVENTS, step_destroy_connection, is_announced },
	{ "vacate", VH_ON_IO, step_vacate, NULL },
	{ NULL, VH_ON_IO, NULL, NULL },
};

/* Unregistered by its own callback, or a data thread was late: no destroy_connection (K9). */
const struct vh_step vh_drop_program[] = {
	{ "destroy_device", VH_ON_EVENTS, step_destroy_device, is_running },
	{ "shutdown", VH_ON_IO, step_shutdown, NULL },
	{ "unbind", VH_ON_IO, step_unbind, NULL },
	{ "vacate", VH_ON_IO, step_vacate, NULL },
	{ NULL, VH_ON_IO, NULL, NULL },
};

/* ---- ended by a caller ---- */

static void
on_bury(struct vh_task *t)
{
	struct vh_conn *c = (struct vh_conn *)((char *)t - offsetof(struct vh_conn, end));

	if (c->source.added)
		vh_loop_remove(vh_ctl_loop(), &c->source);
	vh_loop_cancel(vh_ctl_loop(), &c->timer);
	if (!c->mapping)
		vh_message_release(c);
	vh_out_clear(&c->out);
	vh_rx_reset(&c->rx);
	vh_guard_flush(&c->dev->guard, vh_now_ns());
	vh_fd_close_later(c->fd);
	vh_conn_put(c);
}

/* A data thread is late to leave: vhost-io finishes what this caller began. */
static void
on_late(struct vh_task *t)
{
	struct vh_conn *c = (struct vh_conn *)((char *)t - offsetof(struct vh_conn, end));

	vh_steps_start(c, vh_drop_program);
}

static bool
unbind_within(struct vh_conn *c, uint32_t wait_ms)
{
	uint64_t until = vh_now_ns() + wait_ms * UINT64_C(1000000);

	while (!unbind(c)) {
		if (vh_now_ns() >= until)
			return false;
		rte_pause();
	}
	return true;
}

static void
end_here(struct vh_conn *c, uint32_t wait_ms)
{
	shutdown(c->fd, SHUT_RDWR);
	if (c->dev->doors_held)
		vh_device_open_doors(c->dev);
	vh_ready_stop_device(c->dev);
	if (unbind_within(c, wait_ms)) {
		vacate(c);
		c->end.run = on_bury;
	} else {
		VH_LOG_CONFIG(WARNING, c->dev->path,
				"a data thread is still inside a ring: vid %d is freed when it has left",
				c->dev->vid);
		pthread_mutex_lock(&c->lock);
		c->takeover = false;
		c->owner = VH_OWNER_IO;
		pthread_mutex_unlock(&c->lock);
		c->end.run = on_late;
	}
	vh_loop_post(vh_ctl_loop(), &c->end);
}

static void
deadline(struct timespec *ts, uint32_t ms)
{
	clock_gettime(CLOCK_REALTIME, ts);
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

/* Token lock held. @return 1 got it; 0 it will end by itself; -1 waited in vain */
static int
take_token(struct vh_conn *c, uint32_t wait_ms)
{
	struct timespec until;

	if (c->owner == VH_OWNER_GONE)
		return 0;
	if ((c->owner == VH_OWNER_EVENTS && vh_events_on_thread()) ||
			(c->owner == VH_OWNER_CALLER && pthread_equal(c->caller, pthread_self()))) {
		c->drop_after = true;
		return 0;
	}
	c->takeover = true;
	if (c->owner == VH_OWNER_IDLE || c->owner == VH_OWNER_TIMER || c->owner == VH_OWNER_WORK ||
			(c->owner == VH_OWNER_QUEUED && vh_events_cancel(&c->events_job))) {
		c->owner = VH_OWNER_CALLER;
		return 1;
	}
	deadline(&until, wait_ms);
	while (c->owner != VH_OWNER_CALLER && c->owner != VH_OWNER_GONE)
		if (pthread_cond_timedwait(&c->handed, &c->lock, &until) == ETIMEDOUT)
			break;
	if (c->owner == VH_OWNER_GONE)
		return 0;
	return c->owner == VH_OWNER_CALLER ? 1 : -1;
}

bool
vh_conn_end_in_caller(struct vh_conn *c, uint32_t wait_ms)
{
	const char *what;
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = take_token(c, wait_ms);
	if (rc > 0)
		c->caller = pthread_self();
	if (rc < 0) {
		/* it ends when the callback returns */
		c->takeover = false;
		c->drop_after = true;
	}
	what = __atomic_load_n(&c->callback, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		VH_LOG_CONFIG(ERR, c->dev->path, "path removed, callback %s still running",
				what != NULL ? what : "of the application");
	if (rc > 0)
		end_here(c, 100);
	return rc >= 0;
}
