/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unit test of offload.c: frames with right, wrong and missing checksums, in one segment and in
 * several, and what is done with them for guests that can and cannot take them. The expected sums
 * are computed here byte by byte, not with the functions that offload.c uses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_vhost.h>

#include "offload.h"

enum { PAYLOAD = 301, L4_OFFSET_V4 = 34, L4_OFFSET_V6 = 54, V6_EXT_BYTES = 8 };
enum { TCP = 6, UDP = 17, SCTP = 132, HOP_BY_HOP = 0 };

#define GUEST_CSUM (1ULL << VIRTIO_NET_F_GUEST_CSUM)
#define GUEST_TSO4 (1ULL << VIRTIO_NET_F_GUEST_TSO4)
#define GUEST_TSO6 (1ULL << VIRTIO_NET_F_GUEST_TSO6)
#define GUEST_UFO (1ULL << VIRTIO_NET_F_GUEST_UFO)

static struct rte_mempool *pool;

/* ---- the slow way ---- */

static uint32_t
add_bytes(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t
slow_crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

/* ---- frames ---- */

struct test_frame {
	uint8_t bytes[1024];
	uint16_t len, l4;   /* l4: offset */
	uint16_t field;     /* offset of the checksum */
	uint8_t proto;
	uint8_t sum[4];     /* what belongs there */
	uint8_t nr_sum;
};

static void
put16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void
fill_l4(struct test_frame *f, uint32_t pseudo)
{
	uint16_t header = f->proto == TCP ? 20 : f->proto == UDP ? 8 : 12;
	uint16_t len = header + PAYLOAD;
	uint8_t *l4 = f->bytes + f->l4;
	uint32_t crc;

	for (unsigned int i = 0; i < PAYLOAD; i++)
		l4[header + i] = (uint8_t)(i * 7 + 3);
	put16(l4, 1000);
	put16(l4 + 2, 2000);
	if (f->proto == TCP)
		l4[12] = 5 << 4;
	else if (f->proto == UDP)
		put16(l4 + 4, len);
	f->field = f->l4 + (f->proto == TCP ? 16 : f->proto == UDP ? 6 : 8);
	f->len = f->l4 + len;
	f->nr_sum = f->proto == SCTP ? 4 : 2;
	if (f->proto == SCTP) {
		crc = slow_crc32c(l4, len);
		for (int i = 0; i < 4; i++)
			f->sum[i] = (uint8_t)(crc >> (8 * i)); /* least significant byte first */
	} else {
		put16(f->sum, fold(add_bytes(pseudo + f->proto + len, l4, len)));
	}
}

static void
fill_v4(struct test_frame *f, uint8_t proto)
{
	uint8_t *ip = f->bytes + 14;
	uint16_t header = proto == TCP ? 20 : proto == UDP ? 8 : 12;

	memset(f, 0, sizeof(*f));
	f->proto = proto;
	f->l4 = L4_OFFSET_V4;
	put16(f->bytes + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 20u + header + PAYLOAD);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, "\xc6\x12\x00\x01\xc6\x12\x00\x02", 8);
	put16(ip + 10, fold(add_bytes(0, ip, 20)));
	fill_l4(f, add_bytes(0, ip + 12, 8));
}

static void
fill_v6(struct test_frame *f, uint8_t proto, uint16_t ext_bytes)
{
	uint8_t *ip = f->bytes + 14;
	uint16_t header = proto == TCP ? 20 : proto == UDP ? 8 : 12;

	memset(f, 0, sizeof(*f));
	f->proto = proto;
	f->l4 = L4_OFFSET_V6 + ext_bytes;
	put16(f->bytes + 12, 0x86dd);
	ip[0] = 0x60;
	put16(ip + 4, ext_bytes + header + PAYLOAD);
	ip[6] = ext_bytes ? HOP_BY_HOP : proto;
	ip[7] = 64;
	for (int i = 8; i < 40; i++)
		ip[i] = (uint8_t)(0x20 + i);
	if (ext_bytes) {
		ip[40] = proto; /* next; its own length 0 stands for 8 bytes: one PadN option */
		ip[42] = 1;
		ip[43] = 4;
	}
	fill_l4(f, add_bytes(0, ip + 8, 32));
}

static void
set_sum(struct test_frame *f, int right)
{
	memcpy(f->bytes + f->field, f->sum, f->nr_sum);
	if (!right)
		f->bytes[f->field] ^= 0x5a;
}

/* Segments of `first` bytes and then `rest` each. */
static struct rte_mbuf *
make_mbuf(const struct test_frame *f, uint16_t first, uint16_t rest)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	uint16_t done = RTE_MIN(first, f->len);

	assert_non_null(head);
	memcpy(rte_pktmbuf_append(head, done), f->bytes, done);
	while (done < f->len) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t n = RTE_MIN(rest, f->len - done);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, n), f->bytes + done, n);
		assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		done += n;
	}
	return head;
}

