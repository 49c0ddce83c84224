/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Server paths: accept, at a bounded rate and number per path (conn.rate, conn.per_socket); what is too much stays in
 * the listen backlog.
 * May touch: endpoints, connections. `vhost-io`.
 * Rules: A028..A032
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>

#include "ctl.h"
#include "endpoint.h"
#include "log.h"
#include "sock.h"

#define RETRY_NS UINT64_C(100000000)
#define REAP_NS UINT64_C(1000000)

static void
pause_until(struct vh_endpoint *ep, uint64_t at_ns)
{
	vh_loop_timer(vh_ctl_loop(), &ep->timer, at_ns);
}

static void
take(struct vh_endpoint *ep, int fd)
{
	struct vh_conn *c;

	VH_LOG_CONFIG(INFO, ep->path, "new vhost user connection is %d", fd);
	c = vh_conn_create(ep, fd, VH_OWNER_IO);
	if (c == NULL)
		vh_fd_close_later(fd);
	else
		vh_conn_open(c);
}

/*
 * A connection of the path that has hung up goes first: applications match devices by path, and its vid is the lowest
 * free one again (M4, K6). @return true while there is one
 */
static bool
reap_hung_up(struct vh_endpoint *ep)
{
	struct vh_conn *c, *list[VH_MAX_DEVICES];
	unsigned int n = 0, i;
	bool busy = false;

	vh_registry_lock();
	for (c = ep->conns; c != NULL && n < VH_MAX_DEVICES; c = c->next)
		list[n++] = c;
	vh_registry_unlock();
	/* connections are freed on this thread only, after the event batch: the pointers stay good */
	for (i = 0; i < n; i++)
		busy = vh_conn_reap(list[i]) || busy;
	return busy;
}

static void
on_listener(struct vh_source *s, uint32_t events)
{
	struct vh_endpoint *ep = (struct vh_endpoint *)((char *)s - offsetof(struct vh_endpoint, listener));
	uint64_t now = vh_now_ns(), at;
	int fd;

	if (ep->nr_conns >= ep->policy.conn_per_socket) {
		pause_until(ep, now + RETRY_NS);
		return;
	}
	if (reap_hung_up(ep)) {
		pause_until(ep, now + REAP_NS);
		return;
	}
	at = vh_bucket_take(&ep->accepts, ep->policy.conn_rate, ep->policy.conn_burst, now);
	if (at != 0) {
		pause_until(ep, at);
		return;
	}
	fd = vh_sock_accept(ep->fd);
	if (fd >= 0)
		take(ep, fd);
	else if (fd != -EAGAIN) {
		/* out of fds or memory: the peer waits in the backlog, this thread does not spin (A032) */
		VH_LOG_CONFIG(ERR, ep->path, "cannot accept: %s", strerror(-fd));
		pause_until(ep, now + RETRY_NS);
		return;
	}
	vh_loop_arm(vh_ctl_loop(), &ep->listener, EPOLLIN);
}

void
vh_accept_fire(struct vh_timer *t)
{
	struct vh_endpoint *ep = (struct vh_endpoint *)((char *)t - offsetof(struct vh_endpoint, timer));

	vh_loop_arm(vh_ctl_loop(), &ep->listener, EPOLLIN);
}

void
vh_accept_begin(struct vh_endpoint *ep)
{
	ep->listener.fd = ep->fd;
	ep->listener.ready = on_listener;
	if (vh_loop_add(vh_ctl_loop(), &ep->listener) < 0) {
		VH_LOG_CONFIG(ERR, ep->path, "cannot watch the listening socket");
		return;
	}
	vh_loop_arm(vh_ctl_loop(), &ep->listener, EPOLLIN);
}
