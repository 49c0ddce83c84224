/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest transmit: what is wrong with one chain costs that chain and is counted by its name, the rest of the burst
 * arrives in the same call. Attacks A140..A143, A147, A161, A162.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_vhost.h>

static void
free_all(struct rte_mbuf **pkts, unsigned int n)
{
	rte_pktmbuf_free_bulk(pkts, n);
}

/* A chain of readable and writable pieces at these addresses. */
static void
offer(struct rig *g, const struct drv_buf *buf, unsigned int nr_readable, unsigned int nr_writable, enum drv_how how)
{
	assert_true(drv_add(&g->ring[RIG_TX], buf, nr_readable, nr_writable, how, NULL) >= 0);
	drv_publish(&g->ring[RIG_TX]);
}

typedef void (*bad_fn)(struct rig *g);

/* A good one, the bad one, a good one, in one burst, in both formats. */
static void
bad_in_the_middle(struct rig_cfg cfg, bad_fn bad, enum vh_violation code)
{
	struct rte_mbuf *pkts[8];
	unsigned int packed;
	struct rig g;

	for (packed = 0; packed < 2; packed++) {
		cfg.features |= packed ? VH_F_RING_PACKED : 0;
		rig_open(&g, &cfg);
		rig_send(&g, 60, 1);
		bad(&g);
		rig_send(&g, 1500, 2);
		assert_int_equal(rig_dequeue(&g, pkts, 8), 2);
		rig_is_frame(pkts[0], 60, 1);
		rig_is_frame(pkts[1], 1500, 2);
		free_all(pkts, 2);
		rig_counted(&g, code, 1);
		assert_int_equal(rig_sent(&g), 3);
		assert_false(g.dev->queue[RIG_TX]->ring->broken);
		/* nothing is seen twice */
		assert_int_equal(rig_dequeue(&g, pkts, 8), 0);
		rig_counted(&g, code, 1);
		rig_close(&g);
	}
}

static void
bad_empty(struct rig *g)
{
	const struct drv_buf b[3] = { { RIG_GPA1, 0 }, { RIG_GPA1, 0 }, { RIG_GPA1, 0 } };

	offer(g, b, 3, 0, DRV_DIRECT);
}

static void
bad_part_of_header(struct rig *g)
{
	const struct drv_buf b = { RIG_GPA1, 11 };

	offer(g, &b, 1, 0, DRV_DIRECT);
}

static void
bad_header_alone(struct rig *g)
{
	const struct drv_buf b = { RIG_GPA1, 12 };

	offer(g, &b, 1, 0, DRV_DIRECT);
}

static void
bad_runt(struct rig *g)
{
	const struct drv_buf b[2] = { { RIG_GPA1, 12 }, { RIG_GPA1, 13 } };

	offer(g, b, 2, 0, DRV_DIRECT);
}

/* NET-1, A142 */
static void
test_short(void **state)
{
	static const bad_fn bad[] = { bad_empty, bad_part_of_header, bad_header_alone, bad_runt };
	struct rig_cfg cfg = { 0 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		cfg.features = 0;
		bad_in_the_middle(cfg, bad[i], VH_V_TX_SHORT);
		cfg.features = VH_F_NET_CSUM;
		bad_in_the_middle(cfg, bad[i], VH_V_TX_SHORT);
	}
}

/* n times the whole of region 0 and then `tail` bytes of it, in one table. */
static void
offer_huge(struct rig *g, unsigned int n, uint32_t tail)
{
	static struct drv_buf b[256];
	unsigned int i;

	for (i = 0; i < n; i++)
		b[i] = (struct drv_buf){ RIG_GPA0, (uint32_t)RIG_SIZE0 };
	b[n] = (struct drv_buf){ RIG_GPA0, tail };
	offer(g, b, n + 1, 0, DRV_INDIRECT);
}

/* A140: the sum is 4 GiB and 100 bytes. */
static void
bad_sum_wraps(struct rig *g)
{
	offer_huge(g, 128, 100);
}

/* A141: 200 MiB */
static void
bad_200_mib(struct rig *g)
{
	offer_huge(g, 6, 8u << 20);
}

/* A162: with the room for bookkeeping the sum wraps to a few bytes. */
static void
bad_near_4_gib(struct rig *g)
{
	offer_huge(g, 127, (uint32_t)RIG_SIZE0 - 52);
}

static void
bad_one_too_many(struct rig *g)
{
	const struct drv_buf b = { RIG_GPA0, 12 + VH_MAX_TX_FRAME + 1 };

	offer(g, &b, 1, 0, DRV_DIRECT);
}

