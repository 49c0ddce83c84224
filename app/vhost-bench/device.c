/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end's side: sockets and callbacks through the public API only. */
#include <string.h>
#include <unistd.h>

#include <rte_vhost.h>

#include "bench.h"

#define MAX_PATHS 512u

/* One per registered path; written by the library's callbacks, read by the others. */
static struct slot {
	char path[108];
	int vid; /* -1: no running device */
} slots[MAX_PATHS];

static struct slot *
slot_of(const char *path)
{
	for (unsigned int i = 0; i < MAX_PATHS; i++)
		if (strcmp(slots[i].path, path) == 0)
			return &slots[i];
	return NULL;
}

static void
set_vid(int vid, int value)
{
	char path[108];
	struct slot *s;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return;
	s = slot_of(path);
	if (s != NULL)
		__atomic_store_n(&s->vid, value, __ATOMIC_RELEASE);
}

static int
on_new(int vid)
{
	rte_vhost_enable_guest_notification(vid, 0, 0);
	rte_vhost_enable_guest_notification(vid, 1, 0);
	set_vid(vid, vid);
	return 0;
}

static void
on_destroy(int vid)
{
	set_vid(vid, -1);
}

static const struct rte_vhost_device_ops ops = {
	.new_device = on_new,
	.destroy_device = on_destroy,
};

int
device_listen(const char *path)
{
	uint64_t flags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
	struct slot *s = slot_of("");

	if (s == NULL)
		return -1;
	/* what net_vhost and Open vSwitch register with */
	if (!opt.no_stats)
		flags |= RTE_VHOST_USER_NET_STATS_ENABLE;
	unlink(path);
	s->vid = -1;
	if (rte_vhost_driver_register(path, flags) != 0)
		return -1;
	snprintf(s->path, sizeof(s->path), "%s", path);
	if (rte_vhost_driver_callback_register(path, &ops) == 0 && rte_vhost_driver_start(path) == 0)
		return 0;
	device_unlisten(path);
	return -1;
}

void
device_unlisten(const char *path)
{
	struct slot *s = slot_of(path);

	rte_vhost_driver_unregister(path);
	unlink(path);
	if (s != NULL)
		s->path[0] = '\0';
}

int
device_wait(const char *path, unsigned int ms)
{
	struct slot *s = slot_of(path);

	for (unsigned int us = 0; s != NULL && us < ms * 1000; us += 50) {
		int vid = __atomic_load_n(&s->vid, __ATOMIC_ACQUIRE);

		if (vid >= 0)
			return vid;
		usleep(50);
	}
	return -1;
}

bool
device_wait_gone(const char *path, unsigned int ms)
{
	struct slot *s = slot_of(path);

	for (unsigned int us = 0; s != NULL && us < ms * 1000; us += 50) {
		if (__atomic_load_n(&s->vid, __ATOMIC_ACQUIRE) < 0)
			return true;
		usleep(50);
	}
	return false;
}
