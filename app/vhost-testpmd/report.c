/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the console prints. Console thread only. What our library adds is looked up at run time, so
 * that the program also runs on the stock one.
 */
#include "report.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_vhost.h>

#include "fwd.h"
#include "hvhost.h"

enum { STATS_MAX = 64, VIOLATIONS_MAX = 1024 };

typedef int (*violations_get_fn)(int vid, struct hvhost_violation_count *out, unsigned int n);
typedef const char *(*version_fn)(void);

static const char *const virtio_features[64] = {
	[0] = "csum", [1] = "guest_csum", [3] = "mtu", [5] = "mac", [6] = "gso",
	[7] = "guest_tso4", [8] = "guest_tso6", [9] = "guest_ecn", [10] = "guest_ufo",
	[11] = "host_tso4", [12] = "host_tso6", [13] = "host_ecn", [14] = "host_ufo",
	[15] = "mrg_rxbuf", [16] = "status", [17] = "ctrl_vq", [18] = "ctrl_rx",
	[19] = "ctrl_vlan", [21] = "guest_announce", [22] = "mq", [24] = "notify_on_empty",
	[26] = "log_all", [27] = "any_layout", [28] = "indirect_desc", [29] = "event_idx",
	[30] = "protocol_features", [32] = "version_1", [33] = "iommu_platform",
	[34] = "ring_packed", [35] = "in_order",
};

static const char *const protocol_features[64] = {
	[0] = "mq", [1] = "log_shmfd", [2] = "rarp", [3] = "reply_ack", [4] = "mtu",
	[5] = "backend_req", [6] = "cross_endian", [7] = "crypto_session", [8] = "pagefault",
	[9] = "config", [10] = "backend_send_fd", [11] = "host_notifier",
	[12] = "inflight_shmfd", [16] = "status",
};

static unsigned int console;

void
report_setup(void)
{
	console = rte_lcore_id();
	port_reader_register(console);
}

/* ---- port statistics ---- */

/* What was shown last, for the rates. */
struct shown {
	uint64_t when; /* TSC; 0: never */
	uint64_t count[NR_COUNTERS];
};
static struct shown shown[PORTS_MAX];

static uint64_t
per_second(const struct shown *before, const uint64_t *now, enum counter c, uint64_t ticks)
{
	if (before->when == 0 || ticks == 0 || now[c] < before->count[c])
		return 0;
	return (uint64_t)((double)(now[c] - before->count[c]) * (double)rte_get_tsc_hz() /
			  (double)ticks);
}

void
report_port_stats(struct port *p)
{
	struct shown *before = &shown[p->id];
	uint64_t now[NR_COUNTERS], when = rte_rdtsc(), ticks = when - before->when;

	fwd_port_stats(p, now);
	printf("\n  ---- statistics of port %u: %s ----\n", p->id, p->path);
	printf("  RX-packets: %-12" PRIu64 " RX-bytes:   %-14" PRIu64 "\n", now[RX_PACKETS],
	       now[RX_BYTES]);
	printf("  TX-packets: %-12" PRIu64 " TX-bytes:   %-14" PRIu64 " TX-dropped: %-12" PRIu64
	       " TX-unfit: %" PRIu64 "\n", now[TX_PACKETS], now[TX_BYTES], now[TX_DROPPED],
	       now[TX_UNFIT]);
	printf("  Bad-ipcsum: %-12" PRIu64 " Bad-l4csum: %-14" PRIu64 " Completed:  %-12" PRIu64
	       " Unknown:  %" PRIu64 "\n", now[CSUM_BAD_IP], now[CSUM_BAD_L4],
	       now[CSUM_COMPLETED], now[CSUM_UNKNOWN]);
	printf("  Devices:    %-12" PRIu64 " Interrupts: %-14" PRIu64 "\n",
	       atomic_load(&p->connected), atomic_load(&p->notified));
	printf("  Since the last time shown:\n");
	printf("  Rx-pps: %12" PRIu64 "   Rx-bps: %14" PRIu64 "\n",
	       per_second(before, now, RX_PACKETS, ticks),
	       8 * per_second(before, now, RX_BYTES, ticks));
	printf("  Tx-pps: %12" PRIu64 "   Tx-bps: %14" PRIu64 "\n",
	       per_second(before, now, TX_PACKETS, ticks),
	       8 * per_second(before, now, TX_BYTES, ticks));
	before->when = when;
	memcpy(before->count, now, sizeof(now));
}

void
report_clear(const struct port *p)
{
	int vid;

	fwd_clear_stats(p);
	memset(&shown[p->id], 0, sizeof(shown[p->id]));
	port_reader_begin(console);
	vid = port_vid(p);
	for (unsigned int ring = 0; vid >= 0 && ring < rte_vhost_get_vring_num(vid); ring++)
		rte_vhost_vring_stats_reset(vid, (uint16_t)ring);
	port_reader_end(console);
}

