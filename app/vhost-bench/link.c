/* SPDX-License-Identifier: BSD-3-Clause */
/* A front-end connected to the device for one negotiated set, with its frames and buffers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define LARGE_RING 1024u /* frames above one buffer */
#define SMALL_RING 256u
#define GUEST_MEMORY (32u << 20)

const char *
link_path(void)
{
	static char path[108];

	if (path[0] == '\0')
		snprintf(path, sizeof(path), "%s/link.sock", opt.dir);
	return path;
}

uint64_t
cell_features(const struct cell *c)
{
	uint64_t f = FE_F_VERSION_1 | FE_F_PROTOCOL;

	if (c->packed)
		f |= FE_F_PACKED;
	if (c->mergeable)
		f |= FE_F_MRG_RXBUF;
	if (c->in_order)
		f |= FE_F_IN_ORDER;
	if (c->indirect)
		f |= FE_F_INDIRECT;
	/* the others run without offloads, as DPDK's own driver does by default */
	if (c->frame == BENCH_TSO)
		f |= FE_F_CSUM | FE_F_HOST_TSO4;
	return f;
}

static struct fe_dev_cfg
dev_cfg(const struct cell *c)
{
	struct fe_dev_cfg cfg = fe_dev_defaults();

	cfg.features = cfg.require = cell_features(c);
	cfg.size = c->frame > 2000 ? LARGE_RING : SMALL_RING;
	cfg.max_table = c->indirect ? 32 : 0;
	cfg.mem_size = GUEST_MEMORY;
	cfg.kind = opt.no_huge ? FE_MEM_MEMFD : FE_MEM_HUGE;
	return cfg;
}

/* Receive buffers hold a whole small frame or a part of a large one; frames to send are cut at a page. */
static struct netq_cfg
queue_cfg(const struct cell *c, bool receive)
{
	struct netq_cfg q = { .hdr_len = 12, .mergeable = c->mergeable };

	q.how = c->indirect ? DRV_INDIRECT : DRV_DIRECT;
	q.shape = c->indirect ? NETQ_SPLIT : NETQ_ONE;
	if (receive || c->frame <= 2000)
		q.buf_size = 2048;
	else
		q.buf_size = (q.hdr_len + c->frame + 63) / 64 * 64;
	if (!receive && c->frame > 2000)
		q.element = c->frame == BENCH_TSO ? 4096 : 2048;
	return q;
}

/*
 * As many frames as a ring of 256 would hold, and so few that what one call touches stays in a core's own caches
 * and mbufs in the pool's cache: else other tenants of the machine would be measured.
 */
static unsigned int
frames_in_flight(const struct cell *c)
{
	if (c->frame <= 2000)
		return SMALL_RING;
	return c->frame == BENCH_TSO ? 16 : 32;
}

static int
make_queue(struct link *l, struct netq *q, bool receive)
{
	struct netq_cfg cfg = queue_cfg(&l->cell, receive);
	struct drv_ring *ring = &l->dev.ring[receive ? 0 : 1];
	unsigned int n = receive ? SMALL_RING : frames_in_flight(&l->cell);
	void *memory = fe_mem_alloc(&l->dev.mem, netq_bytes(&cfg, n));

	drv_interrupts(ring, false);
	if (memory == NULL)
		return -1;
	/* frames to send lie there for good; only their headers are written anew */
	for (unsigned int i = 0; !receive && i < n; i++)
		frame_make(&l->cell, (uint8_t *)memory + (size_t)i * cfg.buf_size + cfg.hdr_len, i, &l->hdr);
	return netq_init(q, &cfg, ring, memory, n);
}

/* What leaves through enqueue: a burst of frames with known contents. */
static int
make_mbufs(struct link *l)
{
	static uint8_t frame[BENCH_TSO];
	struct netq_hdr hdr;

	for (unsigned int i = 0; i < BENCH_MAX_BURST; i++) {
		uint32_t left = l->cell.frame, at = 0;
		struct rte_mbuf *m = NULL, *part;

		frame_make(&l->cell, frame, i, &hdr);
		while (left > 0) {
			uint16_t n = (uint16_t)(left < 2048 ? left : 2048);

			part = rte_pktmbuf_alloc(l->pool);
			if (part == NULL)
				return -1;
			memcpy(rte_pktmbuf_append(part, n), frame + at, n);
			if (m == NULL)
				m = part;
			else if (rte_pktmbuf_chain(m, part) != 0)
				return -1;
			at += n;
			left -= n;
		}
		l->out[i] = m;
	}
	return 0;
}

static bool
fits(const struct link *l, const struct cell *c)
{
	return l->open && cell_features(&l->cell) == cell_features(c) && l->cell.frame == c->frame;
}

int
link_open(struct link *l, const struct cell *c)
{
	struct fe_dev_cfg cfg = dev_cfg(c);
	int rc;

	if (fits(l, c))
		return 0;
	link_close(l);
	l->cell = *c;
	rc = fe_dev_create(&l->dev, &cfg);
	if (rc != 0) {
		fprintf(stderr, "guest memory: %s\n", strerror(-rc));
		return rc;
	}
	l->open = true;
	rc = fe_dev_connect(&l->dev, link_path());
	if (rc != 0) {
		fprintf(stderr, "handshake: %d (%s)\n", rc, rc < 0 ? strerror(-rc) : "refused");
		return -1;
	}
	l->vid = device_wait(link_path(), 2000);
	if (l->vid < 0 || make_queue(l, &l->rx, true) != 0 || make_queue(l, &l->tx, false) != 0 || make_mbufs(l) != 0) {
		fprintf(stderr, "no device, or no memory\n");
		return -1;
	}
	return 0;
}

void
link_close(struct link *l)
{
	if (!l->open)
		return;
	fe_dev_stop(&l->dev);
	fe_dev_disconnect(&l->dev);
	device_wait_gone(link_path(), 2000);
	netq_fini(&l->rx);
	netq_fini(&l->tx);
	fe_dev_destroy(&l->dev);
	for (unsigned int i = 0; i < BENCH_MAX_BURST; i++)
		rte_pktmbuf_free(l->out[i]);
	memset(l->out, 0, sizeof(l->out));
	l->open = false;
}