static void
test_too_big(void **state)
{
	static const bad_fn bad[] = { bad_sum_wraps, bad_200_mib, bad_near_4_gib, bad_one_too_many };
	static const uint64_t flags[] = {
		0, RTE_VHOST_USER_EXTBUF_SUPPORT, RTE_VHOST_USER_LINEARBUF_SUPPORT,
		RTE_VHOST_USER_EXTBUF_SUPPORT | RTE_VHOST_USER_LINEARBUF_SUPPORT,
	};
	struct rig_cfg cfg = { .size = 256, .features = VH_F_INDIRECT_DESC };
	unsigned int i, j;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++) {
			cfg.flags = flags[j];
			bad_in_the_middle(cfg, bad[i], VH_V_PKT_TOO_BIG);
		}
	}
}

static void
bad_own_limit(struct rig *g)
{
	rig_send(g, 1501, 9);
}

/* vq.tx_max is exact; so is the default. */
static void
test_tx_max(void **state)
{
	struct rig_cfg cfg = { .options = "vq.tx_max=1500" };
	struct rte_mbuf *pkts[2];
	struct rig g;

	bad_in_the_middle(cfg, bad_own_limit, VH_V_PKT_TOO_BIG);
	cfg.options = NULL;
	rig_open(&g, &cfg);
	rig_send(&g, VH_MAX_TX_FRAME, 3);
	assert_int_equal(rig_dequeue(&g, pkts, 2), 1);
	rig_is_frame(pkts[0], VH_MAX_TX_FRAME, 3);
	free_all(pkts, 1);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

static void
bad_for_one_mbuf(struct rig *g)
{
	rig_send(g, RIG_ROOM + 1, 9);
}

static void
bad_for_16_bits(struct rig *g)
{
	rig_send(g, 65589, 9);
}

/* An application that wants one buffer gets one or nothing (api.md 4.3). */
static void
test_one_buffer(void **state)
{
	struct rig_cfg cfg = { .flags = RTE_VHOST_USER_LINEARBUF_SUPPORT };
	struct rte_mbuf *pkts[4];
	struct rig g;

	bad_in_the_middle(cfg, bad_for_one_mbuf, VH_V_PKT_TOO_BIG);
	cfg.flags |= RTE_VHOST_USER_EXTBUF_SUPPORT;
	bad_in_the_middle(cfg, bad_for_16_bits, VH_V_PKT_TOO_BIG);
	rig_open(&g, &cfg);
	rig_send(&g, RIG_ROOM, 1);
	rig_send(&g, RIG_ROOM + 1, 2);
	rig_send(&g, 65000, 3);
	assert_int_equal(rig_dequeue(&g, pkts, 4), 3);
	rig_is_frame(pkts[0], RIG_ROOM, 1);
	rig_is_frame(pkts[1], RIG_ROOM + 1, 2);
	rig_is_frame(pkts[2], 65000, 3);
	assert_int_equal(pkts[1]->nb_segs | pkts[2]->nb_segs, 1);
	assert_true(RTE_MBUF_HAS_EXTBUF(pkts[1]) && RTE_MBUF_HAS_EXTBUF(pkts[2]) && !RTE_MBUF_HAS_EXTBUF(pkts[0]));
	free_all(pkts, 3);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

/* A147; nothing is written into the piece */
static void
bad_direction(struct rig *g)
{
	const struct drv_buf b[2] = { { RIG_GPA1, 100 }, { RIG_GPA2, 100 } };
	unsigned int i;

	offer(g, b, 1, 1, DRV_DIRECT);
	for (i = 0; i < RIG_SIZE1; i++)
		assert_int_equal(g->region[2][i], 0xa5);
}

static void
bad_pieces(struct rig *g)
{
	static struct drv_buf b[257];
	unsigned int i;

	for (i = 0; i < 257; i++)
		b[i] = (struct drv_buf){ RIG_GPA1 + i, 1 };
	offer(g, b, 257, 0, DRV_INDIRECT);
}

static void
test_requests(void **state)
{
	struct rig_cfg cfg = { .size = 512, .features = VH_F_INDIRECT_DESC };

	bad_in_the_middle(cfg, bad_direction, VH_V_TX_DIR);
	bad_in_the_middle(cfg, bad_pieces, VH_V_VEC_LIMIT);
}

static void
send_with_header(struct rig *g, const struct netq_hdr *h)
{
	uint8_t bytes[12 + 100];
	const uint32_t lens[2] = { 12, 100 };

	memcpy(bytes, h, 12);
	rig_fill(bytes + 12, 100, 5);
	rig_send_pieces(g, bytes, lens, 2, DRV_DIRECT);
}

static void
bad_tunnel(struct rig *g)
{
	const struct netq_hdr h = { .gso_type = 0x21, .flags = 1, .gso_size = 1000, .csum_start = 34 };

	send_with_header(g, &h);
}

static void
bad_gso_size_1(struct rig *g)
{
	const struct netq_hdr h = { .gso_type = VH_NET_GSO_TCPV4, .flags = 1, .gso_size = 1, .csum_start = 34 };

	send_with_header(g, &h);
}

static void
bad_gso_type(struct rig *g)
{
	const struct netq_hdr h = { .gso_type = 2 };

	send_with_header(g, &h);
}

/* The same in a shape that takes the long way: header over two pieces. */
static void
bad_tunnel_scattered(struct rig *g)
{
	const uint32_t lens[3] = { 2, 20, 90 };
	uint8_t bytes[112];

	rig_fill(bytes, 112, 5);
	memset(bytes, 0, 12);
	bytes[1] = 0x40;
	rig_send_pieces(g, bytes, lens, 3, DRV_DIRECT);
}

/* NET-13, NET-14 (A180, A182); violation.tx_meta=drop */
static void
test_gso(void **state)
{
	struct rig_cfg cfg = { .features = VH_F_NET_CSUM | VH_F_NET_HOST_TSO4 };

	bad_in_the_middle(cfg, bad_tunnel, VH_V_GSO);
	bad_in_the_middle(cfg, bad_tunnel_scattered, VH_V_GSO);
	bad_in_the_middle(cfg, bad_gso_size_1, VH_V_GSO);
	cfg.options = "violation.tx_meta=drop";
	bad_in_the_middle(cfg, bad_gso_type, VH_V_TX_META);
}

/* Observed is delivered plain. */
static void
test_observed(void **state)
{
	static const struct {
		bad_fn send;
		const char *options;
		enum vh_violation code;
	} t[] = {
		{ bad_gso_type, NULL, VH_V_TX_META },
		{ bad_tunnel, "violation.gso=observe", VH_V_GSO },
		{ bad_gso_size_1, "violation.gso=observe", VH_V_GSO },
	};
	struct rte_mbuf *pkts[2];
	struct rig g;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct rig_cfg cfg = { .features = VH_F_NET_CSUM | VH_F_NET_HOST_TSO4, .options = t[i].options };

		rig_open(&g, &cfg);
		t[i].send(&g);
		assert_int_equal(rig_dequeue(&g, pkts, 2), 1);
		rig_is_frame(pkts[0], 100, 5);
		assert_int_equal(pkts[0]->ol_flags, 0);
		free_all(pkts, 1);
		rig_counted(&g, t[i].code, 1);
		rig_close(&g);
	}
	/* no offload was acked: the header is not read (NET-4) */
	rig_open(&g, &(struct rig_cfg){ 0 });
	bad_tunnel(&g);
	assert_int_equal(rig_dequeue(&g, pkts, 2), 1);
	rig_is_frame(pkts[0], 100, 5);
	free_all(pkts, 1);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

/* A decision to stop ends the burst at the chain, what came before is delivered. */
static void
test_stop(void **state)
{
	static const struct {
		bad_fn send;
		const char *options;
		enum vh_violation code;
	} t[] = {
		{ bad_runt, "violation.tx_short=stop", VH_V_TX_SHORT },
		{ bad_tunnel, "violation.gso=stop", VH_V_GSO },
		{ bad_tunnel_scattered, "violation.gso=stop", VH_V_GSO },
		{ bad_direction, "violation.tx_dir=close", VH_V_TX_DIR },
	};
	struct rte_mbuf *pkts[4];
	struct rig g;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct rig_cfg cfg = { .features = VH_F_NET_CSUM, .options = t[i].options };

		rig_open(&g, &cfg);
		rig_send(&g, 60, 1);
		t[i].send(&g);
		rig_send(&g, 60, 2);
		assert_int_equal(rig_dequeue(&g, pkts, 4), 1);
		rig_is_frame(pkts[0], 60, 1);
		free_all(pkts, 1);
		assert_int_equal(rig_sent(&g), 1);
		assert_true(g.dev->queue[RIG_TX]->ring->broken);
		assert_int_equal(rig_dequeue(&g, pkts, 4), 0);
		rig_counted(&g, t[i].code, 1);
		rig_close(&g);
	}
}

/* Broken structure behind good frames: these arrive, the ring is broken, said once. */
static void
test_broken(void **state)
{
	struct rte_mbuf *pkts[4];
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ 0 });
	rig_send(&g, 60, 1);
	drv_poke_head(&g.ring[RIG_TX], 64);
	drv_publish(&g.ring[RIG_TX]);
	assert_int_equal(rig_dequeue(&g, pkts, 4), 1);
	free_all(pkts, 1);
	rig_counted(&g, VH_V_DESC_INDEX, 1);
	assert_true(g.dev->queue[RIG_TX]->ring->broken);
	assert_int_equal(rig_dequeue(&g, pkts, 4), 0);
	rig_counted(&g, VH_V_DESC_INDEX, 1);
	rig_close(&g);
}

