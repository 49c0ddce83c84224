/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest's header asks for and what the application gets to see, in both styles; forged headers and lengths.
 * Covers parse.c, csum.c. Attacks A176..A186.
 */
#include "hdr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "csum.h"
#include "frame.h"
#include "parse.h"
#include "rig.h"

#define ALL (VH_F_NET_CSUM | VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6 | VH_F_NET_HOST_UFO)
#define TX_ANY (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_SEG | \
	RTE_MBUF_F_TX_UDP_SEG)
#define RX_ANY (RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO)

static struct vh_policy policy;
static struct frame f;

static struct vh_bind
binding(bool compliant, uint64_t features)
{
	struct vh_bind b = {
		.flags = VH_B_TX_OFFLOAD | (compliant ? VH_B_COMPLIANT : 0), .features = features, .policy = &policy,
	};

	return b;
}

/* What an honest driver asks for frame f. */
static struct vh_net_hdr
ask(uint8_t gso, uint16_t gso_size)
{
	struct vh_net_hdr h = {
		.flags = VH_NET_HDR_NEEDS_CSUM, .gso_type = gso, .gso_size = vh_cpu_to_le16(gso_size),
		.csum_start = vh_cpu_to_le16((uint16_t)frame_l4(&f)), .csum_offset = vh_cpu_to_le16(f.field),
		.hdr_len = vh_cpu_to_le16(0xffff),
	};

	return h;
}

static struct rte_mbuf *
try(bool compliant, uint64_t features, struct vh_net_hdr h, enum vh_violation want)
{
	struct rte_mbuf *m = frame_packet(&f, 0, false);
	struct vh_bind b = binding(compliant, features);

	assert_true(vh_hdr_asks(&h));
	assert_int_equal(vh_hdr_to_mbuf(&b, &h, m), want);
	return m;
}

static void
shape(bool v6, uint8_t proto, uint8_t tags, uint8_t options)
{
	f = (struct frame){ .v6 = v6, .proto = proto, .tags = tags, .options = options, .payload = 1800 };
	frame_build(&f);
}

static uint64_t
tx_flag(uint8_t proto)
{
	return proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : proto == IPPROTO_UDP ? RTE_MBUF_F_TX_UDP_CKSUM :
		RTE_MBUF_F_TX_SCTP_CKSUM;
}

static void
csum_both_styles(void)
{
	struct rte_mbuf *m = try(false, ALL, ask(VH_NET_GSO_NONE, 0), VH_V_NONE);

	assert_int_equal(m->ol_flags & TX_ANY, tx_flag(f.proto) | (f.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4));
	assert_int_equal(m->ol_flags & RX_ANY, 0);
	assert_int_equal(m->l2_len, f.l2);
	assert_int_equal(m->l3_len, f.l3);
	rte_pktmbuf_free(m);
	m = try(true, ALL, ask(VH_NET_GSO_NONE, 0), VH_V_NONE);
	assert_int_equal(m->ol_flags & TX_ANY, 0);
	assert_int_equal(m->ol_flags & RX_ANY, RTE_MBUF_F_RX_L4_CKSUM_NONE);
	assert_int_not_equal(m->packet_type & RTE_PTYPE_L4_MASK, 0);
	rte_pktmbuf_free(m);
}

/* Every protocol, with and without tags and options. */
static void
test_checksum(void **state)
{
	static const uint8_t proto[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	unsigned int i;
	uint8_t tags;

	for (i = 0; i < 3; i++) {
		for (tags = 0; tags < 3; tags++) {
			shape(true, proto[i], tags, 0);
			csum_both_styles();
			shape(false, proto[i], tags, 0);
			csum_both_styles();
			shape(false, proto[i], tags, 10);
			csum_both_styles();
		}
	}
}

static void
gso_both_styles(uint8_t type)
{
	bool tcp = f.proto == IPPROTO_TCP;
	struct rte_mbuf *m = try(false, ALL, ask(type, 700), VH_V_NONE);

	assert_int_equal(m->ol_flags & TX_ANY, tx_flag(f.proto) | (f.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4) |
		(tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG));
	assert_int_equal(m->l4_len, f.l4);
	assert_int_equal(m->tso_segsz, 700);
	rte_pktmbuf_free(m);
	m = try(true, ALL, ask(type, 700), VH_V_NONE);
	assert_int_equal(m->ol_flags & RX_ANY, RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO);
	assert_int_equal(m->tso_segsz, 700);
	rte_pktmbuf_free(m);
}

static void
test_segmentation(void **state)
{
	shape(false, IPPROTO_TCP, 0, 0);
	gso_both_styles(VH_NET_GSO_TCPV4);
	gso_both_styles(VH_NET_GSO_TCPV4 | VH_NET_GSO_ECN);
	shape(true, IPPROTO_TCP, 1, 0);
	gso_both_styles(VH_NET_GSO_TCPV6);
	shape(false, IPPROTO_UDP, 2, 3);
	gso_both_styles(VH_NET_GSO_UDP);
	shape(true, IPPROTO_UDP, 0, 0);
	gso_both_styles(VH_NET_GSO_UDP);
}

/* Segmentation that is not to be had: nothing of it reaches the application, the frame stays as it is. */
static void
no_gso(uint64_t features, struct vh_net_hdr h, enum vh_violation want)
{
	unsigned int style;

	for (style = 0; style < 2; style++) {
		struct rte_mbuf *m = try(style, features, h, want);

		assert_int_equal(m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_RX_LRO), 0);
		assert_int_equal(m->tso_segsz, 0);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), f.bytes, f.len);
		rte_pktmbuf_free(m);
	}
}

