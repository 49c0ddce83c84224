/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection on `vhost-io`: create, socket events, deadlines, what happens between two programs, end.
 * May touch: connections, devices, sockets (never blocking). `vhost-io`, but for creation.
 * spec: vhost-user "Communication"; rules HDR-5, HDR-12, HDR-16, S4, S6, M2..M4
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ctl.h"
#include "log.h"

#define NS_PER_MS UINT64_C(1000000)
#define MAP_OF(ptr, member) ((struct vh_conn *)((char *)(ptr) - offsetof(struct vh_conn, member)))

static void on_ready(struct vh_source *s, uint32_t events);
static void on_timer(struct vh_timer *t);

/* @return false: the path was unregistered meanwhile */
static bool
link_conn(struct vh_conn *c)
{
	struct vh_endpoint *ep = c->ep;
	bool ok;

	vh_registry_lock();
	ok = ep->registered;
	if (ok) {
		c->next = ep->conns;
		ep->conns = c;
		ep->nr_conns++;
	}
	vh_registry_unlock();
	return ok;
}

static struct vh_device *
create_device(struct vh_endpoint *ep, struct vh_conn *c)
{
	struct vh_settings set;
	struct vh_device *dev;

	vh_registry_lock();
	set = ep->set;
	vh_registry_unlock();
	dev = vh_device_create(ep->path, &ep->policy, &set);
	if (dev == NULL)
		return NULL;
	dev->conn = c;
	vh_guard_share_bucket(&dev->guard, &ep->log);
	if (vh_slot_take(dev) >= 0)
		return dev;
	VH_LOG_CONFIG(ERR, ep->path, "no free device: %d are in use", VH_MAX_DEVICES);
	vh_device_free(dev);
	return NULL;
}

static void
init_conn(struct vh_conn *c, struct vh_endpoint *ep, int fd, enum vh_owner owner)
{
	c->refs = 1;
	c->ep = ep;
	c->fd = fd;
	c->owner = owner;
	c->caller = pthread_self();
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->handed, NULL);
	c->source.fd = fd;
	c->source.ready = on_ready;
	c->timer.fire = on_timer;
	c->frame.fds.nr = 0;
	vh_rx_init(&c->rx);
	vh_out_init(&c->out);
	vh_steps_init(c);
}

struct vh_conn *
vh_conn_create(struct vh_endpoint *ep, int fd, enum vh_owner owner)
{
	struct vh_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	init_conn(c, ep, fd, owner);
	c->dev = create_device(ep, c);
	if (c->dev == NULL) {
		free(c);
		return NULL;
	}
	if (!link_conn(c)) {
		vh_slot_clear(c->dev);
		vh_device_free(c->dev);
		free(c);
		return NULL;
	}
	vh_endpoint_get(ep);
	VH_LOG_CONFIG(INFO, ep->path, "new device, handle is %d", c->dev->vid);
	return c;
}

void
vh_conn_get(struct vh_conn *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}

static void
on_free(struct vh_task *t)
{
	struct vh_conn *c = MAP_OF(t, bury);

	vh_device_free(c->dev);
	vh_endpoint_put(c->ep);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->handed);
	free(c);
}

/* Devices and connections are freed on vhost-io alone; nobody else uses `bury` when the last reference goes. */
void
vh_conn_put(struct vh_conn *c)
{
	if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	c->bury.run = on_free;
	if (vh_loop_on_thread(vh_ctl_loop()))
		vh_loop_defer(vh_ctl_loop(), &c->bury);
	else
		vh_loop_post(vh_ctl_loop(), &c->bury);
}

const struct rte_vhost_device_ops *
vh_conn_ops(struct vh_conn *c, const char *name)
{
	__atomic_store_n(&c->callback, name, __ATOMIC_RELAXED);
	return c->dev->set.ops;
}

