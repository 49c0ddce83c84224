/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest receive: headers over pieces of any size, buffers that do not do, offloads the guest cannot take. Nothing is
 * written outside the pieces, mbufs stay the caller's. Attacks A144..A146, A158..A160, A163, A188, A189.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_vhost.h>

/* One receive buffer made of these pieces. */
static void
offer(struct rig *g, const struct drv_buf *buf, unsigned int n, enum drv_how how)
{
	assert_true(drv_add(&g->ring[RIG_RX], buf, 0, n, how, NULL) >= 0);
	drv_publish(&g->ring[RIG_RX]);
}

/* n buffers of len bytes each. @return the first; they lie one behind the other */
static uint8_t *
offer_buffers(struct rig *g, unsigned int n, uint32_t len)
{
	uint8_t *p = rig_alloc(g, (size_t)n * len);
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct drv_buf b = { rig_gpa(g, p + (size_t)i * len), len };

		offer(g, &b, 1, DRV_DIRECT);
	}
	return p;
}

static unsigned int
taken(struct rig *g, struct drv_done *done, unsigned int max)
{
	int n = drv_collect(&g->ring[RIG_RX], done, max);

	assert_true(n >= 0);
	return (unsigned int)n;
}

static bool
is_untouched(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != 0xee)
			return false;
	return true;
}

/* One packet to the guest; the mbuf is unchanged and ours. @return what the burst returned */
static uint16_t
deliver(struct rig *g, uint32_t len, uint64_t seed)
{
	struct rte_mbuf *m = rig_packet(len, seed, 0);
	uint16_t n = rig_enqueue(g, &m, 1);

	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rig_is_frame(m, len, seed);
	rte_pktmbuf_free(m);
	return n;
}

/* All header bytes are written: zero but num_buffers, which VERSION_1 without MRG_RXBUF wants to be 1 (H37). */
static void
test_header_bytes(void **state)
{
	static const uint8_t v1[12] = { [10] = 1 };
	struct drv_buf split[2];
	struct drv_done done[4];
	uint8_t frame[100], *p;
	unsigned int kind;
	struct rig g;

	rig_fill(frame, 100, 3);
	for (kind = 0; kind < 16; kind++) {
		struct rig_cfg cfg = { .legacy = (kind & 3) == 0 };

		cfg.features |= kind & 2 ? VH_F_RING_PACKED : 0;
		cfg.features |= kind & 4 ? VH_F_NET_MRG_RXBUF : 0;
		rig_open(&g, &cfg);
		p = rig_alloc(&g, 200);
		split[0] = (struct drv_buf){ rig_gpa(&g, p), g.hdr_len };
		split[1] = (struct drv_buf){ rig_gpa(&g, p + g.hdr_len), 200 - g.hdr_len };
		if (kind & 8)
			offer(&g, split, 2, DRV_DIRECT);
		else
			offer(&g, &(struct drv_buf){ rig_gpa(&g, p), 200 }, 1, DRV_DIRECT);
		assert_int_equal(deliver(&g, 100, 3), 1);
		assert_int_equal(taken(&g, done, 4), 1);
		assert_int_equal(done[0].len, g.hdr_len + 100);
		assert_int_equal(g.hdr_len, cfg.legacy && (kind & 4) == 0 ? 10 : 12);
		assert_memory_equal(p, v1, g.hdr_len);
		assert_memory_equal(p + g.hdr_len, frame, 100);
		assert_true(is_untouched(p + g.hdr_len + 100, 100 - g.hdr_len));
		rig_counted(&g, VH_V_NONE, 0);
		rig_close(&g);
	}
}

/*
 * A144: one byte, one byte in the last byte of a region, 4 KiB. Behind that byte lies an inaccessible page, in front of
 * it a pattern.
 */
static void
test_header_1_1_4096(void **state)
{
	uint8_t frame[1500], *one, *rest, *last;
	static const uint8_t hdr[12] = { [10] = 1 };
	struct drv_done done[2];
	unsigned int kind;
	struct rig g;

	rig_fill(frame, 1500, 3);
	for (kind = 0; kind < 4; kind++) {
		uint64_t f = (kind & 1 ? VH_F_RING_PACKED : 0) | (kind & 2 ? VH_F_NET_MRG_RXBUF : 0);

		rig_open(&g, &(struct rig_cfg){ .features = f });
		one = rig_alloc(&g, 1);
		rest = rig_alloc(&g, 4096);
		last = g.region[1] + RIG_SIZE1 - 1;
		struct drv_buf b[3] = {
			{ rig_gpa(&g, one), 1 }, { RIG_GPA1 + RIG_SIZE1 - 1, 1 }, { rig_gpa(&g, rest), 4096 },
		};

		offer(&g, b, 3, DRV_DIRECT);
		assert_int_equal(deliver(&g, 1500, 3), 1);
		assert_int_equal(taken(&g, done, 2), 1);
		assert_int_equal(done[0].len, 1512);
		assert_int_equal(*one, hdr[0]);
		assert_int_equal(*last, hdr[1]);
		assert_memory_equal(rest, hdr + 2, 10);
		assert_memory_equal(rest + 10, frame, 1500);
		assert_true(is_untouched(rest + 1510, 4096 - 1510));
		assert_int_equal(last[-1], 0xa5);
		assert_int_equal(g.region[2][0], 0xa5);
		rig_close(&g);
	}
}