/* ---- ring statistics ---- */

struct ring_stats {
	int n; /* counters; <= 0: none */
	struct rte_vhost_stat_name names[STATS_MAX];
	struct rte_vhost_stat values[STATS_MAX];
};

static int
collect_ring_stats(const struct port *p, uint16_t ring, struct ring_stats *out)
{
	int vid, result = -1;

	out->n = 0;
	port_reader_begin(console);
	vid = port_vid(p);
	if (vid >= 0 && ring < rte_vhost_get_vring_num(vid)) {
		result = 0;
		out->n = rte_vhost_vring_stats_get_names(vid, ring, out->names, STATS_MAX);
		if (out->n <= STATS_MAX)
			out->n = RTE_MIN(out->n, rte_vhost_vring_stats_get(vid, ring, out->values,
									   STATS_MAX));
	}
	port_reader_end(console);
	return result;
}

void
report_vring_stats(const struct port *p)
{
	static struct ring_stats stats;
	unsigned int ring, nr_counters = 0, nr_shown = 0;

	printf("\n  ---- ring statistics of port %u (other than 0) ----\n", p->id);
	for (ring = 0; ring < RINGS_MAX; ring++) {
		if (collect_ring_stats(p, (uint16_t)ring, &stats) < 0)
			break;
		for (int i = 0; i < stats.n && i < STATS_MAX; i++) {
			nr_counters++;
			if (stats.values[i].value == 0)
				continue;
			printf("  %-40.*s %" PRIu64 "\n", RTE_VHOST_STATS_NAME_SIZE,
			       stats.names[i].name, stats.values[i].value);
			nr_shown++;
		}
	}
	if (ring == 0)
		printf("  no device\n");
	else if (nr_counters == 0)
		printf("  none are kept: see --flags stats\n");
	else if (nr_shown == 0)
		printf("  all are 0\n");
}

/* ---- vhost info ---- */

struct ring_info {
	bool enabled, known;
	uint16_t size, last_avail, last_used;
	int callfd, kickfd;
	uint16_t waiting;
};

struct device_info {
	int vid, numa, mtu_result;
	uint16_t mtu, nr_rings;
	uint64_t features, protocol;
	uint32_t nr_regions;
	uint64_t memory;
	struct ring_info rings[RINGS_MAX];
};

static void
collect_ring(int vid, uint16_t idx, struct ring_info *r)
{
	struct rte_vhost_vring vring;

	memset(r, 0, sizeof(*r));
	r->enabled = port_ring_enabled(vid, idx);
	if (rte_vhost_get_vhost_vring(vid, idx, &vring) != 0 ||
	    rte_vhost_get_vring_base(vid, idx, &r->last_avail, &r->last_used) != 0)
		return;
	r->known = true;
	r->size = vring.size;
	r->callfd = vring.callfd;
	r->kickfd = vring.kickfd;
	r->waiting = rte_vhost_avail_entries(vid, idx);
}

static void
collect_memory(struct device_info *d)
{
	struct rte_vhost_memory *mem = NULL;

	if (rte_vhost_get_mem_table(d->vid, &mem) != 0 || mem == NULL)
		return;
	d->nr_regions = mem->nregions;
	for (uint32_t i = 0; i < mem->nregions; i++)
		d->memory += mem->regions[i].size;
	free(mem); /* allocated by the library with malloc(), ours to free */
}

static void
collect_device(const struct port *p, struct device_info *d)
{
	memset(d, 0, sizeof(*d));
	port_reader_begin(console);
	d->vid = port_vid(p);
	if (d->vid >= 0) {
		d->numa = rte_vhost_get_numa_node(d->vid);
		d->mtu_result = rte_vhost_get_mtu(d->vid, &d->mtu);
		d->nr_rings = RTE_MIN(rte_vhost_get_vring_num(d->vid), RINGS_MAX);
		rte_vhost_get_negotiated_features(d->vid, &d->features);
		rte_vhost_get_negotiated_protocol_features(d->vid, &d->protocol);
		collect_memory(d);
		for (uint16_t i = 0; i < d->nr_rings; i++)
			collect_ring(d->vid, i, &d->rings[i]);
	}
	port_reader_end(console);
}

static void
print_bits(const char *title, uint64_t bits, const char *const names[64])
{
	printf("  %s: 0x%" PRIx64, title, bits);
	for (unsigned int i = 0; i < 64; i++) {
		if ((bits & 1ULL << i) == 0)
			continue;
		if (names[i] != NULL)
			printf(" %s", names[i]);
		else
			printf(" bit%u", i);
	}
	printf("\n");
}