/* Earliest of: message deadline, reply deadline, and the moment the message rate allows the next message. */
static uint64_t
next_deadline(const struct vh_conn *c, uint64_t resume_ns)
{
	const struct vh_policy *p = c->dev->policy;
	uint64_t at = resume_ns, t;

	if (c->rx.first_byte_ns != 0) {
		t = c->rx.first_byte_ns + p->msg_deadline_ms * NS_PER_MS;
		at = at == 0 || t < at ? t : at;
	}
	if (c->out.head != NULL) {
		t = c->out.progress_ns + p->reply_deadline_ms * NS_PER_MS;
		at = at == 0 || t < at ? t : at;
	}
	return at;
}

static void
arm(struct vh_conn *c, uint64_t resume_ns)
{
	bool read_on = resume_ns == 0 && c->out.nr < c->dev->policy->pending_replies;
	uint32_t events = (read_on ? EPOLLIN | EPOLLRDHUP : 0) | (c->out.head != NULL ? EPOLLOUT : 0);
	uint64_t at = next_deadline(c, resume_ns);

	if (events != 0)
		vh_loop_arm(vh_ctl_loop(), &c->source, events);
	if (at != 0)
		vh_loop_timer(vh_ctl_loop(), &c->timer, at);
	else
		vh_loop_cancel(vh_ctl_loop(), &c->timer);
}

/* The token is laid down; whoever wants the connection next finds it idle. */
static bool
go_idle(struct vh_conn *c)
{
	bool takeover;

	pthread_mutex_lock(&c->lock);
	takeover = c->takeover;
	c->owner = takeover ? VH_OWNER_CALLER : VH_OWNER_IDLE;
	if (takeover)
		pthread_cond_broadcast(&c->handed);
	pthread_mutex_unlock(&c->lock);
	return !takeover;
}

static void
close_for(struct vh_conn *c, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	struct vh_fault f = { .code = code, .queue = VH_NO_QUEUE, .message = c->frame.request,
		.observed = observed, .limit = limit };

	/* of a message that is half there the number may be known, which is not that of the one before */
	if (code == VH_V_MSG_TIMEOUT)
		f.message = vh_rx_request(&c->rx);
	(void)vh_violation_report(&c->dev->guard, &f);
	vh_report(c->dev->vid);
	c->close = true;
}

/* @return 0 a whole message is in c->frame; else nothing to do now (c->close says whether to end) */
static int
read_message(struct vh_conn *c)
{
	int rc = vh_rx_read(&c->rx, c->fd, vh_now_ns(), &c->frame);

	if (rc == 0 || rc == -EAGAIN)
		return rc;
	c->close = true;
	if (rc == -EPIPE)
		VH_LOG_CONFIG(INFO, c->dev->path, "vhost peer closed");
	if (rc > 0) {
		(void)vh_violation_report(&c->dev->guard, &c->rx.fault);
		vh_report(c->dev->vid);
	}
	return rc;
}

static void
check_deadlines(struct vh_conn *c)
{
	const struct vh_policy *p = c->dev->policy;
	uint64_t now = vh_now_ns();

	if (c->rx.first_byte_ns != 0 && now >= c->rx.first_byte_ns + p->msg_deadline_ms * NS_PER_MS)
		close_for(c, VH_V_MSG_TIMEOUT, c->rx.got, p->msg_deadline_ms);
	else if (c->out.head != NULL && now >= c->out.progress_ns + p->reply_deadline_ms * NS_PER_MS)
		close_for(c, VH_V_REPLY_TIMEOUT, c->out.nr, p->reply_deadline_ms);
}

static void
flush_out(struct vh_conn *c)
{
	int rc = c->out.head != NULL ? vh_out_flush(&c->out, c->fd, vh_now_ns()) : 0;

	if (rc < 0 && rc != -EAGAIN)
		close_for(c, VH_V_REPLY_FAILED, (uint64_t)-rc, 0);
}

