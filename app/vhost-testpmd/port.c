/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vhost ports: registration, the library's callbacks, and which device a port has right now.
 * Callbacks run on the library's callback thread, or in the caller of ports_open and ports_close.
 */
#include "port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <rte_vhost.h>

struct port ports[PORTS_MAX];
unsigned int nr_ports;

enum ring_state {
	RING_OFF,
	RING_FRESH, /* enabled; kicks not yet turned off, which a callback must not do itself */
	RING_ON,
};

/* By vid; written by callbacks, read by anybody. */
struct guest {
	struct port *_Atomic port; /* NULL: not connected */
	bool refusal_told;         /* callback thread only */
	_Atomic uint16_t nr_receiving;
	_Atomic uint8_t rings[RINGS_MAX]; /* enum ring_state */
};

static struct guest guests[RTE_MAX_VHOST_DEVICE];
static struct rte_rcu_qsbr *readers;

static bool
vid_valid(int vid)
{
	return vid >= 0 && vid < RTE_MAX_VHOST_DEVICE;
}

struct port *
port_of_vid(int vid)
{
	return vid_valid(vid) ? atomic_load(&guests[vid].port) : NULL;
}

bool
port_ring_enabled(int vid, uint16_t ring)
{
	return atomic_load_explicit(&guests[vid].rings[ring], memory_order_relaxed) != RING_OFF;
}

uint16_t
port_receiving_pairs(int vid)
{
	return atomic_load_explicit(&guests[vid].nr_receiving, memory_order_relaxed);
}

bool
port_ring_usable(int vid, uint16_t ring)
{
	_Atomic uint8_t *state = &guests[vid].rings[ring];
	uint8_t now = atomic_load_explicit(state, memory_order_relaxed);

	if (likely(now == RING_ON))
		return true;
	if (now == RING_OFF)
		return false;
	/* We poll: a kick would only cost the guest an exit. */
	if (atomic_compare_exchange_strong(state, &now, RING_ON))
		rte_vhost_enable_guest_notification(vid, ring, 0);
	return true;
}

/* ---- readers ---- */

void
port_reader_register(unsigned int id)
{
	rte_rcu_qsbr_thread_register(readers, id);
}

void
port_reader_unregister(unsigned int id)
{
	rte_rcu_qsbr_thread_unregister(readers, id);
}

void
port_reader_begin(unsigned int id)
{
	rte_rcu_qsbr_thread_online(readers, id);
}

void
port_reader_quiescent(unsigned int id)
{
	rte_rcu_qsbr_quiescent(readers, id);
}

void
port_reader_end(unsigned int id)
{
	rte_rcu_qsbr_thread_offline(readers, id);
}

/* Sleeps instead of spinning: the reader may need the very CPU that we run on. */
static void
wait_for_readers(void)
{
	uint64_t token = rte_rcu_qsbr_start(readers);

	while (rte_rcu_qsbr_check(readers, token, false) == 0)
		usleep(20);
}

static int
readers_create(void)
{
	size_t bytes = rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE);

	readers = rte_zmalloc("vtp_readers", bytes, RTE_CACHE_LINE_SIZE);
	if (readers == NULL || rte_rcu_qsbr_init(readers, RTE_MAX_LCORE) != 0) {
		fprintf(stderr, "no memory for the list of readers\n");
		return -1;
	}
	return 0;
}

/* ---- callbacks ---- */

static struct port *
port_by_path(int vid)
{
	char path[PATH_BYTES];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return NULL;
	for (unsigned int i = 0; i < nr_ports; i++)
		if (strcmp(ports[i].path, path) == 0)
			return &ports[i];
	return NULL;
}

static void
rings_reset(struct guest *g)
{
	for (unsigned int i = 0; i < RINGS_MAX; i++)
		atomic_store(&g->rings[i], RING_OFF);
	atomic_store(&g->nr_receiving, 0);
}

static int
on_new_connection(int vid)
{
	struct port *p = vid_valid(vid) ? port_by_path(vid) : NULL;

	if (p == NULL)
		return -1;
	rings_reset(&guests[vid]);
	guests[vid].refusal_told = false;
	atomic_store(&guests[vid].port, p);
	return 0;
}

static void
on_destroy_connection(int vid)
{
	if (vid_valid(vid))
		atomic_store(&guests[vid].port, NULL);
}

