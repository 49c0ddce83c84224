/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registered paths: register, start, unregister (the API calls them "drivers").
 * May touch: the registry under its mutex, which is never held across callbacks or waits. Any ordinary thread, also
 * application callbacks.
 * Source: rte_vhost.h; api.md 2.1; rules H23..H28, H31, K18, K34
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"
#include "endpoint.h"
#include "log.h"
#include "sock.h"

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static struct vh_endpoint *endpoints[VH_MAX_ENDPOINTS];
static unsigned int nr_endpoints;

void
vh_registry_lock(void)
{
	pthread_mutex_lock(&registry);
}

void
vh_registry_unlock(void)
{
	pthread_mutex_unlock(&registry);
}

struct vh_endpoint *
vh_endpoint_find(const char *path)
{
	unsigned int i;

	for (i = 0; path != NULL && i < nr_endpoints; i++)
		if (strcmp(endpoints[i]->path, path) == 0)
			return endpoints[i];
	return NULL;
}

void
vh_endpoint_get(struct vh_endpoint *ep)
{
	__atomic_fetch_add(&ep->refs, 1, __ATOMIC_RELAXED);
}

void
vh_endpoint_put(struct vh_endpoint *ep)
{
	if (__atomic_sub_fetch(&ep->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(ep);
}

static const char *
why_flags_refused(uint64_t flags)
{
	if ((flags & RTE_VHOST_USER_ASYNC_COPY) != 0 &&
			(flags & (RTE_VHOST_USER_IOMMU_SUPPORT | RTE_VHOST_USER_POSTCOPY_SUPPORT)) != 0)
		return "asynchronous copy excludes IOMMU and postcopy support";
	return NULL;
}

/* K34: the flag is accepted, the feature behind it is not offered; say so once. */
static void
tell_not_offered(const char *path, uint64_t flags)
{
	if ((flags & RTE_VHOST_USER_IOMMU_SUPPORT) != 0)
		VH_LOG_CONFIG(INFO, path, "IOMMU support is not offered by this version");
	if ((flags & RTE_VHOST_USER_POSTCOPY_SUPPORT) != 0)
		VH_LOG_CONFIG(INFO, path, "postcopy is not offered by this version");
	if ((flags & RTE_VHOST_USER_ASYNC_COPY) != 0)
		VH_LOG_CONFIG(INFO, path, "asynchronous copy is not offered by this version");
}

static struct vh_endpoint *
create_endpoint(const char *path, uint64_t flags)
{
	struct vh_endpoint *ep = calloc(1, sizeof(*ep));
	char err[1024];

	if (ep == NULL)
		return NULL;
	if (vh_policy_from_env(&ep->policy, err, sizeof(err)) < 0) {
		VH_LOG_CONFIG(ERR, path, "HVHOST_OPTIONS: %s", err);
		free(ep);
		return NULL;
	}
	ep->fd = vh_sock_create();
	if (ep->fd < 0) {
		VH_LOG_CONFIG(ERR, path, "cannot create a socket: %s", strerror(-ep->fd));
		free(ep);
		return NULL;
	}
	ep->refs = 1;
	memcpy(ep->path, path, strlen(path) + 1);
	ep->client = (flags & RTE_VHOST_USER_CLIENT) != 0;
	ep->reconnect = ep->client && (flags & RTE_VHOST_USER_NO_RECONNECT) == 0;
	vh_settings_defaults(&ep->set, flags);
	ep->timer.fire = ep->client ? vh_connect_fire : vh_accept_fire;
	return ep;
}

static int
add_endpoint(struct vh_endpoint *ep)
{
	int rc = 0;

	vh_registry_lock();
	if (vh_endpoint_find(ep->path) != NULL)
		rc = -EEXIST;
	else if (nr_endpoints == VH_MAX_ENDPOINTS)
		rc = -ENOSPC;
	else
		endpoints[nr_endpoints++] = ep;
	ep->registered = rc == 0;
	vh_registry_unlock();
	return rc;
}

int
vh_endpoint_register(const char *path, uint64_t flags)
{
	struct vh_endpoint *ep;
	const char *why;
	int rc;

	if (path == NULL || path[0] == '\0') {
		VH_LOG_CONFIG(ERR, "no path", "not registered");
		return -1;
	}
	why = strlen(path) > VH_MAX_PATH ? "path longer than a socket address holds" : why_flags_refused(flags);
	if (why != NULL) {
		VH_LOG_CONFIG(ERR, path, "not registered: %s", why);
		return -1;
	}
	ep = create_endpoint(path, flags);
	if (ep == NULL)
		return -1;
	rc = add_endpoint(ep);
	if (rc < 0) {
		VH_LOG_CONFIG(ERR, path, "not registered: %s",
				rc == -EEXIST ? "the path is registered already" : "too many paths");
		close(ep->fd);
		vh_endpoint_put(ep);
		return -1;
	}
	VH_LOG_CONFIG(INFO, path, "vhost-user %s: socket created, fd: %d",
			ep->client ? "client" : "server", ep->fd);
	tell_not_offered(path, flags);
	return 0;
}

/* ---- start ---- */

static void
on_begin(struct vh_task *t)
{
	struct vh_endpoint *ep = (struct vh_endpoint *)((char *)t - offsetof(struct vh_endpoint, begin));

	if (!ep->ended && !ep->client)
		vh_accept_begin(ep);
	else if (!ep->ended)
		vh_connect_later(ep, ep->backoff_ms);
	vh_endpoint_put(ep);
}

static void
begin_on_io(struct vh_endpoint *ep)
{
	ep->begin.run = on_begin;
	vh_endpoint_get(ep);
	vh_loop_post(vh_ctl_loop(), &ep->begin);
}

static int
start_server(struct vh_endpoint *ep)
{
	int rc = vh_sock_listen(ep->fd, ep->path, VH_BACKLOG);

	if (rc < 0) {
		VH_LOG_CONFIG(ERR, ep->path, "failed to bind: %s%s", strerror(-rc),
				rc == -EADDRINUSE ? "; remove the file or stop who uses it, then start again" : "");
		return -1;
	}
	ep->bound = true;
	VH_LOG_CONFIG(INFO, ep->path, "binding succeeded");
	begin_on_io(ep);
	return 0;
}

static int
start_client(struct vh_endpoint *ep)
{
	int fd = vh_connect_try(ep);
	struct vh_conn *c;

	if (fd < 0) {
		VH_LOG_CONFIG(WARNING, ep->path, "failed to connect: %s", strerror(-fd));
		if (!ep->reconnect)
			return -1;
		VH_LOG_CONFIG(INFO, ep->path, "reconnecting...");
		ep->told_reconnecting = true;
		ep->backoff_ms = ep->policy.backoff_min_ms;
		begin_on_io(ep);
		return 0;
	}
	VH_LOG_CONFIG(INFO, ep->path, "connected");
	ep->connected_ns = vh_now_ns();
	c = vh_conn_create(ep, fd, VH_OWNER_CALLER);
	if (c == NULL) {
		close(fd);
		return -1;
	}
	(void)vh_conn_open_in_caller(c);
	return 0;
}

/* @return endpoint with a reference, marked started; NULL with the reason logged */
static struct vh_endpoint *
claim_start(const char *path)
{
	const char *why = NULL;
	struct vh_endpoint *ep;

	vh_registry_lock();
	ep = vh_endpoint_find(path);
	if (ep == NULL)
		why = "the path is not registered";
	else if (ep->started)
		why = "it is started already";
	else if (ep->set.ops == NULL)
		why = "no callbacks are registered (rte_vhost_driver_callback_register)";
	else {
		ep->started = true;
		vh_endpoint_get(ep);
	}
	vh_registry_unlock();
	if (why == NULL)
		return ep;
	VH_LOG_CONFIG(ERR, path != NULL ? path : "device", "not started: %s", why);
	return NULL;
}

int
vh_endpoint_start(const char *path)
{
	struct vh_endpoint *ep = claim_start(path);
	int rc;

	if (ep == NULL)
		return -1;
	rc = vh_ctl_start();
	if (rc == 0)
		rc = ep->client ? start_client(ep) : start_server(ep);
	if (rc != 0) {
		vh_registry_lock();
		ep->started = false;
		vh_registry_unlock();
		rc = -1;
	}
	vh_endpoint_put(ep);
	return rc;
}

/* ---- unregister ---- */

static void
end_endpoint(struct vh_endpoint *ep)
{
	ep->ended = true;
	if (ep->fd >= 0)
		close(ep->fd);
	ep->fd = -1;
	vh_endpoint_put(ep);
}

static void
on_end(struct vh_task *t)
{
	struct vh_endpoint *ep = (struct vh_endpoint *)((char *)t - offsetof(struct vh_endpoint, end));

	if (ep->listener.added)
		vh_loop_remove(vh_ctl_loop(), &ep->listener);
	vh_loop_cancel(vh_ctl_loop(), &ep->timer);
	end_endpoint(ep);
}

static struct vh_endpoint *
remove_endpoint(const char *path)
{
	struct vh_endpoint *ep;
	unsigned int i;

	ep = vh_endpoint_find(path);
	if (ep == NULL)
		return NULL;
	for (i = 0; endpoints[i] != ep; i++)
		;
	/* order is kept: the first of equal paths is the one that is found */
	memmove(&endpoints[i], &endpoints[i + 1], (nr_endpoints - i - 1) * sizeof(endpoints[0]));
	nr_endpoints--;
	ep->registered = false;
	return ep;
}

static struct vh_conn *
next_conn(struct vh_endpoint *ep, struct vh_conn *const *done, unsigned int nr_done)
{
	struct vh_conn *c;
	unsigned int i;

	vh_registry_lock();
	for (c = ep->conns; c != NULL; c = c->next) {
		for (i = 0; i < nr_done && done[i] != c; i++)
			;
		if (i == nr_done)
			break;
	}
	if (c != NULL)
		vh_conn_get(c);
	vh_registry_unlock();
	return c;
}

static bool
end_conns(struct vh_endpoint *ep)
{
	struct vh_conn *done[VH_MAX_DEVICES], *c; /* a connection is a device */
	unsigned int n = 0, i;
	bool ok = true;

	while (n < VH_MAX_DEVICES && (c = next_conn(ep, done, n)) != NULL) {
		ok = vh_conn_end_in_caller(c, ep->policy.api_wait_ms) && ok;
		done[n++] = c;
	}
	for (i = 0; i < n; i++)
		vh_conn_put(done[i]);
	return ok;
}

int
vh_endpoint_unregister(const char *path)
{
	struct vh_endpoint *ep;
	bool ok;

	vh_registry_lock();
	ep = remove_endpoint(path);
	vh_registry_unlock();
	if (ep == NULL) {
		VH_LOG_CONFIG(INFO, path != NULL ? path : "no path", "is not registered");
		return -1;
	}
	if (ep->bound)
		unlink(ep->path);
	if (vh_ctl_loop() == NULL) {
		end_endpoint(ep);
		return 0;
	}
	vh_endpoint_get(ep);
	ep->end.run = on_end;
	vh_loop_post(vh_ctl_loop(), &ep->end);
	ok = end_conns(ep);
	vh_endpoint_put(ep);
	return ok ? 0 : -1;
}