/* XLAT-4: what is not mapped stays, counted once per stall however often it is polled; 10 ms later again. */
static void
test_unmapped(void **state)
{
	const struct drv_buf b = { RIG_UNMAPPED, 100 };
	struct rte_mbuf *pkts[4];
	unsigned int packed, i;
	struct rig g;

	for (packed = 0; packed < 2; packed++) {
		rig_open(&g, &(struct rig_cfg){ .features = packed ? VH_F_RING_PACKED : 0 });
		rig_send(&g, 60, 1);
		offer(&g, &b, 1, 0, DRV_DIRECT);
		rig_send(&g, 60, 2);
		assert_int_equal(rig_dequeue(&g, pkts, 4), 1);
		free_all(pkts, 1);
		for (i = 0; i < 20; i++)
			assert_int_equal(rig_dequeue(&g, pkts, 4), 0);
		rig_counted(&g, VH_V_BAD_ADDR, 1);
		assert_int_equal(rig_sent(&g), 1);
		usleep(15000);
		assert_int_equal(rig_dequeue(&g, pkts, 4), 0);
		rig_counted(&g, VH_V_BAD_ADDR, 2);
		assert_false(g.dev->queue[RIG_TX]->ring->broken);
		rig_close(&g);
	}
}

/* A143, and the payload behind it over any number of pieces; two regions that are neighbours for the guest only. */
static void
test_scattered_header(void **state)
{
	const uint32_t lens[20] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 7, 100, 0, 1, 500 };
	struct drv_buf across = { RIG_GPA2 - 20, 12 + 60 };
	struct rte_mbuf *pkts[2];
	uint8_t bytes[12 + 610];
	unsigned int kind;
	struct rig g;

	for (kind = 0; kind < 4; kind++) {
		uint64_t f = (kind & 1 ? VH_F_RING_PACKED : 0) | (kind & 2 ? VH_F_NET_CSUM : 0);

		rig_open(&g, &(struct rig_cfg){ .features = f });
		memset(bytes, 0, 12);
		rig_fill(bytes + 12, 610, 4);
		rig_send_pieces(&g, bytes, lens, 20, DRV_DIRECT);
		rig_fill(bytes, 60, 8);
		memset(g.region[1] + RIG_SIZE1 - 20, 0, 12);
		memcpy(g.region[1] + RIG_SIZE1 - 8, bytes, 8);
		memcpy(g.region[2], bytes + 8, 52);
		offer(&g, &across, 1, 0, DRV_DIRECT);
		assert_int_equal(rig_dequeue(&g, pkts, 2), 2);
		rig_is_frame(pkts[0], 610, 4);
		rig_is_frame(pkts[1], 60, 8);
		free_all(pkts, 2);
		rig_counted(&g, VH_V_NONE, 0);
		rig_close(&g);
	}
}