/* Twelve bytes of header in twelve pieces, payload in pieces of three; over the border of two regions. */
static void
test_scattered(void **state)
{
	uint8_t frame[90], *p, *at;
	struct drv_buf b[43] = { 0 };
	struct drv_done done[2];
	unsigned int i;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ 0 });
	p = rig_alloc(&g, 12 + 90);
	at = p;
	for (i = 0; i < 42; i++) {
		b[i] = (struct drv_buf){ rig_gpa(&g, at), i < 12 ? 1 : 3 };
		at += b[i].len;
	}
	offer(&g, b, 42, DRV_DIRECT);
	offer(&g, &(struct drv_buf){ RIG_GPA2 - 5, 12 + 60 }, 1, DRV_DIRECT);
	assert_int_equal(deliver(&g, 90, 3), 1);
	assert_int_equal(deliver(&g, 60, 4), 1);
	assert_int_equal(taken(&g, done, 2), 2);
	rig_fill(frame, 90, 3);
	assert_memory_equal(p + 12, frame, 90);
	rig_fill(frame, 60, 4);
	assert_memory_equal(g.region[2] + 7, frame, 60);
	assert_int_equal(g.region[2][67], 0xa5);
	assert_int_equal(g.region[1][RIG_SIZE1 - 6], 0xa5);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

/* NET-27, A145, A163: too small for the packet: it stays, nothing is written, counted at each attempt. */
static void
test_too_small(void **state)
{
	static const uint32_t len[] = { 1, 11, 12, 13, 111 };
	struct drv_done done[2];
	unsigned int i, packed;
	struct rig g;

	for (packed = 0; packed < 2; packed++) {
		for (i = 0; i < 5; i++) {
			rig_open(&g, &(struct rig_cfg){ .features = packed ? VH_F_RING_PACKED : 0 });
			/* the last bytes of a region: behind them nothing is mapped */
			offer(&g, &(struct drv_buf){ RIG_GPA1 + RIG_SIZE1 - len[i], len[i] }, 1, DRV_DIRECT);
			assert_int_equal(deliver(&g, 100, 1), 0);
			assert_int_equal(taken(&g, done, 2), 0);
			rig_counted(&g, VH_V_RX_REFUSED, 1);
			assert_int_equal(deliver(&g, 100, 1), 0);
			rig_counted(&g, VH_V_RX_REFUSED, 2);
			assert_false(g.dev->queue[RIG_RX]->ring->broken);
			assert_int_equal(g.region[1][RIG_SIZE1 - 1], 0xa5);
			/* one that fits is delivered */
			assert_int_equal(deliver(&g, 99, 1), len[i] == 111);
			rig_close(&g);
		}
	}
}

/* Four in a row, as fast paths take them (A163); good ones behind do not help. */
static void
test_four_small(void **state)
{
	struct rte_mbuf *pkts[4];
	unsigned int i;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ .features = VH_F_RING_PACKED });
	for (i = 0; i < 4; i++) {
		offer(&g, &(struct drv_buf){ RIG_GPA1 + RIG_SIZE1 - 1, 1 }, 1, DRV_DIRECT);
		pkts[i] = rig_packet(1500, i, 0);
	}
	assert_int_equal(rig_enqueue(&g, pkts, 4), 0);
	rte_pktmbuf_free_bulk(pkts, 4);
	rig_counted(&g, VH_V_RX_REFUSED, 1);
	assert_int_equal(g.region[2][0], 0xa5);
	rig_close(&g);
}