static int
on_new_device(int vid)
{
	struct port *p = port_of_vid(vid);
	uint64_t features = 0;

	if (p == NULL)
		return -1;
	if (atomic_load(&p->vid) >= 0) {
		if (!guests[vid].refusal_told)
			RTE_LOG(WARNING, USER1, "port %u has a device already, vid %d refused\n",
				p->id, vid);
		guests[vid].refusal_told = true;
		return -1;
	}
	rte_vhost_get_negotiated_features(vid, &features);
	atomic_store(&p->features, features);
	atomic_store(&p->guest_mac, 0);
	atomic_fetch_add(&p->connected, 1);
	atomic_store(&p->vid, vid);
	RTE_LOG(INFO, USER1, "port %u: device %d started, features 0x%" PRIx64 "\n", p->id, vid,
		features);
	return 0;
}

static void
on_destroy_device(int vid)
{
	struct port *p = port_of_vid(vid);
	int expected = vid;

	if (p == NULL || !atomic_compare_exchange_strong(&p->vid, &expected, -1))
		return;
	wait_for_readers();
	RTE_LOG(INFO, USER1, "port %u: device %d stopped\n", p->id, vid);
}

/* Runs with the rings held: no library call on them, and no waiting for readers. */
static int
on_vring_state_changed(int vid, uint16_t ring, int enable)
{
	struct guest *g;
	uint16_t n = 0;

	if (!vid_valid(vid) || ring >= RINGS_MAX)
		return -1;
	g = &guests[vid];
	atomic_store(&g->rings[ring], enable ? RING_FRESH : RING_OFF);
	while (n < PAIRS_MAX && port_ring_enabled(vid, 2 * n))
		n++;
	atomic_store(&g->nr_receiving, n);
	return 0;
}

static void
on_guest_notified(int vid)
{
	struct port *p = port_of_vid(vid);

	if (p != NULL)
		atomic_fetch_add_explicit(&p->notified, 1, memory_order_relaxed);
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = on_new_device,
	.destroy_device = on_destroy_device,
	.vring_state_changed = on_vring_state_changed,
	.new_connection = on_new_connection,
	.destroy_connection = on_destroy_connection,
	.guest_notified = on_guest_notified,
};

/* ---- registration ---- */

/* A socket file that nobody listens on is left over from a process that was killed: the library
 * rightly never removes a file it did not make, so that is done here. */
static void
remove_stale_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

static int
set_features(const struct port *p, const struct options *o)
{
	uint64_t unwanted = 0;

	if (!o->tso)
		unwanted |= 1ULL << VIRTIO_NET_F_HOST_TSO4 | 1ULL << VIRTIO_NET_F_HOST_TSO6;
	/* With one pair polled, a guest must not spread its packets over more. */
	if (o->nr_pairs == 1)
		unwanted |= 1ULL << VIRTIO_NET_F_MQ;
	return unwanted == 0 ? 0 : rte_vhost_driver_disable_features(p->path, unwanted);
}

static int
port_open(struct port *p, const struct options *o)
{
	const char *step = "register";

	if ((p->flags & RTE_VHOST_USER_CLIENT) == 0)
		remove_stale_socket(p->path);
	if (rte_vhost_driver_register(p->path, p->flags) != 0)
		goto failed;
	p->registered = true;
	step = "set the features of";
	if (set_features(p, o) != 0)
		goto failed;
	step = "set the callbacks of";
	if (rte_vhost_driver_callback_register(p->path, &device_ops) != 0)
		goto failed;
	step = "start";
	if (rte_vhost_driver_start(p->path) != 0)
		goto failed;
	return 0;
failed:
	fprintf(stderr, "port %u: cannot %s %s\n", p->id, step, p->path);
	return -1;
}

int
ports_open(const struct options *o)
{
	if (readers_create() < 0)
		return -1;
	for (unsigned int i = 0; i < o->nr_ports; i++) {
		struct port *p = &ports[i];

		p->id = (uint16_t)i;
		strcpy(p->path, o->paths[i]);
		p->flags = o->flags;
		p->mac = (struct rte_ether_addr){ { 0x02, 0x76, 0x68, 0, 0, (uint8_t)i } };
		atomic_store(&p->vid, -1);
	}
	nr_ports = o->nr_ports; /* before any callback can look for its port */
	for (unsigned int i = 0; i < nr_ports; i++) {
		if (port_open(&ports[i], o) < 0) {
			ports_close();
			return -1;
		}
	}
	return 0;
}

int
ports_close(void)
{
	int result = 0;

	for (unsigned int i = 0; i < nr_ports; i++) {
		if (!ports[i].registered)
			continue;
		ports[i].registered = false;
		if (rte_vhost_driver_unregister(ports[i].path) != 0) {
			fprintf(stderr, "port %u: %s was not unregistered\n", i, ports[i].path);
			result = -1;
		}
	}
	/* The list of readers stays: a callback of a port that was not unregistered may need it. */
	return result;
}
