/* SPDX-License-Identifier: BSD-3-Clause */
/* The well-behaved client. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pass.h"

#define BUFFER 2048u
#define MIN_FRAME 64u
#define MAX_FRAME 1514u

uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct fe_dev_cfg
pass_cfg(void)
{
	struct fe_dev_cfg cfg = fe_dev_defaults();

	cfg.mem_size = 8 << 20;
	cfg.regions = 2;
	cfg.gap = 1 << 20;
	cfg.guard = 64 << 10;
	cfg.shadow = true;
	return cfg;
}

int
pass_create(struct pass *p, const struct fe_dev_cfg *cfg)
{
	int rc;

	memset(p, 0, sizeof(*p));
	rc = fe_dev_create(&p->dev, cfg);
	p->rtt_us = malloc(PASS_SAMPLES * sizeof(*p->rtt_us));
	return rc == 0 && p->rtt_us == NULL ? -ENOMEM : rc;
}

static int
make_queue(struct pass *p, struct netq *q, unsigned int ring)
{
	const struct drv_cfg *r = &p->dev.ring[ring].cfg;
	struct netq_cfg cfg = {
		.hdr_len = 12,
		.mergeable = (p->dev.fe.features & FE_F_MRG_RXBUF) != 0,
		.buf_size = BUFFER,
		.how = r->max_table != 0 ? DRV_INDIRECT : DRV_DIRECT,
	};
	void *memory = fe_mem_alloc(&p->dev.mem, netq_bytes(&cfg, r->size));

	netq_fini(q);
	return memory == NULL ? -ENOMEM : netq_init(q, &cfg, &p->dev.ring[ring], memory, r->size);
}

int
pass_prepare(struct pass *p)
{
	int rc = make_queue(p, &p->rx, 0);

	if (rc == 0)
		rc = make_queue(p, &p->tx, 1);
	if (rc != 0)
		return rc;
	drv_interrupts(p->rx.ring, false);
	drv_interrupts(p->tx.ring, false);
	netq_refill(&p->rx);
	fe_dev_publish(&p->dev, 0);
	return 0;
}

int
pass_open(struct pass *p, const char *path, const struct fe_dev_cfg *cfg)
{
	int rc = pass_create(p, cfg);

	if (rc == 0)
		rc = fe_dev_connect(&p->dev, path);
	return rc != 0 ? rc : pass_prepare(p);
}

/* Length of frame number n: all of them, in a mixed order. */
static uint32_t
length_of(uint64_t n)
{
	return MIN_FRAME + (uint32_t)(n * 397 % (MAX_FRAME - MIN_FRAME + 1));
}

bool
pass_send(struct pass *p)
{
	uint8_t frame[MAX_FRAME];
	uint32_t len = length_of(p->sent);

	if (p->sent - p->returned >= PASS_WINDOW)
		return false;
	netq_fill(frame, len, p->sent);
	if (netq_send(&p->tx, NULL, frame, len) != 0)
		return false;
	p->start_ns[p->sent % PASS_WINDOW] = now_ns();
	p->sent++;
	fe_dev_publish(&p->dev, 1);
	return true;
}

static void
came_back(void *ctx, const struct netq_hdr *hdr, const uint8_t *data, uint32_t len)
{
	struct pass *p = ctx;
	uint64_t n = UINT64_MAX;

	(void)hdr;
	/* Frames of others (an announcement, the port's earlier life) are not ours to judge. */
	if (len < 22 || data[12] != 0x88 || data[13] != 0xb5)
		return;
	if (!netq_check(data, len, &n) || n >= p->sent || len != length_of(n)) {
		p->damaged++;
		return;
	}
	if (n < p->forgotten)
		return;
	if (n != p->next_seen)
		p->reordered++;
	p->next_seen = n + 1;
	p->returned++;
	if (p->nr_rtt < PASS_SAMPLES)
		p->rtt_us[p->nr_rtt++] = (double)(now_ns() - p->start_ns[n % PASS_WINDOW]) / 1e3;
}

int
pass_poll(struct pass *p)
{
	int sent = netq_sent(&p->tx), got = netq_receive(&p->rx, came_back, p);

	if (sent < 0 || got < 0) {
		p->fault = true;
		return -EPROTO;
	}
	if (netq_refill(&p->rx) > 0)
		fe_dev_publish(&p->dev, 0);
	return got;
}

uint64_t
pass_drain(struct pass *p, int ms)
{
	uint64_t end = now_ns() + (uint64_t)ms * 1000000u;

	while (p->returned < p->sent && now_ns() < end && pass_poll(p) >= 0)
		usleep(100);
	return p->sent - p->returned;
}

void
pass_forget(struct pass *p)
{
	p->returned = p->forgotten = p->sent;
}

int
pass_frames(struct pass *p, unsigned int n, int ms)
{
	uint64_t end = now_ns() + (uint64_t)ms * 1000000u;

	while (n > 0 && now_ns() < end) {
		if (pass_send(p))
			n--;
		else
			usleep(50);
		if (pass_poll(p) < 0)
			return -EPROTO;
	}
	if (n > 0 || pass_drain(p, 1000) != 0)
		return -ETIMEDOUT;
	return p->damaged != 0 ? -EBADMSG : 0;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
pass_percentile(double *v, unsigned int n, double part)
{
	qsort(v, n, sizeof(*v), ascending);
	return n == 0 ? 0.0 : v[(unsigned int)(part * (n - 1) + 0.5)];
}

double
pass_ping(struct pass *p, int ms)
{
	uint64_t end = now_ns() + (uint64_t)ms * 1000000u;

	p->nr_rtt = 0;
	while (now_ns() < end) {
		pass_send(p);
		while (p->returned < p->sent && now_ns() < end)
			if (pass_poll(p) < 0)
				return -1;
	}
	return p->nr_rtt == 0 ? -1 : pass_percentile(p->rtt_us, p->nr_rtt, 0.5);
}

double
pass_flood(struct pass *p, int ms)
{
	uint64_t begin = now_ns(), end = begin + (uint64_t)ms * 1000000u, before = p->returned;
	uint64_t now = begin;

	while (now < end) {
		while (pass_send(p))
			;
		if (pass_poll(p) < 0)
			break;
		now = now_ns();
	}
	return (double)(p->returned - before) * 1e9 / (double)(now - begin);
}

bool
pass_clean(struct pass *p)
{
	bool good = true;

	if (!fe_mem_guards_ok(&p->dev.mem)) {
		fprintf(stderr, "memory outside the announced regions was written\n");
		good = false;
	}
	for (unsigned int i = 0; i < p->dev.nr_rings; i++) {
		enum drv_fault f = drv_check_ring(&p->dev.ring[i]);

		if (f != DRV_OK) {
			fprintf(stderr, "ring %u: %s\n", i, drv_fault_name(f));
			good = false;
		}
	}
	if (p->damaged != 0)
		fprintf(stderr, "%lu damaged frames\n", (unsigned long)p->damaged);
	return good && p->damaged == 0 && !p->fault;
}

void
pass_close(struct pass *p)
{
	netq_fini(&p->rx);
	netq_fini(&p->tx);
	fe_dev_destroy(&p->dev);
	free(p->rtt_us);
	p->rtt_us = NULL;
}