/* NET-24: mergeable, first buffer below the header: the ring is broken. What was placed before is delivered. */
static void
test_rx_buf(void **state)
{
	struct rte_mbuf *pkts[2];
	struct drv_done done[4];
	unsigned int packed;
	struct rig g;

	for (packed = 0; packed < 2; packed++) {
		uint64_t f = VH_F_NET_MRG_RXBUF | (packed ? VH_F_RING_PACKED : 0);

		rig_open(&g, &(struct rig_cfg){ .features = f });
		(void)offer_buffers(&g, 1, 500);
		(void)offer_buffers(&g, 1, 11);
		(void)offer_buffers(&g, 1, 500);
		pkts[0] = rig_packet(100, 1, 0);
		pkts[1] = rig_packet(100, 2, 0);
		assert_int_equal(rig_enqueue(&g, pkts, 2), 1);
		assert_int_equal(taken(&g, done, 4), 1);
		rig_counted(&g, VH_V_RX_BUF, 1);
		assert_true(g.dev->queue[RIG_RX]->ring->broken);
		assert_int_equal(rig_enqueue(&g, pkts + 1, 1), 0);
		rig_counted(&g, VH_V_RX_BUF, 1);
		rte_pktmbuf_free_bulk(pkts, 2);
		rig_close(&g);
	}
}

/* A160: 12 bytes, then two bytes in two pieces each: 1500 bytes would take more pieces than a packet may have. */
static void
test_tiny_buffers(void **state)
{
	struct drv_done done[1024];
	struct drv_buf b[2];
	unsigned int i;
	uint8_t *p;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ .size = 1024, .features = VH_F_NET_MRG_RXBUF });
	(void)offer_buffers(&g, 1, 12);
	p = rig_alloc(&g, 400);
	for (i = 0; i < 200; i++) {
		b[0] = (struct drv_buf){ rig_gpa(&g, p + 2 * i), 1 };
		b[1] = (struct drv_buf){ rig_gpa(&g, p + 2 * i + 1), 1 };
		offer(&g, b, 2, DRV_DIRECT);
	}
	assert_int_equal(deliver(&g, 1500, 1), 0);
	rig_counted(&g, VH_V_RX_REFUSED, 1);
	assert_int_equal(taken(&g, done, 1024), 0);
	assert_true(is_untouched(p, 400));
	/* 256 bytes would take 257 pieces, 254 take 255 */
	assert_int_equal(deliver(&g, 256, 1), 0);
	rig_counted(&g, VH_V_RX_REFUSED, 2);
	assert_int_equal(deliver(&g, 254, 1), 1);
	assert_int_equal(taken(&g, done, 1024), 128);
	assert_int_equal(done[0].len, 12);
	assert_int_equal(done[127].len, 2);
	rig_counted(&g, VH_V_RX_REFUSED, 2);
	rig_close(&g);
}

/* As many requests as one burst can hold, one piece each: 1500 bytes would take more pieces than a packet may have. */
static void
test_tiny_one_piece(void **state)
{
	struct drv_done done[512];
	uint8_t *p;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ .size = 512, .features = VH_F_NET_MRG_RXBUF });
	(void)offer_buffers(&g, 1, 12);
	p = offer_buffers(&g, 500, 1);
	assert_int_equal(deliver(&g, 1500, 1), 0);
	rig_counted(&g, VH_V_RX_REFUSED, 1);
	assert_int_equal(taken(&g, done, 512), 0);
	assert_true(is_untouched(p, 500));
	/* 255 bytes do fit the 256 pieces */
	assert_int_equal(deliver(&g, 255, 1), 1);
	assert_int_equal(taken(&g, done, 512), 256);
	assert_int_equal(done[0].len, 12);
	assert_int_equal(done[255].len, 1);
	rig_counted(&g, VH_V_RX_REFUSED, 1);
	rig_close(&g);
}

/* Not enough buffers now: nothing is consumed, nothing is wrong. */
static void
test_ring_short(void **state)
{
	struct rte_mbuf *pkts[3];
	struct drv_done done[8];
	uint8_t *p;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ .features = VH_F_NET_MRG_RXBUF });
	assert_int_equal(deliver(&g, 100, 1), 0);
	p = offer_buffers(&g, 5, 512);
	pkts[0] = rig_packet(900, 1, 0);
	pkts[1] = rig_packet(1600, 2, 0);
	pkts[2] = rig_packet(10, 3, 0);
	assert_int_equal(rig_enqueue(&g, pkts, 3), 1);
	assert_int_equal(taken(&g, done, 8), 2);
	assert_int_equal(p[10], 2);
	assert_true(is_untouched(p + 1024, 3 * 512));
	(void)offer_buffers(&g, 1, 512);
	assert_int_equal(rig_enqueue(&g, pkts + 1, 2), 1);
	assert_int_equal(taken(&g, done, 8), 4);
	assert_int_equal(p[1024 + 10], 4);
	rte_pktmbuf_free_bulk(pkts, 3);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

