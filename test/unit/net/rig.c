/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rig.h.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mempool.h>

#include "door.h"
#include "net.h"
#include "work.h"

#define UVA UINT64_C(0x7f0000000000)
#define GUARD 64u
#define PATTERN 0xa5

static struct rte_mempool *pool;

int
rig_setup(void **state)
{
	static char prefix[32];
	char *argv[] = { (char *)(uintptr_t)"t", (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"64", (char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--lcores=0", prefix, NULL };

	snprintf(prefix, sizeof(prefix), "--file-prefix=hvnet%d", getpid());
	if (rte_eal_init(9, argv) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("rig", RIG_MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + RIG_ROOM, 0);
	return pool != NULL ? vh_work_start() : -1;
}

struct rte_mempool *
rig_pool(void)
{
	return pool;
}

static void
map_memory(struct rig *g)
{
	const struct vh_region_req r[3] = {
		{ .gpa = RIG_GPA0, .size = RIG_SIZE0, .uva = UVA },
		{ .gpa = RIG_GPA1, .size = RIG_SIZE1, .uva = UVA + (UINT64_C(1) << 32) },
		{ .gpa = RIG_GPA2, .size = RIG_SIZE1, .uva = UVA + (UINT64_C(2) << 32) },
	};
	struct vh_fault fault;
	int fds[3], i;

	for (i = 0; i < 3; i++) {
		fds[i] = memfd_create("guest", MFD_CLOEXEC);
		assert_true(fds[i] >= 0);
		assert_int_equal(ftruncate(fds[i], (off_t)r[i].size), 0);
	}
	assert_int_equal(vh_memmap_build(&g->policy, NULL, r, 3, fds, &g->dev->map, &fault), 0);
	for (i = 0; i < 3; i++) {
		g->region[i] = (uint8_t *)vh_guest_addr(g->dev->map->region[i].hva);
		drv_mem_add(&g->mem, g->region[i], r[i].gpa, r[i].size);
	}
	memset(g->region[1], PATTERN, RIG_SIZE1);
	memset(g->region[2], PATTERN, RIG_SIZE1);
}

static void
place_ring(struct rig *g, unsigned int i, uint16_t size, uint64_t features)
{
	struct drv_cfg cfg = {
		.size = size, .packed = (features & VH_F_RING_PACKED) != 0,
		.event_idx = (features & VH_F_EVENT_IDX) != 0, .in_order = (features & VH_F_IN_ORDER) != 0,
		.max_table = (features & VH_F_INDIRECT_DESC) != 0 ? size : 0, .mem = &g->mem,
	};
	size_t bytes = (drv_ring_bytes(&cfg) + 4095) & ~(size_t)4095;

	assert_int_equal(drv_ring_init(&g->ring[i], &cfg, g->region[0] + g->next), 0);
	g->next += bytes;
	assert_true(g->next < RIG_SIZE0);
}

static uva_t
uva(const struct rig *g, const void *va)
{
	return (uva_t){ UVA + (uint64_t)((const uint8_t *)va - g->region[0]) };
}

static void
configure(struct rig *g, unsigned int i, struct vh_queue_conf *c)
{
	struct drv_ring_addr a = drv_ring_addr(&g->ring[i]);

	c->size = g->ring[i].cfg.size;
	c->desc = uva(g, a.desc);
	c->avail = uva(g, a.driver);
	c->used = uva(g, a.device);
	c->addr_set = true;
	c->kickfd = VH_FD_NONE;
	c->callfd = VH_FD_NONE;
	c->enabled = true;
	if (i == RIG_TX) {
		c->callfd = g->callfd;
		c->call = vh_efd_create(g->callfd);
		assert_non_null(c->call);
	}
}

static void
start_rings(struct rig *g)
{
	struct vh_plan *p;
	unsigned int i;

	assert_int_equal(vh_device_touch(g->dev, 1), 0);
	p = vh_plan_begin(g->dev);
	assert_non_null(p);
	for (i = 0; i < 2; i++)
		configure(g, i, &p->ring[i].conf);
	assert_int_equal(vh_plan_prepare(p), 0);
	vh_plan_commit(p);
	assert_true(vh_plan_quiet(p));
	vh_plan_end(p);
	for (i = 0; i < 2; i++)
		assert_non_null(rig_bind(g, i));
}

void
rig_open(struct rig *g, const struct rig_cfg *cfg)
{
	struct vh_settings set = { .builtin_net = true, .features = ~UINT64_C(0), .flags = cfg->flags };
	char err[256] = "";
	unsigned int i;

	memset(g, 0, sizeof(*g));
	vh_policy_defaults(&g->policy);
	if (cfg->options != NULL && vh_policy_parse(cfg->options, &g->policy, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	g->dev = vh_device_create("net", &g->policy, &set);
	assert_non_null(g->dev);
	assert_int_equal(vh_slot_take(g->dev), 0);
	g->dev->features = cfg->features | (cfg->legacy ? 0 : VH_F_VERSION_1);
	map_memory(g);
	for (i = 0; i < 2; i++)
		place_ring(g, i, cfg->size != 0 ? cfg->size : 64, g->dev->features);
	g->callfd = eventfd(0, EFD_NONBLOCK);
	start_rings(g);
	g->hdr_len = rig_bind(g, RIG_TX)->hdr_len;
}

static void
assert_pattern(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != PATTERN)
			fail_msg("byte %zu of a guard was written", i);
}

void
rig_close(struct rig *g)
{
	unsigned int i;

	for (i = 0; i < g->nr_guards; i++)
		assert_pattern(g->guard[i], GUARD);
	assert_int_equal(rte_mempool_avail_count(pool), RIG_MBUFS);
	for (i = 0; i < 2; i++)
		drv_ring_fini(&g->ring[i]);
	assert_true(vh_device_close_doors(g->dev));
	vh_device_unbind(g->dev);
	vh_device_open_doors(g->dev);
	vh_slot_clear(g->dev);
	vh_device_free(g->dev);
}

static void
add_guard(struct rig *g)
{
	if (g->nr_guards < sizeof(g->guard) / sizeof(g->guard[0]))
		g->guard[g->nr_guards++] = g->region[0] + g->next;
	memset(g->region[0] + g->next, PATTERN, GUARD);
	g->next += GUARD;
}

void *
rig_alloc(struct rig *g, size_t len)
{
	uint8_t *p;

	assert_true(g->next + len + 2 * GUARD <= RIG_SIZE0);
	add_guard(g);
	p = g->region[0] + g->next;
	memset(p, 0xee, len);
	g->next += len;
	add_guard(g);
	return p;
}

uint64_t
rig_gpa(const struct rig *g, const void *va)
{
	uint64_t gpa = drv_gpa(&g->mem, va);

	assert_true(gpa != UINT64_MAX);
	return gpa;
}

void
rig_netq(struct rig *g, struct netq *q, unsigned int ring, uint32_t buf_size, unsigned int nr_bufs)
{
	struct netq_cfg cfg = {
		.hdr_len = (uint8_t)g->hdr_len, .buf_size = buf_size,
		.mergeable = (g->dev->features & VH_F_NET_MRG_RXBUF) != 0,
	};

	assert_int_equal(netq_init(q, &cfg, &g->ring[ring], rig_alloc(g, netq_bytes(&cfg, nr_bufs)), nr_bufs), 0);
}

const struct vh_bind *
rig_bind(const struct rig *g, unsigned int ring)
{
	return vh_doors[g->dev->vid][ring].bind;
}

uint16_t
rig_dequeue(struct rig *g, struct rte_mbuf **pkts, uint16_t n)
{
	const struct vh_bind *b = vh_door_try(&vh_doors[g->dev->vid][RIG_TX]);

	assert_non_null(b);
	n = vh_net_dequeue(b, pool, pkts, n);
	vh_door_leave(&vh_doors[g->dev->vid][RIG_TX]);
	return n;
}

uint16_t
rig_enqueue(struct rig *g, struct rte_mbuf **pkts, uint16_t n)
{
	const struct vh_bind *b = vh_door_try(&vh_doors[g->dev->vid][RIG_RX]);

	assert_non_null(b);
	n = vh_net_enqueue(b, pkts, n);
	vh_door_leave(&vh_doors[g->dev->vid][RIG_RX]);
	return n;
}

void
rig_send_pieces(struct rig *g, const void *bytes, const uint32_t *lens, unsigned int n, enum drv_how how)
{
	struct drv_buf buf[64];
	const uint8_t *from = bytes;
	unsigned int i;

	assert_true(n <= 64);
	for (i = 0; i < n; i++) {
		void *to = rig_alloc(g, lens[i]);

		memcpy(to, from, lens[i]);
		from += lens[i];
		buf[i] = (struct drv_buf){ rig_gpa(g, to), lens[i] };
	}
	assert_true(drv_add(&g->ring[RIG_TX], buf, n, 0, how, NULL) >= 0);
	drv_publish(&g->ring[RIG_TX]);
}

void
rig_send(struct rig *g, uint32_t len, uint64_t seed)
{
	uint8_t *p = rig_alloc(g, g->hdr_len + len);
	struct drv_buf buf = { rig_gpa(g, p), g->hdr_len + len };

	memset(p, 0, g->hdr_len);
	rig_fill(p + g->hdr_len, len, seed);
	assert_true(drv_add(&g->ring[RIG_TX], &buf, 1, 0, DRV_DIRECT, NULL) >= 0);
	drv_publish(&g->ring[RIG_TX]);
}

unsigned int
rig_sent(struct rig *g)
{
	static struct drv_done done[4096];
	int n = drv_collect(&g->ring[RIG_TX], done, 4096), i;

	assert_true(n >= 0);
	for (i = 0; i < n; i++)
		assert_int_equal(done[i].len, 0);
	return (unsigned int)n;
}

void
rig_fill(uint8_t *p, uint32_t len, uint64_t seed)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
	/* not a group address, not IP */
	if (len >= 14) {
		p[0] = 2;
		p[12] = 0x88;
		p[13] = 0xb5;
	}
}

void
rig_is_frame(const struct rte_mbuf *m, uint32_t len, uint64_t seed)
{
	static uint8_t want[70000], got[70000];
	const void *p;

	assert_int_equal(m->pkt_len, len);
	assert_true(len <= sizeof(want));
	rte_mbuf_sanity_check(m, 1);
	rig_fill(want, len, seed);
	p = rte_pktmbuf_read(m, 0, len, got);
	assert_non_null(p);
	assert_memory_equal(p, want, len);
}

struct rte_mbuf *
rig_packet(uint32_t len, uint64_t seed, uint32_t each)
{
	static uint8_t bytes[70000];
	struct rte_mbuf *head = NULL, *m;
	uint32_t at = 0;

	assert_true(len <= sizeof(bytes));
	rig_fill(bytes, len, seed);
	each = each == 0 || each > RIG_ROOM ? RIG_ROOM : each;
	do {
		uint32_t n = len - at < each ? len - at : each;

		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes + at, n);
		at += n;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	} while (at < len);
	return head;
}

void
rig_counted(const struct rig *g, enum vh_violation code, uint64_t n)
{
	unsigned int i;

	for (i = VH_V_NONE + 1; i < VH_V_COUNT; i++) {
		uint64_t is = vh_guard_count(&g->dev->guard, (enum vh_violation)i);
		uint64_t want = i == code ? n : 0;

		if (is != want)
			fail_msg("%s counted %lu times, expected %lu",
				vh_violation_info((enum vh_violation)i)->name, is, want);
	}
}
