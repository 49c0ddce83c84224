/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of every size through both rings, byte for byte, in every format and shape a driver may choose.
 * Covers copy.c, count.c.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_vhost.h>

#define BURST 8u
#define BIG_BUF 65664u /* bytes: the largest frame behind its header */

static const uint32_t sizes[] = {
	14, 15, 59, 60, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1514, 1518, 1519, 2035, 2036, 2037,
	2048, 2049, 4084, 4085, 9000, 16384, 65535, 65536, 65589,
};
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct received {
	unsigned int n;
	uint64_t first_seed;
	const uint32_t *len;
};

static void
on_frame(void *ctx, const struct netq_hdr *hdr, const uint8_t *data, uint32_t len)
{
	static uint8_t want[70000];
	struct received *r = ctx;

	assert_int_equal(hdr->flags, 0);
	assert_int_equal(hdr->gso_type, 0);
	assert_int_equal(hdr->hdr_len | hdr->gso_size | hdr->csum_start | hdr->csum_offset, 0);
	assert_int_equal(len, r->len[r->n]);
	rig_fill(want, len, r->first_seed + r->n);
	assert_memory_equal(data, want, len);
	r->n++;
}

/* n frames out, one call each way. */
static void
transmit(struct rig *g, struct netq *q, const uint32_t *len, unsigned int n)
{
	static uint8_t frame[70000];
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	for (i = 0; i < n; i++) {
		rig_fill(frame, len[i], i + 1);
		assert_int_equal(netq_send(q, NULL, frame, len[i]), 0);
	}
	drv_publish(q->ring);
	assert_int_equal(rig_dequeue(g, pkts, BURST), n);
	for (i = 0; i < n; i++) {
		rig_is_frame(pkts[i], len[i], i + 1);
		assert_int_equal(pkts[i]->ol_flags, 0);
		rte_pktmbuf_free(pkts[i]);
	}
	assert_int_equal(netq_sent(q), n);
}

static void
receive(struct rig *g, struct netq *q, const uint32_t *len, unsigned int n, uint32_t each)
{
	struct received r = { .first_seed = 7, .len = len };
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	netq_refill(q);
	drv_publish(q->ring);
	for (i = 0; i < n; i++)
		pkts[i] = rig_packet(len[i], 7 + i, each);
	assert_int_equal(rig_enqueue(g, pkts, (uint16_t)n), n);
	assert_int_equal(netq_receive(q, on_frame, &r), n);
	assert_int_equal(r.n, n);
	rte_pktmbuf_free_bulk(pkts, n);
}

/* Every size alone, then in bursts that mix shapes. */
static void
all_sizes(struct rig *g, struct netq *tx, struct netq *rx, unsigned int burst)
{
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++) {
		transmit(g, tx, &sizes[i], 1);
		receive(g, rx, &sizes[i], 1, 0);
		receive(g, rx, &sizes[i], 1, i % 3 == 0 ? 333 : 1000);
	}
	for (i = 0; i + burst <= NR_SIZES; i += burst) {
		transmit(g, tx, &sizes[i], burst);
		receive(g, rx, &sizes[i], burst, 0);
	}
}

static void
one_shape(const struct rig_cfg *cfg, enum netq_shape shape, enum drv_how how, uint32_t element)
{
	bool mergeable = (cfg->features & VH_F_NET_MRG_RXBUF) != 0;
	struct rig g;
	struct netq tx, rx;

	rig_open(&g, cfg);
	rig_netq(&g, &tx, RIG_TX, BIG_BUF, BURST);
	rig_netq(&g, &rx, RIG_RX, mergeable ? 2048 : BIG_BUF, mergeable ? 256 : BURST);
	tx.cfg.shape = rx.cfg.shape = shape;
	tx.cfg.how = rx.cfg.how = how;
	tx.cfg.element = element;
	rx.cfg.element = mergeable && element > 500 ? 500 : element;
	all_sizes(&g, &tx, &rx, 4);
	rig_counted(&g, VH_V_NONE, 0);
	netq_fini(&tx);
	netq_fini(&rx);
	rig_close(&g);
}

/* Each bit of `kind` a choice: packed, mergeable, in order, offload (headers are read). */
static void
one_kind(unsigned int kind)
{
	struct rig_cfg cfg = { .size = 512, .features = VH_F_INDIRECT_DESC };

	cfg.features |= kind & 1 ? VH_F_RING_PACKED : 0;
	cfg.features |= kind & 2 ? VH_F_NET_MRG_RXBUF : 0;
	cfg.features |= kind & 4 ? VH_F_IN_ORDER : 0;
	cfg.features |= kind & 8 ? VH_F_NET_CSUM : 0;
	one_shape(&cfg, NETQ_ONE, DRV_DIRECT, 0);
	one_shape(&cfg, NETQ_SPLIT, DRV_DIRECT, 0);
	one_shape(&cfg, NETQ_SPLIT, DRV_DIRECT, 4096);
	one_shape(&cfg, NETQ_ONE, DRV_INDIRECT, 0);
	one_shape(&cfg, NETQ_SPLIT, DRV_INDIRECT, 0);
	one_shape(&cfg, NETQ_ONE, DRV_INDIRECT, 1499);
}

static void
test_formats(void **state)
{
	unsigned int kind;

	for (kind = 0; kind < 16; kind++)
		one_kind(kind);
}

