/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Room for frames larger than one mbuf, mbufs of a burst, and the announcement.
 * Covers rarp.c. Attacks A162, A268.
 */
#include "mbuf.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_vhost.h>

#include "rarp.h"
#include "rig.h"

static struct vh_bind
binding(uint32_t flags)
{
	return (struct vh_bind){ .flags = flags };
}

static struct rte_mbuf *
fresh(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig_pool());

	assert_non_null(m);
	return m;
}

static void
assert_empty(const struct rte_mbuf *m)
{
	assert_int_equal(m->nb_segs, 1);
	assert_null(m->next);
	assert_int_equal(m->data_len, 0);
	assert_int_equal(m->pkt_len, 0);
	assert_false(RTE_MBUF_HAS_EXTBUF(m));
}

static void
assert_chain(const struct rte_mbuf *m, uint32_t len)
{
	uint32_t sum = 0, segs = 0;
	const struct rte_mbuf *s;

	rte_mbuf_sanity_check(m, 1);
	for (s = m; s != NULL; s = s->next, segs++) {
		sum += s->data_len;
		assert_true(s->data_len > 0);
		assert_int_equal(s->data_off, RTE_PKTMBUF_HEADROOM);
		if (s->next != NULL)
			assert_int_equal(s->data_len, RIG_ROOM);
	}
	assert_int_equal(sum, len);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->nb_segs, segs);
}

static void
test_chain(void **state)
{
	static const uint32_t lens[] = {
		RIG_ROOM + 1, 2 * RIG_ROOM - 1, 2 * RIG_ROOM, 2 * RIG_ROOM + 1, 33 * RIG_ROOM, 65589, 65597,
		200 * RIG_ROOM,
	};
	struct vh_bind b = binding(0);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct rte_mbuf *m = fresh();

		assert_int_equal(vh_mbuf_extend(&b, m, rig_pool(), lens[i]), 0);
		assert_chain(m, lens[i]);
		rte_pktmbuf_free(m);
	}
}

/* Too few now, in the first bulk or a later one: -ENOMEM, the mbuf is as it was, nothing is lost. */
static void
test_short_pool(void **state)
{
	static struct rte_mbuf *hold[RIG_MBUFS];
	struct vh_bind b = binding(0);
	unsigned int left;

	for (left = 0; left < 40; left++) {
		struct rte_mbuf *m = fresh();
		unsigned int n = RIG_MBUFS - 1 - left;

		assert_int_equal(rte_pktmbuf_alloc_bulk(rig_pool(), hold, n), 0);
		assert_int_equal(vh_mbuf_extend(&b, m, rig_pool(), (left + 1) * RIG_ROOM + 1), -ENOMEM);
		assert_empty(m);
		assert_int_equal(rte_mempool_avail_count(rig_pool()), left);
		if (left > 0) {
			assert_int_equal(vh_mbuf_extend(&b, m, rig_pool(), (left + 1) * RIG_ROOM), 0);
			assert_chain(m, (left + 1) * RIG_ROOM);
			assert_int_equal(rte_mempool_avail_count(rig_pool()), 0);
		}
		rte_pktmbuf_free(m);
		rte_pktmbuf_free_bulk(hold, n);
	}
}

/* A pool that is too small as a whole: waiting would not help. */
static void
test_small_pool(void **state)
{
	struct rte_mempool *p = rte_pktmbuf_pool_create("small", 7, 0, 0, RTE_PKTMBUF_HEADROOM + 256, 0);
	struct vh_bind b = binding(0);
	struct rte_mbuf *m;

	assert_non_null(p);
	m = rte_pktmbuf_alloc(p);
	assert_int_equal(vh_mbuf_extend(&b, m, p, 7 * 256 + 1), -E2BIG);
	assert_empty(m);
	assert_int_equal(vh_mbuf_extend(&b, m, p, 7 * 256), 0);
	assert_int_equal(m->nb_segs, 7);
	rte_pktmbuf_free(m);
	assert_int_equal(rte_mempool_avail_count(p), 7);
	rte_mempool_free(p);
	/* no room at all behind the headroom */
	p = rte_pktmbuf_pool_create("roomless", 7, 0, 0, RTE_PKTMBUF_HEADROOM, 0);
	assert_non_null(p);
	m = rte_pktmbuf_alloc(p);
	assert_int_equal(vh_mbuf_extend(&b, m, p, 60), -E2BIG);
	rte_pktmbuf_free(m);
	rte_mempool_free(p);
}

