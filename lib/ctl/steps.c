/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The step engine: one owner at a time runs the steps of a connection's program and hands the token on.
 * May touch: a connection's token. `vhost-io`, `vhost-events`.
 * Rules: S1..S6, D6.
 */
#include <stddef.h>

#include "ctl.h"

/* A step that must wait for a data thread is tried again after this time (D6). */
#define AGAIN_NS UINT64_C(200000)
/* A data thread that is inside for so long is reported, once per step (D6). */
#define STUCK_NS UINT64_C(1000000000)

bool
vh_token_take(struct vh_conn *c, enum vh_owner from)
{
	bool ok;

	pthread_mutex_lock(&c->lock);
	ok = c->owner == from;
	if (ok)
		c->owner = VH_OWNER_IO;
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static void
set_owner(struct vh_conn *c, enum vh_owner owner)
{
	pthread_mutex_lock(&c->lock);
	c->owner = owner;
	pthread_mutex_unlock(&c->lock);
}

/* A caller of unregister asked for the token: it gets it between two steps. */
static bool
give_over(struct vh_conn *c)
{
	bool yes;

	pthread_mutex_lock(&c->lock);
	yes = c->takeover && c->owner != VH_OWNER_GONE;
	if (yes) {
		c->owner = VH_OWNER_CALLER;
		pthread_cond_broadcast(&c->handed);
	}
	pthread_mutex_unlock(&c->lock);
	return yes;
}

static void
hand_to(struct vh_conn *c, enum vh_where where)
{
	if (where == VH_ON_EVENTS) {
		/* one critical section: a caller that finds QUEUED can also take the job back */
		pthread_mutex_lock(&c->lock);
		c->owner = VH_OWNER_QUEUED;
		vh_events_post(&c->events_job);
		pthread_mutex_unlock(&c->lock);
	} else {
		set_owner(c, VH_OWNER_IO);
		vh_conn_get(c);
		vh_loop_post(vh_ctl_loop(), &c->io_task);
	}
}

static void
wait_for_timer(struct vh_conn *c)
{
	set_owner(c, VH_OWNER_TIMER);
	vh_loop_timer(vh_ctl_loop(), &c->timer, vh_now_ns() + AGAIN_NS);
}

/* Unregistered by its own callback: what is left of the program is dropped, the connection ends (7.4). */
static void
check_dropped(struct vh_conn *c)
{
	bool drop;

	pthread_mutex_lock(&c->lock);
	drop = c->drop_after;
	c->drop_after = false;
	pthread_mutex_unlock(&c->lock);
	if (drop) {
		c->program = vh_drop_program;
		c->step = 0;
	}
}

/* Its peer may serve the page fault that holds the thread (POST-10); only this connection waits for it. */
static void
note_wait(struct vh_conn *c)
{
	uint64_t now = vh_now_ns();
	struct vh_fault f = { .code = VH_V_DOOR_HELD, .queue = VH_NO_QUEUE, .message = c->frame.request };

	if (c->waits_since == 0) {
		c->waits_since = now;
		c->wait_reported = false;
	} else if (!c->wait_reported && now - c->waits_since >= STUCK_NS) {
		c->wait_reported = true;
		f.observed = (now - c->waits_since) / 1000000;
		f.limit = STUCK_NS / 1000000;
		(void)vh_violation_report(&c->dev->guard, &f);
		vh_report(c->dev->vid);
	}
}

/* @return true if the token was given away or the step has to wait */
static bool
run_step(struct vh_conn *c, const struct vh_step *s, enum vh_where here)
{
	enum vh_step_result r;

	if (s->where != here) {
		hand_to(c, s->where);
		return true;
	}
	r = s->run(c);
	if (r == VH_STEP_AGAIN)
		note_wait(c);
	else
		c->waits_since = 0;
	if (r == VH_STEP_AGAIN || r == VH_STEP_LATER) {
		wait_for_timer(c);
		return true;
	}
	c->step++;
	if (r == VH_STEP_WORK)
		return true;
	__atomic_store_n(&c->callback, NULL, __ATOMIC_RELAXED);
	check_dropped(c);
	return false;
}

void
vh_steps_run(struct vh_conn *c, enum vh_where here)
{
	for (;;) {
		const struct vh_step *s = &c->program[c->step];

		if (give_over(c))
			return;
		if (s->run == NULL) {
			if (here != VH_ON_IO)
				hand_to(c, VH_ON_IO);
			else
				vh_conn_program_done(c);
			return;
		}
		if (s->needed != NULL && !s->needed(c)) {
			c->step++;
			continue;
		}
		if (run_step(c, s, here))
			return;
	}
}

void
vh_steps_start(struct vh_conn *c, const struct vh_step *program)
{
	c->program = program;
	c->step = 0;
	vh_steps_run(c, VH_ON_IO);
}

static void
on_io_task(struct vh_task *t)
{
	struct vh_conn *c = (struct vh_conn *)((char *)t - offsetof(struct vh_conn, io_task));

	/* a caller may have taken the token after it was posted here */
	if (vh_token_take(c, VH_OWNER_IO))
		vh_steps_run(c, VH_ON_IO);
	vh_conn_put(c);
}

static void
on_events_job(struct vh_job *j)
{
	struct vh_conn *c = (struct vh_conn *)((char *)j - offsetof(struct vh_conn, events_job));
	bool mine;

	pthread_mutex_lock(&c->lock);
	mine = c->owner == VH_OWNER_QUEUED;
	if (mine)
		c->owner = VH_OWNER_EVENTS;
	pthread_mutex_unlock(&c->lock);
	if (mine)
		vh_steps_run(c, VH_ON_EVENTS);
}

void
vh_steps_init(struct vh_conn *c)
{
	c->io_task.run = on_io_task;
	c->events_job.run = on_events_job;
	c->events_job.key = NULL;
}
