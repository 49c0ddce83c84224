/* SPDX-License-Identifier: BSD-3-Clause */
/* The control path: handshakes, reconnects, memory tables under traffic, memory per connection. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_vhost.h>

#include "bench.h"

#define ROUNDS 40u
#define MOST 256u /* devices */
#define MOST_FDS 8192u
#define RECONNECT_MS 500u

static double samples[4096];

static double
us_since(uint64_t start)
{
	return (double)(rte_rdtsc() - start) * 1e6 / (double)rte_get_tsc_hz();
}

static struct fe_dev_cfg
small_device(enum fe_order order, unsigned int regions)
{
	struct fe_dev_cfg cfg = fe_dev_defaults();

	cfg.order = order;
	cfg.regions = regions;
	cfg.mem_size = (uint64_t)regions << 20;
	cfg.gap = 1 << 20;
	return cfg;
}

static struct number
number(const char *name, const char *unit, unsigned int n)
{
	double median = stat_median(samples, n);

	return (struct number){ name, unit, median, samples[n - 1], n };
}

/* Time of a whole handshake; the connection is closed and gone before the next. */
static int
handshakes(const char *name, struct fe_dev *dev, enum fe_order order, unsigned int regions, struct number *out)
{
	struct fe_dev_cfg cfg = small_device(order, regions);
	int rc = fe_dev_create(dev, &cfg);

	for (unsigned int i = 0; rc == 0 && i < ROUNDS; i++) {
		uint64_t start = rte_rdtsc();

		rc = fe_dev_connect(dev, link_path());
		samples[i] = us_since(start);
		if (rc == 0 && device_wait(link_path(), 2000) < 0)
			rc = -ETIMEDOUT;
		fe_dev_disconnect(dev);
		if (!device_wait_gone(link_path(), 2000))
			rc = -ETIMEDOUT;
	}
	fe_dev_destroy(dev);
	*out = number(name, "us", ROUNDS);
	return rc;
}

/* Connect, become ready, close, as fast as the back-end follows. */
static int
reconnects(struct fe_dev *dev, struct number *out)
{
	struct fe_dev_cfg cfg = small_device(FE_ORDER_QEMU, 1);
	uint64_t start = rte_rdtsc();
	unsigned int n = 0;
	int rc = fe_dev_create(dev, &cfg);

	while (rc == 0 && us_since(start) < RECONNECT_MS * 1000) {
		rc = fe_dev_connect(dev, link_path());
		if (rc == 0 && device_wait(link_path(), 2000) < 0)
			rc = -ETIMEDOUT;
		fe_dev_disconnect(dev);
		if (!device_wait_gone(link_path(), 2000))
			rc = -ETIMEDOUT;
		n++;
	}
	samples[0] = n * 1e6 / us_since(start);
	fe_dev_destroy(dev);
	*out = number("reconnects", "1/s", 1);
	return rc;
}

/* What the library holds: private memory of the process (guest memory is a file) and DPDK's heaps. */
static double
memory_kib(void)
{
	struct rte_malloc_socket_stats heap;
	char line[128];
	double kib = 0;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Anonymous: %lf", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	for (int i = 0; i < RTE_MAX_NUMA_NODES; i++)
		if (rte_malloc_get_socket_stats(i, &heap) == 0)
			kib += (double)heap.heap_allocsz_bytes / 1024;
	return kib;
}

/* Devices beside each other, each on a socket of its own. */
struct crowd {
	unsigned int n;
	struct fe_dev *devs;
	int *vids;
};

static const char *
crowd_path(unsigned int i)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/many%u.sock", opt.dir, i);
	return path;
}

static int
crowd_join(struct crowd *c)
{
	struct fe_dev_cfg cfg = small_device(FE_ORDER_VIRTIO_USER, 1);
	unsigned int i = c->n;
	int rc = device_listen(crowd_path(i));

	if (rc != 0)
		return rc;
	c->n++;
	rc = fe_dev_create(&c->devs[i], &cfg);
	if (rc == 0)
		rc = fe_dev_connect(&c->devs[i], crowd_path(i));
	c->vids[i] = rc == 0 ? device_wait(crowd_path(i), 2000) : -1;
	return rc == 0 && c->vids[i] < 0 ? -ETIMEDOUT : rc;
}

