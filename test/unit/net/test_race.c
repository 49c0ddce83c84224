/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver that rewrites headers and frames while they are copied. What comes out may be torn, but it must be one
 * thing: whatever the flags of an mbuf say has to be true of the bytes in that mbuf, and nothing outside of the
 * buffers changes. Covers dequeue.c, enqueue.c, hdr.c. Usage: test_race [milliseconds per style]
 */
#include "rig.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_vhost.h>

#include "frame.h"
#include "parse.h"

#define NR 8u
#define TX_FEATURES (VH_F_NET_CSUM | VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6 | VH_F_NET_HOST_UFO)

/* Guest memory is written by one thread while another reads it: that is the test. */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:vandal\nrace:vh_guest_\nrace:vh_copy_\nrace:read_bytes\nrace:write_bytes\nrace:drv_\n";
}

static unsigned int run_ms = 300;

/* One buffer: header and frame, in honest variants that the vandal puts there in turn, and often in part. */
struct target {
	uint8_t *at;
	uint32_t len;
};

struct attack {
	struct target target[NR];
	struct frame v4, v6, udp;
	uint32_t hdr_len;
	bool stop;
	uint64_t state, rounds;
};

static uint32_t
rnd(struct attack *a, uint32_t below)
{
	a->state = a->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(a->state >> 33) % below;
}

static void
store(uint8_t *to, const uint8_t *from, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

/* Header for one of the frames, sometimes with a field that fits another. */
static struct netq_hdr
some_hdr(struct attack *a, const struct frame *f)
{
	static const uint8_t types[] = { 0, 0, 1, 1, 3, 4, 4, 5, 0x81, 0x20 };
	static const uint16_t sizes[] = { 0, 1, 7, 8, 100, 1448, 65535 };
	struct netq_hdr h = {
		.flags = rnd(a, 4) != 0, .gso_type = types[rnd(a, 10)], .gso_size = sizes[rnd(a, 7)],
		.csum_start = (uint16_t)frame_l4(f), .csum_offset = f->field,
	};

	if (rnd(a, 20) == 0)
		h.csum_start = (uint16_t)(h.csum_start + rnd(a, 65536));
	if (rnd(a, 20) == 0)
		h.csum_offset = (uint16_t)rnd(a, 65536);
	return h;
}

static void *
vandal(void *arg)
{
	struct attack *a = arg;

	for (; !__atomic_load_n(&a->stop, __ATOMIC_RELAXED); a->rounds++) {
		const struct target *t = &a->target[rnd(a, NR)];
		const struct frame *frames[] = { &a->v4, &a->v6, &a->udp }, *f = frames[rnd(a, 3)];
		struct netq_hdr h = some_hdr(a, f);
		uint32_t len = f->len < t->len - a->hdr_len ? f->len : t->len - a->hdr_len;
		uint32_t from = rnd(a, 3) == 0 ? rnd(a, 40) : 0;

		store(t->at, (const uint8_t *)&h, a->hdr_len);
		store(t->at + a->hdr_len + from, f->bytes + from, (len < 200 ? len : 200) - from);
	}
	return NULL;
}

/* Do the flags fit the bytes? Parsed anew, from the same private packet. */
static void
check_legacy(const struct rte_mbuf *m)
{
	const uint64_t seg = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG;
	struct vh_parsed p;

	if (m->ol_flags == 0) {
		assert_int_equal(m->tx_offload, 0);
		return;
	}
	assert_true(vh_parse(m, &p));
	assert_int_equal(m->l2_len, p.l2);
	assert_int_equal(m->l3_len, p.l3);
	assert_true((uint32_t)p.l2 + p.l3 + p.l4 <= m->data_len);
	assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_IPV4) != 0, p.v4);
	assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0, p.v6);
	assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM, p.proto == IPPROTO_TCP);
	if ((m->ol_flags & seg) == 0)
		return;
	assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0, p.proto == IPPROTO_TCP);
	assert_int_equal(m->l4_len, p.l4);
	assert_true(m->tso_segsz >= 8 && m->tso_segsz < m->pkt_len - p.l2 - p.l3 - p.l4);
}

static void
check_compliant(const struct rte_mbuf *m)
{
	struct vh_parsed p;

	assert_int_equal(m->ol_flags & ~(RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE), 0);
	if (m->ol_flags == 0)
		return;
	assert_true(vh_parse(m, &p));
	if ((m->ol_flags & RTE_MBUF_F_RX_LRO) != 0)
		assert_true(m->tso_segsz >= 8 && m->tso_segsz < m->pkt_len - p.l2 - p.l3 - p.l4);
}