/* NET-9, NET-12..NET-15, NET-17; A179..A183 */
static void
test_bad_segmentation(void **state)
{
	struct vh_net_hdr h;
	unsigned int type;

	shape(false, IPPROTO_TCP, 0, 0);
	no_gso(ALL, ask(VH_NET_GSO_TCPV4, 0), VH_V_TX_META);
	no_gso(ALL, ask(VH_NET_GSO_TCPV6, 700), VH_V_TX_META);
	no_gso(ALL, ask(VH_NET_GSO_UDP, 700), VH_V_TX_META);
	no_gso(ALL, ask(VH_NET_GSO_UDP_L4, 700), VH_V_TX_META);
	/* nothing to cut */
	no_gso(ALL, ask(VH_NET_GSO_TCPV4, 1800), VH_V_TX_META);
	no_gso(ALL, ask(VH_NET_GSO_TCPV4, 65535), VH_V_TX_META);
	for (type = 2; type < 0x20; type++)
		if (type != VH_NET_GSO_UDP && type != VH_NET_GSO_TCPV6)
			no_gso(ALL, ask((uint8_t)type, 700), VH_V_TX_META);
	/* not negotiated */
	no_gso(ALL & ~VH_F_NET_HOST_TSO4, ask(VH_NET_GSO_TCPV4, 700), VH_V_TX_META);
	no_gso(ALL & ~VH_F_NET_CSUM, ask(VH_NET_GSO_TCPV4, 700), VH_V_TX_META);
	/* without NEEDS_CSUM */
	h = ask(VH_NET_GSO_TCPV4, 700);
	h.flags = VH_NET_HDR_DATA_VALID;
	no_gso(ALL, h, VH_V_TX_META);
	/* tunnels; too small to be honest */
	no_gso(ALL, ask(VH_NET_GSO_TCPV4 | 0x20, 700), VH_V_GSO);
	no_gso(ALL, ask(VH_NET_GSO_TCPV4 | 0x40, 700), VH_V_GSO);
	no_gso(ALL, ask(0x60, 700), VH_V_GSO);
	shape(true, IPPROTO_TCP, 0, 0);
	no_gso(ALL, ask(VH_NET_GSO_TCPV4, 700), VH_V_TX_META);
	no_gso(ALL & ~VH_F_NET_HOST_TSO6, ask(VH_NET_GSO_TCPV6, 700), VH_V_TX_META);
	shape(false, IPPROTO_UDP, 0, 0);
	no_gso(ALL & ~VH_F_NET_HOST_UFO, ask(VH_NET_GSO_UDP, 700), VH_V_TX_META);
}

/* NET-13: net.gso_min is the first that goes. */
static void
test_gso_min(void **state)
{
	uint16_t size;

	shape(false, IPPROTO_TCP, 0, 0);
	for (size = 1; size < 10; size++)
		rte_pktmbuf_free(try(size & 1, ALL, ask(VH_NET_GSO_TCPV4, size), size < 8 ? VH_V_GSO : VH_V_NONE));
}

/* NET-8, NET-14, NET-19: nothing asked. */
static void
test_nothing_asked(void **state)
{
	struct vh_net_hdr h = { .flags = 0xfe, .hdr_len = vh_cpu_to_le16(65535), .csum_start = vh_cpu_to_le16(9) };

	assert_false(vh_hdr_asks(&h));
	h.gso_type = VH_NET_GSO_ECN;
	assert_false(vh_hdr_asks(&h));
	h.flags = 0xff;
	assert_true(vh_hdr_asks(&h));
}

