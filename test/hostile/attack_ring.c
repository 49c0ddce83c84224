/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks of a guest driver: chains that never end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"

#define HEADS 1024u
#define MOST_HEADS 32768u
#define FRAME 64u

/* A started device with a page of guest memory. */
struct ground {
	struct fe_dev dev;
	uint64_t page;
};

/* What to negotiate and what to do then. */
struct ring_case {
	uint16_t size;
	uint16_t max_table;
	uint64_t features;
	void (*spoil)(struct ground *g);
};

static int
enter(struct ground *g, const char *path, const struct ring_case *c)
{
	struct fe_dev_cfg cfg = pass_cfg();
	void *page;
	int rc;

	cfg.size = c->size;
	cfg.shadow = false;
	cfg.features |= c->features;
	cfg.require = c->features;
	cfg.max_table = c->max_table;
	cfg.mem_size = 16 << 20;
	rc = fe_dev_create(&g->dev, &cfg);
	if (rc == 0)
		rc = fe_dev_connect(&g->dev, path);
	if (rc != 0)
		return rc;
	page = fe_mem_alloc(&g->dev.mem, 4096);
	g->page = page == NULL ? 0 : drv_gpa(&g->dev.mem.mem, page);
	return page == NULL ? -ENOMEM : 0;
}

/* Frames that the switch sends back, so that it looks for receive buffers. */
static void
provoke(struct ground *g)
{
	struct drv_buf b = { g->page, 12 + FRAME };

	for (unsigned int i = 0; i < 8; i++)
		drv_add(&g->dev.ring[1], &b, 1, 0, DRV_DIRECT, NULL);
	fe_dev_publish(&g->dev, 1);
}

static void
spoil_self(struct ground *g)
{
	struct drv_ring *r = &g->dev.ring[1];

	drv_poke_desc(r, 0, g->page, FRAME, DRV_DESC_NEXT, 0);
	drv_poke_head(r, 0);
	drv_publish(r);
}

/* Every descriptor is a head, and from each one the walk goes round all of them. Empty ones cost no piece. */
static void
go_round(struct drv_ring *r, uint64_t page, uint32_t len, uint16_t flags)
{
	uint16_t n = r->cfg.size;

	for (uint16_t i = 0; i < n; i++) {
		drv_poke_desc(r, i, page, len, (uint16_t)(DRV_DESC_NEXT | flags), (uint16_t)(i + 1 == n ? 0 : i + 1));
		drv_poke_head(r, i);
	}
	drv_publish(r);
}

static void
spoil_all(struct ground *g)
{
	go_round(&g->dev.ring[1], g->page, 1, 0);
}

static void
spoil_all_empty(struct ground *g)
{
	go_round(&g->dev.ring[1], g->page, 0, 0);
}

static void
spoil_receive(struct ground *g)
{
	go_round(&g->dev.ring[0], g->page, 1, DRV_DESC_WRITE);
	provoke(g);
}

static void
spoil_receive_empty(struct ground *g)
{
	go_round(&g->dev.ring[0], g->page, 0, DRV_DESC_WRITE);
	provoke(g);
}

static void
spoil_table(struct ground *g)
{
	struct drv_ring *r = &g->dev.ring[1];
	struct drv_desc *t = drv_table(r, 0, 0);

	for (uint16_t i = 0; i < 64; i++)
		t[i] = (struct drv_desc){ g->page, 1, DRV_DESC_NEXT, (uint16_t)((i + 1) % 64) };
	drv_poke_desc(r, 0, drv_gpa(r->cfg.mem, t), 64 * 16, DRV_DESC_INDIRECT, 0);
	drv_poke_head(r, 0);
	drv_publish(r);
}

/* A table whose entry names the table again. */
static void
spoil_nested(struct ground *g)
{
	struct drv_ring *r = &g->dev.ring[1];
	struct drv_desc *t = drv_table(r, 0, 0);

	t[0] = (struct drv_desc){ drv_gpa(r->cfg.mem, t), 16, DRV_DESC_INDIRECT, 0 };
	drv_poke_desc(r, 0, drv_gpa(r->cfg.mem, t), 16, DRV_DESC_INDIRECT, 0);
	drv_poke_head(r, 0);
	drv_publish(r);
}

/* Every slot says that the chain goes on. */
static void
spoil_packed(struct ground *g, unsigned int ring, uint16_t write)
{
	struct drv_ring *r = &g->dev.ring[ring];

	for (uint16_t i = HEADS; i-- > 0;)
		drv_poke_pdesc(r, i, g->page, 1, i, (uint16_t)(drv_packed_flags(r, i) | DRV_DESC_NEXT | write));
}

static void
spoil_packed_transmit(struct ground *g)
{
	spoil_packed(g, 1, 0);
}

static void
spoil_packed_receive(struct ground *g)
{
	spoil_packed(g, 0, DRV_DESC_WRITE);
	provoke(g);
}

/* An indirect descriptor in the middle of a direct chain that leads back to the table's own memory. */
static void
spoil_packed_table(struct ground *g)
{
	struct drv_ring *r = &g->dev.ring[1];
	uint64_t table = drv_gpa(r->cfg.mem, drv_table(r, 0, 0));

	drv_poke_pdesc(r, 1, table, 16, 0, (uint16_t)(drv_packed_flags(r, 1) | DRV_DESC_INDIRECT | DRV_DESC_NEXT));
	drv_poke_pdesc(r, 0, g->page, FRAME, 0, (uint16_t)(drv_packed_flags(r, 0) | DRV_DESC_NEXT));
}

static int
spoil_ring(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	const struct ring_case *c = arg;
	struct ground *g = calloc(1, sizeof(*g));
	int rc = g == NULL ? -ENOMEM : enter(g, path, c);

	if (rc == 0) {
		c->spoil(g);
		hold_device(&g->dev, hold_ms, o);
	}
	if (g != NULL)
		fe_dev_destroy(&g->dev);
	free(g);
	return rc;
}

static const struct ring_case cases[] = {
	{ HEADS, 0, 0, spoil_self },
	{ HEADS, 0, 0, spoil_all },
	{ HEADS, 0, 0, spoil_all_empty },
	{ MOST_HEADS, 0, 0, spoil_all_empty },
	{ HEADS, 0, 0, spoil_receive },
	{ HEADS, 0, 0, spoil_receive_empty },
	{ HEADS, 64, 0, spoil_table },
	{ HEADS, 64, 0, spoil_nested },
	{ HEADS, 0, FE_F_PACKED, spoil_packed_transmit },
	{ HEADS, 0, FE_F_PACKED, spoil_packed_receive },
	{ HEADS, 64, FE_F_PACKED, spoil_packed_table },
};

const struct attack ring_attacks[] = {
	{ "loop-self", "A132", spoil_ring, &cases[0] },
	{ "loop-all", "A132", spoil_ring, &cases[1] },
	{ "loop-empty", "A132", spoil_ring, &cases[2] },
	{ "loop-empty-32768", "A132", spoil_ring, &cases[3] },
	{ "loop-receive", "A132", spoil_ring, &cases[4] },
	{ "loop-receive-empty", "A132", spoil_ring, &cases[5] },
	{ "loop-table", "A132", spoil_ring, &cases[6] },
	{ "nested-table", "SPLIT-9", spoil_ring, &cases[7] },
	{ "packed-endless", "PACKED-5", spoil_ring, &cases[8] },
	{ "packed-endless-receive", "PACKED-5", spoil_ring, &cases[9] },
	{ "packed-table", "PACKED-10", spoil_ring, &cases[10] },
	{ .name = NULL },
};
