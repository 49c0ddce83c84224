/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Client paths: connect, and connect again: at once after a connection that lived for a second, else after a pause that
 * doubles from 10 ms to 1 s (K25, A033, V42).
 * May touch: endpoints, connections. `vhost-io`; the first attempt in the caller of start.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "log.h"
#include "sock.h"

#define NS_PER_MS UINT64_C(1000000)
#define LIVED_NS UINT64_C(1000000000)

int
vh_connect_try(struct vh_endpoint *ep)
{
	int fd, rc;

	if (ep->fd < 0)
		ep->fd = vh_sock_create();
	if (ep->fd < 0)
		return ep->fd;
	rc = vh_sock_connect(ep->fd, ep->path);
	if (rc < 0)
		return rc;
	fd = ep->fd;
	ep->fd = -1;
	return fd;
}

void
vh_connect_later(struct vh_endpoint *ep, uint32_t delay_ms)
{
	vh_loop_timer(vh_ctl_loop(), &ep->timer, vh_now_ns() + delay_ms * NS_PER_MS);
}

static void
back_off(struct vh_endpoint *ep)
{
	uint32_t ms = ep->backoff_ms;

	ep->backoff_ms = ms * 2 < ep->policy.backoff_max_ms ? ms * 2 : ep->policy.backoff_max_ms;
	if (ep->backoff_ms < ep->policy.backoff_min_ms)
		ep->backoff_ms = ep->policy.backoff_min_ms;
	vh_connect_later(ep, ep->backoff_ms);
}

static void
connected(struct vh_endpoint *ep, int fd)
{
	struct vh_conn *c;

	VH_LOG_CONFIG(INFO, ep->path, "connected");
	ep->told_reconnecting = false;
	ep->connected_ns = vh_now_ns();
	c = vh_conn_create(ep, fd, VH_OWNER_IO);
	if (c != NULL) {
		vh_conn_open(c);
		return;
	}
	vh_fd_close_later(fd);
	back_off(ep);
}

void
vh_connect_fire(struct vh_timer *t)
{
	struct vh_endpoint *ep = (struct vh_endpoint *)((char *)t - offsetof(struct vh_endpoint, timer));
	int fd;

	if (ep->ended)
		return;
	fd = vh_connect_try(ep);
	if (fd >= 0) {
		connected(ep, fd);
		return;
	}
	if (!ep->told_reconnecting) {
		VH_LOG_CONFIG(WARNING, ep->path, "failed to connect: %s", strerror(-fd));
		VH_LOG_CONFIG(INFO, ep->path, "reconnecting...");
		ep->told_reconnecting = true;
	}
	back_off(ep);
}

void
vh_connect_lost(struct vh_endpoint *ep)
{
	if (ep->ended || !ep->reconnect)
		return;
	if (vh_now_ns() - ep->connected_ns >= LIVED_NS) {
		ep->backoff_ms = 0;
		vh_connect_later(ep, 0);
	} else {
		back_off(ep);
	}
}