/* NEEDS_CSUM without CSUM acked; a place that is no transport checksum. Legacy: plain. */
static void
test_plain_instead(void **state)
{
	struct vh_net_hdr h;
	unsigned int i;

	shape(false, IPPROTO_TCP, 0, 0);
	for (i = 0; i < 6; i++) {
		uint64_t features = i == 0 ? ALL & ~VH_F_NET_CSUM : ALL;
		struct rte_mbuf *m;

		h = ask(VH_NET_GSO_NONE, 0);
		h.csum_start = vh_cpu_to_le16((uint16_t)(34 + (i == 1 ? 1 : i == 2 ? 20 : i == 3 ? 65000 : 0)));
		h.csum_offset = vh_cpu_to_le16((uint16_t)(i == 4 ? 6 : i == 5 ? 65535 : 16));
		m = try(false, features, h, VH_V_TX_META);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(m->tx_offload, 0);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), f.bytes, f.len);
		rte_pktmbuf_free(m);
	}
}

/* Compliant: a sum no flag describes is computed; NET-10, A176..A178. */
static void
sum_at(uint16_t start, uint16_t offset, uint32_t each)
{
	struct rte_mbuf *m = frame_packet(&f, each, each != 0);
	struct vh_bind b = binding(true, ALL);
	struct vh_net_hdr h = ask(VH_NET_GSO_NONE, 0);
	uint32_t field = (uint32_t)start + offset;
	struct frame want = f;
	bool fits = start >= 14 && start < f.len && field + 2 <= f.len;
	uint16_t sum;

	h.csum_start = vh_cpu_to_le16(start);
	h.csum_offset = vh_cpu_to_le16(offset);
	if (fits) {
		sum = (uint16_t)~frame_sum(want.bytes + start, want.len - start, 0);
		sum = sum == 0 ? 0xffff : sum;
		want.bytes[field] = (uint8_t)(sum >> 8);
		want.bytes[field + 1] = (uint8_t)sum;
	}
	assert_int_equal(vh_hdr_to_mbuf(&b, &h, m), fits ? VH_V_NONE : VH_V_TX_META);
	assert_int_equal(m->ol_flags & RX_ANY, 0);
	frame_take(&f, m);
	assert_memory_equal(f.bytes, want.bytes, f.len);
	rte_pktmbuf_free(m);
}

static void
test_software_sum(void **state)
{
	static const uint16_t start[] = { 0, 13, 14, 15, 34, 35, 100, 1799, 1853, 1854, 65535 };
	static const uint16_t offset[] = { 0, 1, 2, 15, 17, 53, 1752, 1753, 1819, 1820, 65535 };
	static const uint32_t each[] = { 0, 100, 333, 1 };
	unsigned int i, j, k;

	shape(false, IPPROTO_TCP, 0, 0);
	for (i = 0; i < 11; i++)
		for (j = 0; j < 11; j++)
			for (k = 0; k < 3; k++)
				sum_at(start[i], offset[j], each[k]);
	/* segments of one byte: the field lies in two */
	f.payload = 100;
	frame_build(&f);
	sum_at(60, 0, each[3]);
	sum_at(61, 30, each[3]);
}

/* Every frame cut at every byte, and forged lengths in it: nothing behind the end is read (sanitizer), NET-16, A185. */
static void
cut_everywhere(void)
{
	const LargestIntegralType allowed[] = { VH_V_NONE, VH_V_TX_META };
	struct vh_net_hdr h = ask(VH_NET_GSO_TCPV4, 8);
	uint32_t len;

	for (len = 1; len <= f.len; len++) {
		unsigned int style;

		for (style = 0; style < 2; style++) {
			struct rte_mbuf *m = frame_exact(&f, len);
			struct vh_bind b = binding(style, ALL);
			struct vh_parsed p;

			if (vh_parse(m, &p))
				assert_true((uint32_t)p.l2 + p.l3 + p.l4 <= len);
			assert_in_set(vh_hdr_to_mbuf(&b, &h, m), allowed, 2);
			if ((m->ol_flags & TX_ANY) != 0)
				assert_true((uint32_t)m->l2_len + m->l3_len + m->l4_len <= len);
			assert_int_equal(m->pkt_len, len);
			rte_pktmbuf_free(m);
		}
	}
}