/* One buffer of the heap, as long as 16 bits can say; beyond: a chain, or never. */
static void
test_external(void **state)
{
	static const uint32_t lens[] = { RIG_ROOM + 1, 9000, 65000, 65300 };
	struct vh_bind both = binding(VH_B_EXTBUF | VH_B_LINEARBUF), ext = binding(VH_B_EXTBUF);
	unsigned int i, round;
	struct rte_mbuf *m;

	/* many times the heap: what is not given back would be missed */
	for (round = 0; round < 4000; round++) {
		for (i = 0; i < 4; i++) {
			m = fresh();
			assert_int_equal(vh_mbuf_extend(round % 2 ? &both : &ext, m, rig_pool(), lens[i]), 0);
			assert_true(RTE_MBUF_HAS_EXTBUF(m));
			assert_int_equal(m->nb_segs, 1);
			assert_int_equal(m->data_len, lens[i]);
			assert_int_equal(m->pkt_len, lens[i]);
			assert_int_equal(m->data_off, RTE_PKTMBUF_HEADROOM);
			assert_true((uint32_t)m->data_off + lens[i] <= m->buf_len);
			if (round < 4)
				memset(rte_pktmbuf_mtod(m, void *), 0x77, lens[i]);
			rte_pktmbuf_free(m);
		}
	}
	for (i = 65400; i < 65600; i += 13) {
		m = fresh();
		assert_int_equal(vh_mbuf_extend(&both, m, rig_pool(), i), -E2BIG);
		assert_empty(m);
		assert_int_equal(vh_mbuf_extend(&ext, m, rig_pool(), i), 0);
		assert_chain(m, i);
		rte_pktmbuf_free(m);
	}
	m = fresh();
	assert_int_equal(vh_mbuf_extend(&both, m, rig_pool(), UINT32_MAX - 52), -E2BIG);
	assert_empty(m);
	rte_pktmbuf_free(m);
}

static void
test_linear(void **state)
{
	struct vh_bind b = binding(VH_B_LINEARBUF);
	struct rte_mbuf *m = fresh();

	assert_int_equal(vh_mbuf_extend(&b, m, rig_pool(), RIG_ROOM + 1), -E2BIG);
	assert_empty(m);
	rte_pktmbuf_free(m);
}

/* RFC 903 request, broadcast, 64 bytes. */
static void
test_rarp_frame(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	static const uint8_t type[10] = { 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3 };
	static const uint8_t zero[22];
	struct vh_rarp r = { .mac = UINT64_C(0x563412005452), .armed = 1 };
	struct rte_mbuf *m = vh_rarp_make(&r, rig_pool());
	const uint8_t *p;
	unsigned int i;

	assert_non_null(m);
	assert_int_equal(m->pkt_len, 64);
	assert_int_equal(m->data_len, 64);
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	for (i = 0; i < 6; i++)
		assert_int_equal(p[i], 0xff);
	assert_memory_equal(p + 6, mac, 6);
	assert_memory_equal(p + 12, type, 10);
	assert_memory_equal(p + 22, mac, 6);
	assert_memory_equal(p + 28, zero, 4);
	assert_memory_equal(p + 32, mac, 6);
	assert_memory_equal(p + 38, zero, 22);
	rte_pktmbuf_free(m);
	assert_int_equal(r.armed, 0);
}

/* Once per arming; not armed: none; within the interval it waits; without mbufs it stays armed. */
static void
test_rarp_once(void **state)
{
	static struct rte_mbuf *hold[RIG_MBUFS];
	struct vh_rarp r = { .mac = 1, .interval = rte_get_tsc_hz() / 50 };
	struct rte_mbuf *m;

	assert_false(vh_rarp_is_armed(&r));
	assert_null(vh_rarp_make(&r, rig_pool()));
	r.armed = 1;
	assert_true(vh_rarp_is_armed(&r));
	assert_int_equal(rte_pktmbuf_alloc_bulk(rig_pool(), hold, RIG_MBUFS), 0);
	assert_null(vh_rarp_make(&r, rig_pool()));
	assert_true(vh_rarp_is_armed(&r));
	rte_pktmbuf_free_bulk(hold, RIG_MBUFS);
	m = vh_rarp_make(&r, rig_pool());
	assert_non_null(m);
	rte_pktmbuf_free(m);
	assert_null(vh_rarp_make(&r, rig_pool()));
	r.armed = 1;
	assert_null(vh_rarp_make(&r, rig_pool()));
	assert_true(vh_rarp_is_armed(&r));
	rte_delay_us_sleep(25000);
	m = vh_rarp_make(&r, rig_pool());
	assert_non_null(m);
	rte_pktmbuf_free(m);
}