static void
assert_frame(const struct rte_mbuf *m, struct test_frame *f)
{
	uint8_t copy[sizeof(f->bytes)];
	const uint8_t *got = rte_pktmbuf_read(m, 0, f->len, copy);

	set_sum(f, 1);
	assert_int_equal(m->pkt_len, f->len);
	assert_memory_equal(got, f->bytes, f->len);
}

/* ---- csum mode ---- */

static void
recompute_each_way(struct test_frame *f, uint16_t first, uint16_t rest)
{
	for (int right = 0; right <= 1; right++) {
		struct csum_result result = { 0 };
		struct rte_mbuf *m;

		set_sum(f, right);
		m = make_mbuf(f, first, rest);
		offload_recompute(m, &result);
		assert_frame(m, f);
		assert_int_equal(result.bad_l4, right ? 0 : 1);
		assert_int_equal(result.bad_ip + result.completed + result.unknown, 0);
		rte_pktmbuf_free(m);
	}
}

static void
test_recompute(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, SCTP };
	struct test_frame f;

	for (unsigned int i = 0; i < sizeof(protos); i++) {
		fill_v4(&f, protos[i]);
		recompute_each_way(&f, 2000, 0);
		recompute_each_way(&f, 101, 33);
		fill_v6(&f, protos[i], 0);
		recompute_each_way(&f, 2000, 0);
		recompute_each_way(&f, 99, 7);
		fill_v6(&f, protos[i], V6_EXT_BYTES);
		recompute_each_way(&f, 2000, 0);
	}
}

static void
test_recompute_left_undone(void **state)
{
	static const uint64_t asked[] = {
		RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, RTE_MBUF_F_RX_L4_CKSUM_NONE,
	};
	struct test_frame f;

	for (unsigned int i = 0; i < RTE_DIM(asked); i++) {
		struct csum_result result = { 0 };
		struct rte_mbuf *m;

		fill_v4(&f, TCP);
		set_sum(&f, 0);
		m = make_mbuf(&f, 2000, 0);
		m->ol_flags = asked[i];
		offload_recompute(m, &result);
		assert_frame(m, &f);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(result.completed, 1);
		assert_int_equal(result.bad_l4, 0);
		rte_pktmbuf_free(m);
	}
}

static void
test_bad_ip_header_sum(void **state)
{
	struct csum_result result = { 0 };
	struct test_frame f, sent;
	struct rte_mbuf *m;

	fill_v4(&f, UDP);
	set_sum(&f, 1);
	sent = f;
	sent.bytes[24] ^= 0xff;
	m = make_mbuf(&sent, 2000, 0);
	offload_recompute(m, &result);
	assert_frame(m, &f);
	assert_int_equal(result.bad_ip, 1);
	rte_pktmbuf_free(m);
}

static void
test_udp_without_sum_stays(void **state)
{
	struct csum_result result = { 0 };
	struct test_frame f;
	struct rte_mbuf *m;

	fill_v4(&f, UDP);
	memset(f.sum, 0, sizeof(f.sum));
	set_sum(&f, 1);
	m = make_mbuf(&f, 2000, 0);
	offload_recompute(m, &result);
	assert_frame(m, &f);
	assert_int_equal(result.bad_l4, 0);
	rte_pktmbuf_free(m);
}

/* A frame that contradicts itself is passed on as it came, and nothing beyond it is read. */
static void
expect_untouched(struct test_frame *f, uint16_t len)
{
	struct csum_result result = { 0 };
	uint8_t before[sizeof(f->bytes)];
	struct rte_mbuf *m;

	f->len = len;
	memcpy(before, f->bytes, sizeof(before));
	m = make_mbuf(f, 2000, 0);
	offload_recompute(m, &result);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), before, len);
	assert_int_equal(result.unknown, 1);
	rte_pktmbuf_free(m);
}

static void
test_malformed(void **state)
{
	struct test_frame f;

	fill_v4(&f, TCP);
	put16(f.bytes + 16, 0xffff); /* longer than the frame */
	expect_untouched(&f, f.len);
	fill_v4(&f, TCP);
	f.bytes[14] = 0x41; /* header of 4 bytes */
	expect_untouched(&f, f.len);
	fill_v4(&f, TCP);
	put16(f.bytes + 16, 10); /* shorter than its header */
	expect_untouched(&f, f.len);
	fill_v6(&f, UDP, 0);
	put16(f.bytes + 18, 0xfff0);
	expect_untouched(&f, f.len);
	fill_v4(&f, TCP);
	f.bytes[f.l4 + 12] = 0xf0; /* TCP header of 60 bytes in a segment of 25 */
	put16(f.bytes + 16, 45);
	put16(f.bytes + 24, 0);
	put16(f.bytes + 24, fold(add_bytes(0, f.bytes + 14, 20)));
	expect_untouched(&f, 59);
	for (uint16_t len = 0; len < L4_OFFSET_V4; len++) {
		fill_v4(&f, TCP);
		expect_untouched(&f, len);
	}
}