static void
open_attack(struct attack *a, struct rig *g, struct target *rx)
{
	unsigned int i;

	memset(a, 0, sizeof(*a));
	a->v4 = (struct frame){ .proto = IPPROTO_TCP, .payload = 1400 };
	a->v6 = (struct frame){ .v6 = true, .proto = IPPROTO_TCP, .tags = 1, .payload = 1400 };
	a->udp = (struct frame){ .proto = IPPROTO_UDP, .options = 3, .payload = 1400 };
	frame_build(&a->v4);
	frame_build(&a->v6);
	frame_build(&a->udp);
	a->hdr_len = g->hdr_len;
	for (i = 0; i < NR; i++) {
		/* a short one may end inside of its headers */
		a->target[i].len = g->hdr_len + (i % 2 == 0 ? 1400 : 40 + 7 * i);
		a->target[i].at = rig_alloc(g, a->target[i].len);
		rx[i].len = g->hdr_len + 1600;
		rx[i].at = rig_alloc(g, rx[i].len);
	}
}

/* All buffers once through the ring. @return frames that came out */
static unsigned int
transmit(struct rig *g, const struct attack *a, void (*check)(const struct rte_mbuf *m))
{
	struct rte_mbuf *pkts[NR];
	struct drv_done done[NR];
	unsigned int i, n;

	for (i = 0; i < NR; i++) {
		const struct target *t = &a->target[i];
		/* in one piece, or cut inside of the header */
		struct drv_buf b[2] = { { rig_gpa(g, t->at), t->len } };
		unsigned int pieces = 1 + i % 3 / 2;

		if (pieces == 2) {
			b[1] = (struct drv_buf){ b[0].addr + 3, t->len - 3 };
			b[0].len = 3;
		}
		assert_true(drv_add(&g->ring[RIG_TX], b, pieces, 0, DRV_DIRECT, NULL) >= 0);
	}
	drv_publish(&g->ring[RIG_TX]);
	n = rig_dequeue(g, pkts, NR);
	for (i = 0; i < n; i++) {
		assert_int_equal(pkts[i]->nb_segs, 1);
		assert_int_equal(pkts[i]->data_len, pkts[i]->pkt_len);
		check(pkts[i]);
		rte_pktmbuf_free(pkts[i]);
	}
	/* dropped ones too: every chain is back after one call */
	assert_int_equal(drv_collect(&g->ring[RIG_TX], done, NR), NR);
	return n;
}

static void
receive(struct rig *g, const struct target *rx)
{
	struct drv_done done[NR];
	struct rte_mbuf *pkts[NR];
	unsigned int i;

	for (i = 0; i < NR; i++) {
		struct drv_buf b = { rig_gpa(g, rx[i].at), rx[i].len };

		assert_true(drv_add(&g->ring[RIG_RX], &b, 0, 1, DRV_DIRECT, NULL) >= 0);
		pkts[i] = rig_packet(100 + i, i, i % 2 == 0 ? 0 : 33);
	}
	drv_publish(&g->ring[RIG_RX]);
	assert_int_equal(rig_enqueue(g, pkts, NR), NR);
	assert_int_equal(drv_collect(&g->ring[RIG_RX], done, NR), NR);
	for (i = 0; i < NR; i++)
		assert_int_equal(done[i].len, g->hdr_len + 100 + i);
	rte_pktmbuf_free_bulk(pkts, NR);
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
run(uint64_t flags, uint64_t packed, void (*check)(const struct rte_mbuf *m))
{
	struct rig_cfg cfg = { .features = TX_FEATURES | packed, .flags = flags };
	static struct attack a, b;
	struct target rx[NR];
	uint64_t end, frames = 0;
	pthread_t t[2];
	struct rig g;

	rig_open(&g, &cfg);
	open_attack(&a, &g, rx);
	b = a;
	/* the second vandal writes where packets are put */
	memcpy(b.target, rx, sizeof(rx));
	b.state = 99;
	assert_int_equal(pthread_create(&t[0], NULL, vandal, &a), 0);
	assert_int_equal(pthread_create(&t[1], NULL, vandal, &b), 0);
	for (end = now_ms() + run_ms; now_ms() < end;) {
		frames += transmit(&g, &a, check);
		receive(&g, rx);
	}
	__atomic_store_n(&a.stop, true, __ATOMIC_RELAXED);
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	assert_true(a.rounds > 0 && b.rounds > 0 && frames > 0);
	rig_close(&g);
}

static void
test_legacy(void **state)
{
	run(0, 0, check_legacy);
	run(0, VH_F_RING_PACKED, check_legacy);
}

static void
test_compliant(void **state)
{
	run(RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS, 0, check_compliant);
	run(RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS, VH_F_RING_PACKED, check_compliant);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_compliant),
	};

	if (argc > 1)
		run_ms = (unsigned int)atoi(argv[1]);
	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