/* A burst that needs more buffers than the arena holds is published in parts, whole packets each. */
static void
test_arena(void **state)
{
	struct rte_mbuf *pkts[32];
	unsigned int i, packed;
	struct netq rx;
	struct rig g;

	for (packed = 0; packed < 2; packed++) {
		uint64_t f = VH_F_NET_MRG_RXBUF | (packed ? VH_F_RING_PACKED : 0);

		rig_open(&g, &(struct rig_cfg){ .size = 2048, .features = f });
		rig_netq(&g, &rx, RIG_RX, 256, 2048);
		assert_int_equal(netq_refill(&rx), 2048);
		drv_publish(rx.ring);
		for (i = 0; i < 32; i++)
			pkts[i] = rig_packet(9000, i, 0);
		assert_int_equal(rig_enqueue(&g, pkts, 32), 32);
		assert_int_equal(netq_receive(&rx, NULL, NULL), 32);
		assert_int_equal(rx.bytes, 32 * 9000);
		rte_pktmbuf_free_bulk(pkts, 32);
		rig_counted(&g, VH_V_NONE, 0);
		netq_fini(&rx);
		rig_close(&g);
	}
}

/* A146 and RING-9; a chain without a byte; an address that is not mapped: the packet before is delivered. */
static void
test_bad_buffers(void **state)
{
	static const enum vh_violation code[] = { VH_V_DESC_DIR, VH_V_DESC_IN_RING, VH_V_RX_EMPTY, VH_V_BAD_ADDR };
	struct rte_mbuf *pkts[2];
	struct drv_done done[4];
	unsigned int i;
	struct rig g;

	for (i = 0; i < 8; i++) {
		rig_open(&g, &(struct rig_cfg){ .features = i & 1 ? VH_F_RING_PACKED : 0 });
		struct drv_buf b[4] = {
			{ RIG_GPA1, 2000 }, { rig_gpa(&g, drv_ring_addr(&g.ring[RIG_TX]).desc) + 5, 2000 },
			{ RIG_GPA1, 0 }, { RIG_UNMAPPED, 2000 },
		};

		(void)offer_buffers(&g, 1, 500);
		assert_true(drv_add(&g.ring[RIG_RX], &b[i / 2], i / 2 == 0, i / 2 != 0, DRV_DIRECT, NULL) >= 0);
		drv_publish(&g.ring[RIG_RX]);
		pkts[0] = rig_packet(100, 1, 0);
		pkts[1] = rig_packet(1000, 2, 0);
		assert_int_equal(rig_enqueue(&g, pkts, 2), 1);
		assert_int_equal(taken(&g, done, 4), 1);
		assert_int_equal(rig_enqueue(&g, pkts + 1, 1), 0);
		rig_counted(&g, code[i / 2], 1);
		assert_int_equal(g.dev->queue[RIG_RX]->ring->broken, code[i / 2] != VH_V_BAD_ADDR);
		assert_int_equal(g.region[1][0], 0xa5);
		rte_pktmbuf_free_bulk(pkts, 2);
		rig_close(&g);
	}
}

/* A188: empty segments anywhere, lengths of segments that fit nothing. */
static void
test_chained(void **state)
{
	uint8_t want[2000], *p;
	struct drv_done done[4];
	struct rte_mbuf *m, *part;
	unsigned int i, at = 0;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ .features = VH_F_NET_MRG_RXBUF });
	p = offer_buffers(&g, 4, 700);
	rig_fill(want, 2000, 5);
	m = rte_pktmbuf_alloc(rig_pool());
	for (i = 0; at < 2000; i++) {
		uint16_t n = (uint16_t)(i % 3 == 1 ? 0 : i * 37);

		n = at + n > 2000 ? (uint16_t)(2000 - at) : n;
		part = rte_pktmbuf_alloc(rig_pool());
		memcpy(rte_pktmbuf_append(part, n), want + at, n);
		at += n;
		assert_int_equal(rte_pktmbuf_chain(m, part), 0);
	}
	assert_int_equal(rig_enqueue(&g, &m, 1), 1);
	rte_pktmbuf_free(m);
	assert_int_equal(taken(&g, done, 4), 3);
	assert_int_equal(done[0].len, 700);
	assert_int_equal(done[2].len, 612);
	assert_int_equal(p[10], 3);
	/* buffers lie one behind the other, so the packet does too */
	assert_memory_equal(p + 12, want, 2000);
	assert_true(is_untouched(p + 2012, 2800 - 2012));
	rig_close(&g);
}

