/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding: streams, the lcores that run them, their statistics.
 * Set-up, start, stop and reading of statistics belong to the console thread.
 */
#include "fwd.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_vhost.h>

#include "modes.h"
#include "offload.h"

/* A worker lcore. */
struct lane {
	unsigned int lcore;
	unsigned int nr_streams;
	struct stream **streams;
	uint16_t nr_frames;
	struct rte_mbuf *frames[BURST_MAX]; /* txonly */
} __rte_cache_aligned;

enum { MBUFS_BASE = 4096, MBUFS_PER_LCORE = 4096, MBUF_CACHE = 256, IDLE_SLEEP_US = 100 };

static struct stream *streams;
static unsigned int nr_streams;
static struct lane *lanes;
static unsigned int nr_lanes;
static struct rte_mempool *pool;
static uint16_t burst, frame_len;
static const struct fwd_mode *mode;
static uint64_t cleared[PORTS_MAX][NR_COUNTERS];
static bool running;
static _Atomic bool stop_wanted;

/* ---- one turn ---- */

uint16_t
stream_receive(struct stream *s, struct rte_mbuf **pkts)
{
	uint16_t ring = 2 * s->pair + 1, n;
	int vid = port_vid(s->rx);
	uint64_t bytes = 0;

	if (vid < 0 || !port_ring_usable(vid, ring))
		return 0;
	n = rte_vhost_dequeue_burst(vid, ring, pool, pkts, burst);
	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	stream_count(s, RX_PACKETS, n);
	stream_count(s, RX_BYTES, bytes);
	return n;
}

/* Move what the guest cannot take to the end; the others keep their order. */
static uint16_t
sort_out_unfit(struct port *tx, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t features = atomic_load_explicit(&tx->features, memory_order_relaxed);
	struct rte_mbuf *unfit[BURST_MAX];
	uint16_t nr_fit = 0, nr_unfit = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		if (likely(!offload_asked(m)) || offload_fit(m, features) == 0)
			pkts[nr_fit++] = m;
		else
			unfit[nr_unfit++] = m;
	}
	for (uint16_t i = 0; i < nr_unfit; i++)
		pkts[nr_fit + i] = unfit[i];
	return nr_fit;
}

static uint16_t
enqueue(struct port *tx, uint16_t pair, struct rte_mbuf **pkts, uint16_t n)
{
	int vid = port_vid(tx);
	uint16_t pairs, ring;

	if (vid < 0)
		return 0;
	pairs = port_receiving_pairs(vid);
	if (pairs == 0)
		return 0;
	ring = 2 * (pair % pairs);
	return rte_vhost_enqueue_burst(vid, ring, pkts, n);
}

void
stream_offer(struct stream *s, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t fit = sort_out_unfit(s->tx, pkts, n);
	uint16_t sent = fit > 0 ? enqueue(s->tx, s->pair, pkts, fit) : 0;
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < sent; i++)
		bytes += pkts[i]->pkt_len;
	stream_count(s, TX_PACKETS, sent);
	stream_count(s, TX_BYTES, bytes);
	stream_count(s, TX_DROPPED, fit - sent);
	stream_count(s, TX_UNFIT, n - fit);
}

struct rte_mbuf **
stream_frames(struct stream *s, uint16_t *n)
{
	*n = s->lane->nr_frames;
	return s->lane->frames;
}

/* ---- lcores ---- */

static bool
has_device(const struct lane *lane)
{
	for (unsigned int i = 0; i < lane->nr_streams; i++)
		if (port_vid(lane->streams[i]->rx) >= 0)
			return true;
	return false;
}

static int
lane_run(void *arg)
{
	struct lane *lane = arg;

	port_reader_begin(lane->lcore);
	while (!atomic_load_explicit(&stop_wanted, memory_order_relaxed)) {
		unsigned int work = 0;

		for (unsigned int i = 0; i < lane->nr_streams; i++)
			work += mode->turn(lane->streams[i]);
		port_reader_quiescent(lane->lcore);
		if (work == 0 && !has_device(lane))
			rte_delay_us_sleep(IDLE_SLEEP_US);
	}
	port_reader_end(lane->lcore);
	return 0;
}

static void
lanes_drop_frames(void)
{
	for (unsigned int i = 0; i < nr_lanes; i++) {
		rte_pktmbuf_free_bulk(lanes[i].frames, lanes[i].nr_frames);
		lanes[i].nr_frames = 0;
	}
}

static int
lanes_make_frames(void)
{
	for (unsigned int i = 0; i < nr_lanes; i++) {
		if (rte_pktmbuf_alloc_bulk(pool, lanes[i].frames, burst) != 0) {
			lanes_drop_frames();
			return -1;
		}
		lanes[i].nr_frames = burst;
		for (uint16_t k = 0; k < burst; k++)
			mode_fill_frame(lanes[i].frames[k], frame_len);
	}
	return 0;
}

bool
fwd_running(void)
{
	return running;
}

int
fwd_start(void)
{
	if (running)
		return -1;
	if (mode->makes_frames && lanes_make_frames() < 0)
		return -2;
	atomic_store(&stop_wanted, false);
	for (unsigned int i = 0; i < nr_lanes; i++)
		rte_eal_remote_launch(lane_run, &lanes[i], lanes[i].lcore);
	running = true;
	return 0;
}