/* Ten bytes of header, in a piece of its own as old drivers have it and in one with the frame. */
static void
test_legacy(void **state)
{
	struct rig_cfg cfg = { .size = 512, .legacy = true, .features = VH_F_INDIRECT_DESC };
	struct rig g;

	rig_open(&g, &cfg);
	assert_int_equal(g.hdr_len, 10);
	rig_close(&g);
	one_shape(&cfg, NETQ_SPLIT, DRV_DIRECT, 0);
	one_shape(&cfg, NETQ_ONE, DRV_INDIRECT, 1000);
	cfg.features |= VH_F_NET_CSUM;
	one_shape(&cfg, NETQ_ONE, DRV_DIRECT, 0);
	cfg.features |= VH_F_NET_MRG_RXBUF;
	one_shape(&cfg, NETQ_SPLIT, DRV_DIRECT, 0);
}

static const uint64_t *
counters(const struct rig *g, unsigned int ring)
{
	return g->dev->queue[ring]->ring->stats;
}

/* What one frame of a size adds to the counters of both directions. */
static void
count_one(struct rig *g, struct netq *tx, struct netq *rx, uint32_t len, enum vh_stat class)
{
	uint64_t before[2][VH_NR_STATS];
	unsigned int ring, i;

	for (ring = 0; ring < 2; ring++)
		memcpy(before[ring], counters(g, ring), sizeof(before[0]));
	transmit(g, tx, &len, 1);
	receive(g, rx, &len, 1, 0);
	for (ring = 0; ring < 2; ring++) {
		for (i = 0; i < VH_STAT_GUEST_NOTIFICATIONS; i++) {
			uint64_t want = i == class || i == VH_STAT_GOOD_PACKETS ? 1 : i == VH_STAT_GOOD_BYTES ? len : 0;

			if (counters(g, ring)[i] - before[ring][i] != want)
				fail_msg("ring %u, %u bytes: counter %u is not %lu larger", ring, len, i, want);
		}
	}
}

static void
test_size_counters(void **state)
{
	static const struct {
		uint32_t len;
		enum vh_stat class;
	} t[] = {
		{ 14, VH_STAT_UNDERSIZE }, { 63, VH_STAT_UNDERSIZE }, { 64, VH_STAT_SIZE_64 },
		{ 65, VH_STAT_SIZE_65_127 }, { 127, VH_STAT_SIZE_65_127 }, { 128, VH_STAT_SIZE_128_255 },
		{ 255, VH_STAT_SIZE_128_255 }, { 256, VH_STAT_SIZE_256_511 }, { 511, VH_STAT_SIZE_256_511 },
		{ 512, VH_STAT_SIZE_512_1023 }, { 1023, VH_STAT_SIZE_512_1023 }, { 1024, VH_STAT_SIZE_1024_1518 },
		{ 1518, VH_STAT_SIZE_1024_1518 }, { 1519, VH_STAT_SIZE_1519_MAX }, { 65589, VH_STAT_SIZE_1519_MAX },
	};
	struct rig_cfg cfg = { .flags = RTE_VHOST_USER_NET_STATS_ENABLE };
	struct netq tx, rx;
	struct rig g;
	unsigned int i;

	rig_open(&g, &cfg);
	rig_netq(&g, &tx, RIG_TX, BIG_BUF, BURST);
	rig_netq(&g, &rx, RIG_RX, BIG_BUF, BURST);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		count_one(&g, &tx, &rx, t[i].len, t[i].class);
	/* a burst of changing sizes */
	transmit(&g, &tx, sizes, BURST);
	assert_int_equal(counters(&g, RIG_TX)[VH_STAT_GOOD_PACKETS], 15 + BURST);
	assert_int_equal(counters(&g, RIG_TX)[VH_STAT_UNDERSIZE], 2 + 5);
	assert_int_equal(counters(&g, RIG_TX)[VH_STAT_SIZE_64], 1 + 1);
	assert_int_equal(counters(&g, RIG_TX)[VH_STAT_SIZE_65_127], 2 + 2);
	netq_fini(&tx);
	netq_fini(&rx);
	rig_close(&g);
}

/* Group addresses in both directions; no counter moves on a path registered without. */
static void
test_group_counters(void **state)
{
	struct rig_cfg cfg = { .flags = RTE_VHOST_USER_NET_STATS_ENABLE };
	struct rte_mbuf *pkts[3];
	struct netq rx;
	struct rig g;
	unsigned int i, on;

	for (on = 0; on < 2; on++, cfg.flags = 0) {
		rig_open(&g, &cfg);
		rig_netq(&g, &rx, RIG_RX, 2048, BURST);
		netq_refill(&rx);
		drv_publish(rx.ring);
		for (i = 0; i < 3; i++)
			pkts[i] = rig_packet(100, i, 0);
		memset(rte_pktmbuf_mtod(pkts[0], void *), 0xff, 6);
		*rte_pktmbuf_mtod(pkts[1], uint8_t *) = 1;
		assert_int_equal(rig_enqueue(&g, pkts, 3), 3);
		assert_int_equal(counters(&g, RIG_RX)[VH_STAT_BROADCAST], !on);
		assert_int_equal(counters(&g, RIG_RX)[VH_STAT_MULTICAST], !on);
		assert_int_equal(counters(&g, RIG_RX)[VH_STAT_SIZE_65_127], on ? 0 : 3);
		assert_int_equal(counters(&g, RIG_RX)[VH_STAT_GOOD_BYTES], on ? 0 : 300);
		rte_pktmbuf_free_bulk(pkts, 3);
		netq_fini(&rx);
		rig_close(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_size_counters),
		cmocka_unit_test(test_group_counters),
	};

	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