static void
print_port_head(const struct port *p)
{
	printf("\n  ---- vhost info of port %u ----\n", p->id);
	printf("  socket: %s (%s)\n  registration flags: 0x%" PRIx64, p->path,
	       p->flags & RTE_VHOST_USER_CLIENT ? "client" : "server", p->flags);
	for (unsigned int i = 0; i < 64; i++)
		if ((p->flags & 1ULL << i) != 0 && options_flag_name(1ULL << i) != NULL)
			printf(" %s", options_flag_name(1ULL << i));
	printf("\n");
}

static void
print_fd(const char *name, int fd)
{
	if (fd >= 0)
		printf(" %s %d", name, fd);
	else
		printf(" no %s", name);
}

void
report_vhost_info(const struct port *p)
{
	static struct device_info d;

	collect_device(p, &d);
	print_port_head(p);
	if (d.vid < 0) {
		printf("  no device\n");
		return;
	}
	printf("  device: %d, NUMA node %d, %u rings\n", d.vid, d.numa, d.nr_rings);
	if (d.mtu_result == 0)
		printf("  MTU: %u\n", d.mtu);
	print_bits("features", d.features, virtio_features);
	print_bits("protocol features", d.protocol, protocol_features);
	printf("  memory: %u regions, %" PRIu64 " MiB\n", d.nr_regions, d.memory >> 20);
	for (uint16_t i = 0; i < d.nr_rings; i++) {
		const struct ring_info *r = &d.rings[i];

		if (!r->known)
			continue;
		printf("  ring %u (guest %s): size %u, %s, last avail %u, last used %u, "
		       "%u waiting,", i, i & 1 ? "transmits" : "receives", r->size,
		       r->enabled ? "enabled" : "disabled", r->last_avail, r->last_used,
		       r->waiting);
		print_fd("call fd", r->callfd);
		print_fd("kick fd", r->kickfd);
		printf("\n");
	}
}

/* ---- what only our library has ---- */

/* dlsym() returns an object pointer; ISO C has no cast from it to a function pointer. */
static violations_get_fn
find_violations_get(void)
{
	void *symbol = dlsym(RTLD_DEFAULT, "hvhost_violations_get");
	violations_get_fn fn = NULL;

	memcpy(&fn, &symbol, sizeof(fn));
	return fn;
}

void
report_library(void)
{
	void *symbol = dlsym(RTLD_DEFAULT, "hvhost_version");
	void *member = dlsym(RTLD_DEFAULT, "rte_vhost_driver_register");
	const char *from = "linked statically";
	char path[PATH_MAX];
	version_fn version = NULL;
	Dl_info info;

	if (member != NULL && dladdr(member, &info) != 0)
		from = realpath(info.dli_fname, path) != NULL ? path : info.dli_fname;
	memcpy(&version, &symbol, sizeof(version));
	printf("vhost library: %s: %s\n", from,
	       version != NULL ? version() : "not hardened-vhost (hvhost_version is missing)");
}

static const char *
decision_name(uint32_t decision)
{
	switch (decision) {
	case HVHOST_OBSERVE:
		return "observe";
	case HVHOST_DROP:
		return "drop";
	case HVHOST_STOP:
		return "stop";
	case HVHOST_CLOSE:
		return "close";
	default:
		return "?";
	}
}

static void
print_violations(int vid, const struct hvhost_violation_count *list, int n)
{
	unsigned int seen = 0;

	printf("\n  ---- violations of device %d ----\n", vid);
	for (int i = 0; i < n; i++) {
		if (list[i].count == 0)
			continue;
		printf("  %-32s %12" PRIu64 "  %s\n", list[i].name, list[i].count,
		       decision_name(list[i].decision));
		seen++;
	}
	if (seen == 0)
		printf("  none of the %d that are watched for\n", n);
}

int
report_violations(int vid)
{
	static struct hvhost_violation_count list[VIOLATIONS_MAX];
	violations_get_fn get = find_violations_get();
	int n;

	if (get == NULL) {
		printf("this vhost library does not count violations (hvhost_violations_get is missing)\n");
		return -1;
	}
	n = get(vid, list, VIOLATIONS_MAX);
	if (n < 0 || n > VIOLATIONS_MAX) {
		printf("no device %d\n", vid);
		return -2;
	}
	print_violations(vid, list, n);
	return 0;
}

int
report_all_violations(void)
{
	if (find_violations_get() == NULL)
		return report_violations(0);
	for (int vid = 0; vid < RTE_MAX_VHOST_DEVICE; vid++)
		if (port_of_vid(vid) != NULL)
			report_violations(vid);
	return 0;
}