static void
crowd_leave(struct crowd *c)
{
	for (unsigned int i = 0; i < c->n; i++) {
		fe_dev_destroy(&c->devs[i]);
		device_wait_gone(crowd_path(i), 2000);
		device_unlisten(crowd_path(i));
	}
}

/* What a look at an empty ring costs when many take turns. */
static struct number
idle_polls(const struct crowd *c, struct rte_mempool *pool, const char *name)
{
	struct rte_mbuf *pkts[BENCH_MAX_BURST];
	unsigned int rounds = 2000;

	for (unsigned int r = 0; r < rounds; r++) {
		uint64_t start = rte_rdtsc();

		for (unsigned int i = 0; i < c->n; i++)
			rte_pktmbuf_free_bulk(pkts,
				rte_vhost_dequeue_burst(c->vids[i], 1, pool, pkts, BENCH_MAX_BURST));
		samples[r] = (double)(rte_rdtsc() - start) / c->n;
	}
	return number(name, "cycles", rounds);
}

/* 1, 8, 64 and 256 devices: memory of each, handshake of one more, idle polls. */
static int
crowds(struct fe_dev *one, struct rte_mempool *pool, struct number *out)
{
	static const struct {
		unsigned int n;
		const char *handshake, *poll;
	} steps[] = {
		{ 1, "handshake beside 1 device", "poll of an empty ring, 1 device" },
		{ 8, "handshake beside 8 devices", "poll of an empty ring, 8 devices" },
		{ 64, "handshake beside 64 devices", "poll of an empty ring, 64 devices" },
		{ MOST, "handshake beside 256 devices", "poll of an empty ring, 256 devices" },
	};
	struct crowd c = { .devs = calloc(MOST, sizeof(*c.devs)), .vids = calloc(MOST, sizeof(*c.vids)) };
	int rc = c.devs == NULL || c.vids == NULL ? -ENOMEM : 0, n = 0;
	double before = memory_kib();

	for (unsigned int s = 0; rc == 0 && s < sizeof(steps) / sizeof(steps[0]); s++) {
		while (rc == 0 && c.n < steps[s].n)
			rc = crowd_join(&c);
		if (rc == 0)
			rc = handshakes(steps[s].handshake, one, FE_ORDER_QEMU, 1, &out[n++]);
		if (rc == 0)
			out[n++] = idle_polls(&c, pool, steps[s].poll);
	}
	/* with the front-end's private part, which is the same whatever library is below */
	samples[0] = (memory_kib() - before) / MOST;
	out[n++] = number("memory per connection", "KiB", 1);
	crowd_leave(&c);
	free(c.devs);
	free(c.vids);
	return rc == 0 ? n : rc;
}

/* The device's side while the table changes: takes frames all the time. */
struct polling {
	int vid;
	struct rte_mempool *pool;
	bool stop;
	uint64_t taken;
};

/* The front-end's side of it. */
struct changer {
	struct link *link;
	struct polling *polling;
	struct fe_mem extra;
	unsigned int changes;
	double worst_gap;
	uint64_t sent;
	int rc;
};

/* Send the table (with the region that may come and go), keep the traffic going until the answer is there. */
static double
change_table(struct changer *c, bool with_extra)
{
	struct fe *fe = &c->link->dev.fe;
	struct fe_mem_table t = { .nregions = with_extra ? 2 : 1 };
	int fds[2] = { c->link->dev.mem.region[0].fd, c->extra.region[0].fd };
	struct pollfd p = { .fd = fe->fd, .events = POLLIN };
	uint64_t start = rte_rdtsc(), last = start;
	struct fe_msg msg;

	t.region[0] = c->link->dev.mem.region[0].r;
	t.region[1] = c->extra.region[0].r;
	t.region[1].gpa = UINT64_C(1) << 40;
	c->rc = fe_send(fe, FE_SET_MEM_TABLE, FE_NEED_REPLY, &t, 8 + 32 * t.nregions, fds, t.nregions);
	while (c->rc == 0 && poll(&p, 1, 0) == 0 && us_since(start) < 2e6) {
		int n = netq_sent(&c->link->tx);
		double gap = us_since(last);

		if (n > 0) {
			c->worst_gap = gap > c->worst_gap ? gap : c->worst_gap;
			last = rte_rdtsc();
		}
		if (netq_send(&c->link->tx, NULL, NULL, 64) == 0) {
			c->sent++;
			drv_publish(c->link->tx.ring);
		}
	}
	if (c->rc == 0)
		c->rc = fe_reply(fe, FE_SET_MEM_TABLE, 8, &msg);
	if (c->rc == 0 && msg.u64 != 0)
		c->rc = -EPROTO;
	return us_since(start);
}