/* TCP over IPv4, to be cut into segments of 1000. */
static struct rte_mbuf *
tso_packet(uint32_t payload)
{
	struct rte_mbuf *m = rig_packet(54 + payload, 1, 0);
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, 34);

	memset(ip, 0, 40);
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(40 + payload));
	ip->next_proto_id = IPPROTO_TCP;
	tcp->data_off = 0x50;
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = 1000;
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM;
	return m;
}

/*
 * NET-28, A189: segmentation the guest did not accept: dropped and counted, taken from the caller's view, not in the
 * guest's counters; its neighbours arrive. With observe it arrives, with stop it ends the burst.
 */
static void
test_rx_meta(void **state)
{
	static const char *const options[] = { NULL, "violation.rx_meta=observe", "violation.rx_meta=stop" };
	static const uint16_t delivered[] = { 3, 3, 1 }, arrived[] = { 2, 3, 1 };
	static const uint16_t bytes[] = { 300, 2154, 100 };
	struct rte_mbuf *pkts[3];
	struct drv_done done[4];
	unsigned int i;
	uint8_t *p;
	struct rig g;

	for (i = 0; i < 3; i++) {
		rig_open(&g, &(struct rig_cfg){ .flags = RTE_VHOST_USER_NET_STATS_ENABLE, .options = options[i] });
		p = offer_buffers(&g, 4, 2000);
		pkts[0] = rig_packet(100, 1, 0);
		pkts[1] = tso_packet(1800);
		pkts[2] = rig_packet(200, 2, 0);
		assert_int_equal(rig_enqueue(&g, pkts, 3), delivered[i]);
		assert_int_equal(taken(&g, done, 4), arrived[i]);
		assert_int_equal(p[2000 + 1], i == 1 ? VH_NET_GSO_TCPV4 : i == 0 ? 0 : 0xee);
		assert_int_equal(g.dev->queue[RIG_RX]->ring->stats[VH_STAT_GOOD_PACKETS], arrived[i]);
		assert_int_equal(g.dev->queue[RIG_RX]->ring->stats[VH_STAT_GOOD_BYTES], bytes[i]);
		rig_counted(&g, VH_V_RX_META, 1);
		rte_pktmbuf_free_bulk(pkts, 3);
		rig_close(&g);
	}
}

/* A guest that can gets the request: header and pseudo-header sum as NET-29 wants them. */
static void
test_rx_tso(void **state)
{
	const uint64_t f = VH_F_NET_GUEST_CSUM | VH_F_NET_GUEST_TSO4 | VH_F_NET_MRG_RXBUF;
	struct rte_mbuf *m;
	struct netq_hdr h;
	struct rig g;
	uint8_t *p;

	rig_open(&g, &(struct rig_cfg){ .features = f });
	p = offer_buffers(&g, 4, 2000);
	m = tso_packet(3000);
	assert_int_equal(rig_enqueue(&g, &m, 1), 1);
	memcpy(&h, p, 12);
	assert_int_equal(h.flags, 1);
	assert_int_equal(h.gso_type, VH_NET_GSO_TCPV4);
	assert_int_equal(h.gso_size, 1000);
	assert_int_equal(h.hdr_len, 54);
	assert_int_equal(h.csum_start, 34);
	assert_int_equal(h.csum_offset, 16);
	assert_int_equal(h.num_buffers, 2);
	rte_pktmbuf_free(m);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

/* More than 32 are not looked at; one interrupt decision per call; a used chain grows by whole packets only. */
static void
test_burst_limit(void **state)
{
	struct rte_mbuf *pkts[40];
	struct drv_done done[64];
	unsigned int i;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ 0 });
	(void)offer_buffers(&g, 40, 200);
	for (i = 0; i < 40; i++)
		pkts[i] = rig_packet(100, i, 0);
	assert_int_equal(rig_enqueue(&g, pkts, 0), 0);
	assert_int_equal(rig_enqueue(&g, pkts, 40), 32);
	assert_int_equal(taken(&g, done, 64), 32);
	assert_int_equal(rig_enqueue(&g, pkts + 32, 8), 8);
	assert_int_equal(taken(&g, done, 64), 8);
	rte_pktmbuf_free_bulk(pkts, 40);
	rig_close(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_bytes),
		cmocka_unit_test(test_header_1_1_4096),
		cmocka_unit_test(test_scattered),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_four_small),
		cmocka_unit_test(test_rx_buf),
		cmocka_unit_test(test_tiny_buffers),
		cmocka_unit_test(test_tiny_one_piece),
		cmocka_unit_test(test_ring_short),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_bad_buffers),
		cmocka_unit_test(test_chained),
		cmocka_unit_test(test_rx_meta),
		cmocka_unit_test(test_rx_tso),
		cmocka_unit_test(test_burst_limit),
	};

	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