static void
test_segmentation_is_requested(void **state)
{
	struct csum_result result = { 0 };
	struct test_frame f;
	struct rte_mbuf *m;

	fill_v6(&f, TCP, 0);
	m = make_mbuf(&f, 2000, 0);
	m->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	m->tso_segsz = 100;
	offload_recompute(m, &result);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
			 RTE_MBUF_F_TX_IPV6);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 40);
	assert_int_equal(m->l4_len, 20);
	assert_int_equal(m->tso_segsz, 100);
	rte_pktmbuf_free(m);
}

/* ---- between guests ---- */

static int
fit(struct test_frame *f, uint64_t flags, uint16_t segsz, uint64_t features, uint64_t *after)
{
	struct rte_mbuf *m = make_mbuf(f, 2000, 0);
	int result;

	m->ol_flags = flags;
	m->tso_segsz = segsz;
	assert_true(offload_asked(m));
	result = offload_fit(m, features);
	*after = m->ol_flags;
	if (result == 0 && m->ol_flags == 0)
		assert_frame(m, f);
	rte_pktmbuf_free(m);
	return result;
}

static void
test_fit_checksum(void **state)
{
	uint64_t tx = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, after;
	struct test_frame f;

	fill_v4(&f, TCP);
	set_sum(&f, 0);
	assert_int_equal(fit(&f, tx, 0, GUEST_CSUM, &after), 0);
	assert_int_equal(after, tx);
	assert_int_equal(fit(&f, tx, 0, 0, &after), 0);
	assert_int_equal(after, 0);
	set_sum(&f, 0);
	assert_int_equal(fit(&f, RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, GUEST_CSUM, &after), 0);
	assert_int_equal(after, 0);
}

static void
test_fit_segmentation(void **state)
{
	uint64_t tx = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, after;
	struct test_frame f;

	fill_v4(&f, TCP);
	assert_int_equal(fit(&f, tx, 100, GUEST_CSUM | GUEST_TSO4, &after), 0);
	assert_int_equal(after, tx | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(fit(&f, tx, 100, GUEST_CSUM, &after), -1);
	assert_int_equal(fit(&f, tx, 100, GUEST_TSO4, &after), -1);
	assert_int_equal(fit(&f, tx, 100, GUEST_CSUM | GUEST_TSO6, &after), -1);
	assert_int_equal(fit(&f, tx, 0, GUEST_CSUM | GUEST_TSO4, &after), -1);
	fill_v4(&f, UDP);
	tx = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	assert_int_equal(fit(&f, tx, 100, GUEST_CSUM | GUEST_UFO, &after), 0);
	assert_int_equal(after, RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM |
			 RTE_MBUF_F_TX_IPV4);
	assert_int_equal(fit(&f, tx, 100, GUEST_CSUM | GUEST_TSO4, &after), -1);
}

static void
test_plain_frame_asks_nothing(void **state)
{
	struct rte_mbuf m = { .ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_VLAN };

	assert_false(offload_asked(&m));
	m.ol_flags = 0;
	assert_false(offload_asked(&m));
}

static int
start_eal(void **state)
{
	static char prefix[32];
	char *argv[] = { "test_offload", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
			 "--no-telemetry", "--log-level=error", "--file-prefix", prefix, NULL };

	snprintf(prefix, sizeof(prefix), "vtpo%d", (int)getpid());
	if (rte_eal_init((int)RTE_DIM(argv) - 1, argv) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("test", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pool != NULL ? 0 : -1;
}

static int
stop_eal(void **state)
{
	int lost = rte_mempool_in_use_count(pool) != 0;

	rte_mempool_free(pool);
	rte_eal_cleanup();
	return lost ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recompute),
		cmocka_unit_test(test_recompute_left_undone),
		cmocka_unit_test(test_bad_ip_header_sum),
		cmocka_unit_test(test_udp_without_sum_stays),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_segmentation_is_requested),
		cmocka_unit_test(test_fit_checksum),
		cmocka_unit_test(test_fit_segmentation),
		cmocka_unit_test(test_plain_frame_asks_nothing),
	};

	return cmocka_run_group_tests(tests, start_eal, stop_eal);
}