int
fwd_stop(void)
{
	if (!running)
		return -1;
	atomic_store(&stop_wanted, true);
	rte_eal_mp_wait_lcore();
	lanes_drop_frames();
	running = false;
	return 0;
}

int
fwd_set_mode(const char *name)
{
	const struct fwd_mode *found = mode_by_name(name);

	if (found == NULL)
		return -1;
	mode = found;
	return 0;
}

const char *
fwd_mode_name(void)
{
	return mode->name;
}

/* ---- statistics ---- */

/* Receive and checksum counters belong to the port that received, others to the one that sent. */
static bool
counts_for(const struct stream *s, const struct port *p, unsigned int counter)
{
	switch (counter) {
	case TX_PACKETS:
	case TX_BYTES:
	case TX_DROPPED:
	case TX_UNFIT:
		return s->tx == p;
	default:
		return s->rx == p;
	}
}

static void
sum_port(const struct port *p, uint64_t out[NR_COUNTERS])
{
	for (unsigned int c = 0; c < NR_COUNTERS; c++) {
		out[c] = 0;
		for (unsigned int i = 0; i < nr_streams; i++)
			if (counts_for(&streams[i], p, c))
				out[c] += atomic_load_explicit(&streams[i].count[c],
							       memory_order_relaxed);
	}
}

void
fwd_port_stats(const struct port *p, uint64_t out[NR_COUNTERS])
{
	sum_port(p, out);
	for (unsigned int c = 0; c < NR_COUNTERS; c++)
		out[c] -= cleared[p->id][c];
}

void
fwd_clear_stats(const struct port *p)
{
	sum_port(p, cleared[p->id]);
}

/* ---- set-up ---- */

static int
lanes_create(void)
{
	unsigned int lcore, i = 0;

	nr_lanes = rte_lcore_count() - 1;
	if (nr_lanes == 0) {
		fprintf(stderr, "two lcores are needed: one for the console, others to forward\n");
		return -1;
	}
	if (nr_lanes > nr_streams)
		nr_lanes = nr_streams;
	lanes = rte_zmalloc("vtp_lanes", nr_lanes * sizeof(*lanes), RTE_CACHE_LINE_SIZE);
	if (lanes == NULL)
		return -1;
	RTE_LCORE_FOREACH_WORKER(lcore) {
		struct lane *lane = &lanes[i];

		lane->lcore = lcore;
		lane->streams = calloc(nr_streams / nr_lanes + 1, sizeof(*lane->streams));
		if (lane->streams == NULL)
			return -1;
		port_reader_register(lcore);
		if (++i == nr_lanes)
			break;
	}
	return 0;
}

static void
streams_spread(void)
{
	for (unsigned int i = 0; i < nr_streams; i++) {
		struct lane *lane = &lanes[i % nr_lanes];

		streams[i].lane = lane;
		lane->streams[lane->nr_streams++] = &streams[i];
	}
}

static int
streams_create(const struct options *o)
{
	nr_streams = nr_ports * o->nr_pairs;
	streams = rte_zmalloc("vtp_streams", nr_streams * sizeof(*streams), RTE_CACHE_LINE_SIZE);
	if (streams == NULL)
		return -1;
	for (unsigned int i = 0; i < nr_streams; i++) {
		unsigned int port = i % nr_ports, partner = port ^ 1;

		streams[i].rx = &ports[port];
		streams[i].tx = &ports[partner < nr_ports ? partner : port];
		streams[i].pair = (uint16_t)(i / nr_ports);
	}
	return 0;
}

int
fwd_setup(const struct options *o)
{
	unsigned int nr_mbufs = o->nr_mbufs;

	burst = (uint16_t)o->burst;
	frame_len = (uint16_t)o->frame_len;
	if (streams_create(o) < 0 || lanes_create() < 0) {
		fprintf(stderr, "forwarding was not set up\n");
		return -1;
	}
	streams_spread();
	if (nr_mbufs == 0)
		nr_mbufs = MBUFS_BASE + nr_lanes * MBUFS_PER_LCORE;
	pool = rte_pktmbuf_pool_create("vtp_packets", nr_mbufs, RTE_MIN(MBUF_CACHE, nr_mbufs / 4),
				       0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (pool == NULL) {
		fprintf(stderr, "no memory for %u packet buffers\n", nr_mbufs);
		return -1;
	}
	return 0;
}

void
fwd_teardown(void)
{
	for (unsigned int i = 0; i < nr_lanes && lanes != NULL; i++) {
		if (lanes[i].streams != NULL)
			port_reader_unregister(lanes[i].lcore);
		free(lanes[i].streams);
	}
	rte_free(lanes);
	rte_free(streams);
	rte_mempool_free(pool);
}

void
fwd_print_config(void)
{
	printf("%s packet forwarding, %u ports, %u streams, burst %u, %s\n", mode->name, nr_ports,
	       nr_streams, burst, running ? "running" : "stopped");
	for (unsigned int i = 0; i < nr_lanes; i++) {
		printf("lcore %u:\n", lanes[i].lcore);
		for (unsigned int k = 0; k < lanes[i].nr_streams; k++) {
			const struct stream *s = lanes[i].streams[k];

			printf("  port %u pair %u -> port %u\n", s->rx->id, s->pair, s->tx->id);
		}
	}
}