/* An mbuf that cannot hold 64 bytes: no announcement, nothing leaks, it stays armed. */
static void
test_rarp_no_room(void **state)
{
	struct rte_mempool *p = rte_pktmbuf_pool_create("tiny", 7, 0, 0, RTE_PKTMBUF_HEADROOM + 32, 0);
	struct vh_rarp r = { .armed = 1 };

	assert_non_null(p);
	assert_null(vh_rarp_make(&r, p));
	assert_int_equal(rte_mempool_avail_count(p), 7);
	assert_true(vh_rarp_is_armed(&r));
	rte_mempool_free(p);
}

static unsigned int
take_mbufs(struct rte_mbuf **m, unsigned int leave)
{
	unsigned int n = RIG_MBUFS - leave;

	assert_int_equal(rte_pktmbuf_alloc_bulk(rig_pool(), m, n), 0);
	return n;
}

/* NET-6: no mbufs, or too few for one frame: nothing is consumed, nothing is counted. */
static void
test_pool_empty(void **state)
{
	static struct rte_mbuf *hold[RIG_MBUFS];
	struct rte_mbuf *pkts[4];
	unsigned int n;
	struct rig g;

	rig_open(&g, &(struct rig_cfg){ 0 });
	rig_send(&g, 60, 1);
	rig_send(&g, 9000, 2);
	rig_send(&g, 60, 3);
	n = take_mbufs(hold, 2);
	assert_int_equal(rig_dequeue(&g, pkts, 4), 0);
	assert_int_equal(rig_sent(&g), 0);
	rte_pktmbuf_free_bulk(hold, n);
	/* three for the burst, one of the four more that the second frame wants */
	n = take_mbufs(hold, 4);
	assert_int_equal(rig_dequeue(&g, pkts, 4), 1);
	rig_is_frame(pkts[0], 60, 1);
	rte_pktmbuf_free_bulk(pkts, 1);
	assert_int_equal(rig_sent(&g), 1);
	rte_pktmbuf_free_bulk(hold, n);
	assert_int_equal(rig_dequeue(&g, pkts, 4), 2);
	rig_is_frame(pkts[0], 9000, 2);
	rig_is_frame(pkts[1], 60, 3);
	rte_pktmbuf_free_bulk(pkts, 2);
	rig_counted(&g, VH_V_NONE, 0);
	rig_close(&g);
}

/* Whatever the last owner of an mbuf wrote into it: a frame comes with the fields of a fresh one, in every segment. */
static void
soil_pool(void)
{
	static struct rte_mbuf *hold[RIG_MBUFS];
	unsigned int i;

	assert_int_equal(rte_pktmbuf_alloc_bulk(rig_pool(), hold, RIG_MBUFS), 0);
	for (i = 0; i < RIG_MBUFS; i++) {
		struct rte_mbuf *m = hold[i];

		m->data_off = 7;
		m->data_len = 9999;
		m->pkt_len = 0xdeadbeef;
		m->port = 3;
		m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
		m->packet_type = 0x211;
		m->vlan_tci = m->vlan_tci_outer = 0x123;
		m->tx_offload = ~UINT64_C(0);
	}
	rte_pktmbuf_free_bulk(hold, RIG_MBUFS);
}

static void
assert_fresh(const struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next) {
		assert_int_equal(m->data_off, RTE_PKTMBUF_HEADROOM);
		assert_int_equal(m->port, RTE_MBUF_PORT_INVALID);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(m->packet_type, 0);
		assert_int_equal(m->vlan_tci | m->vlan_tci_outer, 0);
		assert_int_equal(m->tx_offload, 0);
		assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	}
}