/* One interrupt per burst, also for a burst that was dropped; at most 32 frames per call. */
static void
test_notification(void **state)
{
	struct rte_mbuf *pkts[64];
	uint64_t v;
	struct rig g;
	unsigned int i;

	rig_open(&g, &(struct rig_cfg){ .size = 64 });
	assert_int_equal(rig_dequeue(&g, pkts, 64), 0);
	assert_int_equal(read(g.callfd, &v, sizeof(v)), -1);
	for (i = 0; i < 40; i++)
		rig_send(&g, 64, i);
	assert_int_equal(rig_dequeue(&g, pkts, 64), 32);
	free_all(pkts, 32);
	assert_int_equal(read(g.callfd, &v, sizeof(v)), sizeof(v));
	assert_int_equal(v, 1);
	assert_int_equal(rig_dequeue(&g, pkts, 64), 8);
	free_all(pkts, 8);
	bad_runt(&g);
	assert_int_equal(read(g.callfd, &v, sizeof(v)), sizeof(v));
	assert_int_equal(rig_dequeue(&g, pkts, 64), 0);
	assert_int_equal(read(g.callfd, &v, sizeof(v)), sizeof(v));
	assert_int_equal(v, 1);
	rig_counted(&g, VH_V_TX_SHORT, 1);
	rig_close(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_tx_max),
		cmocka_unit_test(test_one_buffer),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_gso),
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_scattered_header),
		cmocka_unit_test(test_notification),
	};

	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