static void
test_cut(void **state)
{
	static const uint8_t proto[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	unsigned int i, v;

	for (i = 0; i < 6; i++) {
		f = (struct frame){ .v6 = i & 1, .proto = proto[i / 2], .tags = (uint8_t)(i % 3), .payload = 40 };
		frame_build(&f);
		cut_everywhere();
		for (v = 0; v < 256; v++) {
			/* IP version and header length; TCP data offset */
			frame_build(&f);
			f.bytes[f.l2] = (uint8_t)v;
			cut_everywhere();
			frame_build(&f);
			f.bytes[frame_l4(&f) + 12] = (uint8_t)v;
			if (v % 16 == 0)
				cut_everywhere();
		}
	}
}

/* Frames whose headers are not to be found. */
static void
test_no_transport(void **state)
{
	struct rte_mbuf *m;
	struct vh_parsed p;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		shape(i == 5, IPPROTO_TCP, i == 6 ? 3 : 0, 0);
		if (i == 0)
			f.bytes[20] = 0x20; /* more fragments */
		if (i == 1)
			f.bytes[21] = 1; /* not the first */
		if (i == 2)
			f.bytes[14] = 0x44;
		if (i == 3)
			f.bytes[46] = 0x40;
		if (i == 4)
			f.bytes[12] = 0x88; /* not IP */
		if (i == 5)
			f.bytes[20] = 0; /* extension header */
		if (i == 7)
			f.bytes[14] = 0x65;
		m = frame_packet(&f, 0, false);
		assert_false(vh_parse(m, &p));
		rte_pktmbuf_free(m);
		m = try(false, ALL, ask(VH_NET_GSO_NONE, 0), VH_V_TX_META);
		assert_int_equal(m->ol_flags, 0);
		rte_pktmbuf_free(m);
	}
	/* may fragment: an honest frame */
	shape(false, IPPROTO_UDP, 0, 0);
	f.bytes[20] = 0;
	m = frame_packet(&f, 0, false);
	assert_true(vh_parse(m, &p));
	assert_int_equal(p.csum_offset, 6);
	rte_pktmbuf_free(m);
}

/* Sums against the slow one, over segments of any length; CRC32c against the value of RFC 3720 B.4. */
static void
test_sums(void **state)
{
	struct rte_mbuf *m;
	uint32_t each, off;

	shape(false, IPPROTO_UDP, 0, 0);
	for (each = 0; each < 400; each = each * 2 + 43) {
		m = frame_packet(&f, each, each % 2);
		assert_int_equal(vh_csum_bytes(m), f.len);
		for (off = 0; off < f.len + 3; off += 7) {
			uint32_t len = (off * 131) % 700, there = off >= f.len ? 0 : f.len - off;

			there = there < len ? there : len;
			assert_int_equal(rte_be_to_cpu_16(vh_csum_sum(m, off, len)),
				frame_sum(f.bytes + off, there, 0));
		}
		rte_pktmbuf_free(m);
	}
	assert_int_equal(vh_csum_finish(0), 0xffff);
	assert_int_equal(vh_csum_finish(0xffff), 0xffff);
	assert_int_equal(vh_csum_finish(1), 0xfffe);
	assert_int_equal(vh_csum_add(0xffff, 1), 1);
	memset(f.bytes, 0, 32);
	m = frame_packet(&f, 5, true);
	assert_int_equal(rte_le_to_cpu_32(vh_csum_crc32c(m, 0, 32, 5)), 0x8a9136aa);
	rte_pktmbuf_free(m);
	memset(f.bytes, 0xff, 32);
	m = frame_packet(&f, 0, false);
	assert_int_equal(rte_le_to_cpu_32(vh_csum_crc32c(m, 0, 32, 4000)), 0x62a8ab43);
	rte_pktmbuf_free(m);
}

static int
setup(void **state)
{
	vh_policy_defaults(&policy);
	return rig_setup(state);
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
		cmocka_unit_test_teardown(test_checksum, nothing_leaked),
		cmocka_unit_test_teardown(test_segmentation, nothing_leaked),
		cmocka_unit_test_teardown(test_bad_segmentation, nothing_leaked),
		cmocka_unit_test_teardown(test_gso_min, nothing_leaked),
		cmocka_unit_test_teardown(test_nothing_asked, nothing_leaked),
		cmocka_unit_test_teardown(test_plain_instead, nothing_leaked),
		cmocka_unit_test_teardown(test_software_sum, nothing_leaked),
		cmocka_unit_test_teardown(test_cut, nothing_leaked),
		cmocka_unit_test_teardown(test_no_transport, nothing_leaked),
		cmocka_unit_test_teardown(test_sums, nothing_leaked),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