static void
test_fresh_mbufs(void **state)
{
	static const uint32_t len[] = { 60, 9000, 14, 1500 };
	struct rte_mbuf *pkts[8];
	unsigned int kind, i;
	struct rig g;

	for (kind = 0; kind < 12; kind++) {
		struct rig_cfg cfg = { .features = kind & 1 ? VH_F_RING_PACKED : 0 };

		cfg.features |= kind & 2 ? VH_F_NET_CSUM : 0;
		if (kind / 4 != 0)
			cfg.flags = kind / 4 == 1 ? RTE_VHOST_USER_EXTBUF_SUPPORT :
				RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
		rig_open(&g, &cfg);
		soil_pool();
		rig_send(&g, len[0], 0);
		rig_send(&g, 13, 9);
		for (i = 1; i < 4; i++)
			rig_send(&g, len[i], i);
		g.dev->rarp.armed = 1;
		assert_int_equal(rig_dequeue(&g, pkts, 8), 5);
		for (i = 0; i < 4; i++) {
			rig_is_frame(pkts[i + 1], len[i], i);
			assert_int_equal(RTE_MBUF_HAS_EXTBUF(pkts[i + 1]) != 0, kind / 4 == 1 && i == 1);
			if (!RTE_MBUF_HAS_EXTBUF(pkts[i + 1]))
				assert_fresh(pkts[i + 1]);
		}
		assert_fresh(pkts[0]);
		rte_pktmbuf_free_bulk(pkts, 5);
		rig_counted(&g, VH_V_TX_SHORT, 1);
		rig_close(&g);
	}
}

/* A268, NET-31: the announcement takes a place of the caller's array, never one behind it. */
static void
test_announcement(void **state)
{
	struct rte_mbuf *const none = (struct rte_mbuf *)(uintptr_t)8;
	struct rte_mbuf *pkts[4];
	uint16_t count;
	struct rig g;

	for (count = 0; count < 4; count++) {
		unsigned int i, frames = count < 2 ? 0 : count - 1u;

		rig_open(&g, &(struct rig_cfg){ .flags = RTE_VHOST_USER_NET_STATS_ENABLE });
		for (i = 0; i < 3; i++)
			rig_send(&g, 100, i);
		for (i = 0; i < 4; i++)
			pkts[i] = none;
		g.dev->rarp.mac = 0x060504030202;
		g.dev->rarp.armed = 1;
		assert_int_equal(rig_dequeue(&g, pkts, count), count);
		for (i = count; i < 4; i++)
			assert_ptr_equal(pkts[i], none);
		assert_int_equal(rig_sent(&g), frames);
		assert_int_equal(g.dev->rarp.armed, count == 0);
		if (count > 0)
			assert_int_equal(pkts[0]->pkt_len, 64);
		for (i = 0; i < frames; i++)
			rig_is_frame(pkts[i + 1], 100, i);
		assert_int_equal(g.dev->queue[RIG_TX]->ring->stats[VH_STAT_GOOD_PACKETS], count);
		assert_int_equal(g.dev->queue[RIG_TX]->ring->stats[VH_STAT_BROADCAST], count > 0);
		rte_pktmbuf_free_bulk(pkts, count);
		rig_close(&g);
	}
}

static int
nothing_leaked(void **state)
{
	assert_int_equal(rte_mempool_avail_count(rig_pool()), RIG_MBUFS);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_chain, nothing_leaked),
		cmocka_unit_test_teardown(test_short_pool, nothing_leaked),
		cmocka_unit_test_teardown(test_small_pool, nothing_leaked),
		cmocka_unit_test_teardown(test_external, nothing_leaked),
		cmocka_unit_test_teardown(test_linear, nothing_leaked),
		cmocka_unit_test_teardown(test_rarp_frame, nothing_leaked),
		cmocka_unit_test_teardown(test_rarp_once, nothing_leaked),
		cmocka_unit_test_teardown(test_rarp_no_room, nothing_leaked),
		cmocka_unit_test_teardown(test_pool_empty, nothing_leaked),
		cmocka_unit_test_teardown(test_fresh_mbufs, nothing_leaked),
		cmocka_unit_test_teardown(test_announcement, nothing_leaked),
	};

	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