static void *
change_tables(void *arg)
{
	struct changer *c = arg;
	uint64_t end;

	for (unsigned int i = 0; c->rc == 0 && i < c->changes; i++) {
		samples[i] = change_table(c, i % 2 == 0);
		for (uint64_t pause = rte_rdtsc(); us_since(pause) < 500;)
			if (netq_sent(&c->link->tx) < 0)
				c->rc = -EPROTO;
	}
	end = rte_rdtsc();
	while (c->link->tx.ring->in_flight > 0 && us_since(end) < 1e6)
		if (netq_sent(&c->link->tx) < 0)
			break;
	__atomic_store_n(&c->polling->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

static int
tables(struct link *l, struct number *out)
{
	struct cell cell = { .frame = 64, .burst = 32 };
	struct polling p = { .pool = l->pool };
	struct changer c = { .link = l, .polling = &p, .changes = 100 };
	pthread_t thread;
	int rc = link_open(l, &cell);

	p.vid = l->vid;
	if (rc == 0)
		rc = fe_mem_create(&c.extra, 1, 256 << 20, 0, 0, FE_MEM_MEMFD);
	if (rc != 0 || pthread_create(&thread, NULL, change_tables, &c) != 0)
		return -1;
	while (!__atomic_load_n(&p.stop, __ATOMIC_ACQUIRE)) {
		struct rte_mbuf *pkts[BENCH_MAX_BURST];
		uint16_t n = rte_vhost_dequeue_burst(p.vid, 1, p.pool, pkts, BENCH_MAX_BURST);

		rte_pktmbuf_free_bulk(pkts, n);
		p.taken += n;
	}
	pthread_join(thread, NULL);
	out[0] = number("memory table change under traffic", "us", c.changes);
	samples[0] = c.worst_gap;
	out[1] = number("longest pause of that traffic", "us", 1);
	samples[0] = (double)(c.sent - p.taken);
	out[2] = number("frames lost by it", "frames", 1);
	fe_mem_destroy(&c.extra);
	link_close(l);
	return c.rc;
}

static void
raise_fd_limit(void)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur < MOST_FDS) {
		most.rlim_cur = most.rlim_max < MOST_FDS ? most.rlim_max : MOST_FDS;
		setrlimit(RLIMIT_NOFILE, &most);
	}
}

int
control_run(struct rte_mempool *pool, struct number *out)
{
	static struct link link;
	struct fe_dev *dev = calloc(1, sizeof(*dev));
	int rc, n = 0;

	if (dev == NULL)
		return -ENOMEM;
	raise_fd_limit();
	link.pool = pool;
	rc = handshakes("handshake, order of QEMU", dev, FE_ORDER_QEMU, 1, &out[n++]);
	if (rc == 0)
		rc = handshakes("handshake, order of virtio-user", dev, FE_ORDER_VIRTIO_USER, 1, &out[n++]);
	if (rc == 0)
		rc = handshakes("handshake, 8 regions", dev, FE_ORDER_QEMU, 8, &out[n++]);
	if (rc == 0)
		rc = reconnects(dev, &out[n++]);
	if (rc == 0) {
		rc = tables(&link, &out[n]);
		n += 3;
	}
	if (rc == 0)
		rc = regions_run(pool, 1, "dequeue of 64 B frames from 1 region", &out[n++]);
	if (rc == 0)
		rc = regions_run(pool, 8, "dequeue of 64 B frames from 8 regions", &out[n++]);
	if (rc == 0) {
		rc = crowds(dev, pool, &out[n]);
		n += rc > 0 ? rc : 0;
		rc = rc > 0 ? 0 : rc;
	}
	free(dev);
	if (rc != 0)
		fprintf(stderr, "control numbers: %d (%s)\n", rc, rc < 0 ? strerror(-rc) : "refused");
	return rc == 0 ? n : -1;
}