/* What the owner of an idle connection does next, in this order (S6, M3). */
static void
next_program(struct vh_conn *c)
{
	uint64_t resume = 0;

	if (!c->close && __atomic_exchange_n(&c->report, 0, __ATOMIC_ACQUIRE) != 0) {
		vh_steps_start(c, vh_report_program);
		return;
	}
	if (!c->close && c->out.nr < c->dev->policy->pending_replies) {
		resume = vh_bucket_take(&c->rate, c->dev->policy->ctl_rate, c->dev->policy->ctl_burst,
				vh_now_ns());
		if (resume == 0 && read_message(c) == 0) {
			vh_steps_start(c, vh_message_program);
			return;
		}
	}
	if (c->close) {
		vh_steps_start(c, vh_close_program);
		return;
	}
	if (go_idle(c))
		arm(c, resume);
}

void
vh_conn_program_done(struct vh_conn *c)
{
	bool gone = c->owner == VH_OWNER_GONE;

	if (gone) {
		vh_conn_put(c);
		return;
	}
	vh_message_release(c);
	/* one message a turn: others get theirs before this connection's next (HDR-16) */
	if (c->program == vh_message_program && !c->close) {
		if (go_idle(c))
			arm(c, 0);
		return;
	}
	next_program(c);
}

static void
on_ready(struct vh_source *s, uint32_t events)
{
	struct vh_conn *c = MAP_OF(s, source);

	if (!vh_token_take(c, VH_OWNER_IDLE))
		return;
	flush_out(c);
	check_deadlines(c);
	next_program(c);
}

static void
on_timer(struct vh_timer *t)
{
	struct vh_conn *c = MAP_OF(t, timer);

	if (vh_token_take(c, VH_OWNER_TIMER)) {
		vh_steps_run(c, VH_ON_IO);
		return;
	}
	if (!vh_token_take(c, VH_OWNER_IDLE))
		return;
	flush_out(c);
	check_deadlines(c);
	next_program(c);
}

void
vh_conn_arm(struct vh_conn *c)
{
	if (go_idle(c))
		arm(c, 0);
}

static void
on_attach(struct vh_task *t)
{
	struct vh_conn *c = MAP_OF(t, attach);

	if (vh_token_take(c, VH_OWNER_IO)) {
		if (vh_loop_add(vh_ctl_loop(), &c->source) < 0)
			c->close = true;
		next_program(c);
	}
	vh_conn_put(c);
}

/* A refused connection, or one that its own callback unregistered, goes the ordinary way on vhost-io. */
bool
vh_conn_open_in_caller(struct vh_conn *c)
{
	const struct rte_vhost_device_ops *ops = vh_conn_ops(c, "new_connection");
	bool refused = ops != NULL && ops->new_connection != NULL && ops->new_connection(c->dev->vid) < 0;

	c->announced = !refused;
	c->close = refused;
	if (refused)
		VH_LOG_CONFIG(ERR, c->dev->path, "application refused the connection");
	pthread_mutex_lock(&c->lock);
	c->owner = VH_OWNER_IO;
	if (c->drop_after) {
		c->announced = false;
		c->close = true;
	}
	pthread_mutex_unlock(&c->lock);
	c->attach.run = on_attach;
	vh_conn_get(c);
	vh_loop_post(vh_ctl_loop(), &c->attach);
	return !refused;
}

void
vh_conn_open(struct vh_conn *c)
{
	if (vh_loop_add(vh_ctl_loop(), &c->source) < 0)
		c->close = true;
	vh_steps_start(c, vh_open_program);
}

bool
vh_conn_reap(struct vh_conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	if (c->hung_up)
		return true;
	if (poll(&p, 1, 0) <= 0 || (p.revents & POLLHUP) == 0)
		return false;
	/* its remaining messages are carried out first; the end of file then ends it */
	if (vh_token_take(c, VH_OWNER_IDLE))
		next_program(c);
	return true;
}

/* Reports of data threads (report.c found the device). */
void
vh_conn_report(struct vh_conn *c)
{
	__atomic_store_n(&c->report, 1, __ATOMIC_RELEASE);
	if (vh_token_take(c, VH_OWNER_IDLE))
		next_program(c);
}
