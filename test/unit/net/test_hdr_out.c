/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the application asks for and what the guest gets: checksums it may complete, whole ones where it does not,
 * segmentation; lengths in the mbuf that do not fit its data. Covers hdr.c. Attacks A187, A189.
 */
#include "hdr.h"

#include <netinet/in.h>
#include <string.h>

#include "frame.h"
#include "rig.h"

#define GUEST (VH_F_NET_GUEST_CSUM | VH_F_NET_GUEST_TSO4 | VH_F_NET_GUEST_TSO6 | VH_F_NET_GUEST_UFO)

static struct vh_policy policy;
static struct frame f;

static uint64_t
flags_of(bool gso)
{
	uint64_t ip = f.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;

	switch (f.proto) {
	case IPPROTO_TCP:
		return ip | (gso ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_TCP_CKSUM);
	case IPPROTO_UDP:
		return ip | (gso ? RTE_MBUF_F_TX_UDP_SEG : RTE_MBUF_F_TX_UDP_CKSUM);
	default:
		return ip | RTE_MBUF_F_TX_SCTP_CKSUM;
	}
}

/* Frame f as an application would hand it over. */
static struct rte_mbuf *
packet(uint64_t ol_flags, uint32_t each)
{
	struct rte_mbuf *m = frame_packet(&f, each, each != 0);

	m->l2_len = f.l2;
	m->l3_len = f.l3;
	m->l4_len = f.l4;
	m->tso_segsz = 700;
	m->ol_flags |= ol_flags;
	return m;
}

/* Twice: the second time changes nothing, a refused burst may come again. */
static enum vh_violation
convert(uint64_t features, struct rte_mbuf *m, struct vh_net_hdr *h)
{
	struct vh_bind b = { .features = features, .policy = &policy };
	static struct frame first;
	enum vh_violation v;

	assert_true(vh_hdr_asked(m));
	memset(h, 0xee, sizeof(*h));
	v = vh_hdr_from_mbuf(&b, m, h);
	first = f;
	frame_take(&first, m);
	assert_int_equal(vh_hdr_from_mbuf(&b, m, h), v);
	frame_take(&f, m);
	assert_memory_equal(first.bytes, f.bytes, f.len);
	assert_int_equal(vh_le16_to_cpu(h->num_buffers), 0);
	return v;
}

static void
assert_plain(const struct vh_net_hdr *h)
{
	static const struct vh_net_hdr none;

	assert_memory_equal(h, &none, sizeof(none));
}

static void
assert_partial(const struct vh_net_hdr *h)
{
	assert_int_equal(h->flags, VH_NET_HDR_NEEDS_CSUM);
	assert_int_equal(vh_le16_to_cpu(h->csum_start), frame_l4(&f));
	assert_int_equal(vh_le16_to_cpu(h->csum_offset), f.field);
	if (f.proto != IPPROTO_SCTP)
		assert_int_equal(frame_field(&f), frame_pseudo(&f));
}

static void
shape(unsigned int i)
{
	static const uint8_t proto[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	f = (struct frame){
		.proto = proto[i % 3], .v6 = (i / 3) % 2, .tags = (uint8_t)(i / 6 % 3), .options = i % 2 ? 0 : 2,
		.payload = (uint16_t)(1700 + i), .padding = i % 4 == 0 ? 6 : 0,
	};
	frame_build(&f);
}

/* Every protocol, tags, options, padding, segments of odd and no length; the old sum in the packet does not matter. */
static void
test_checksum(void **state)
{
	static const uint32_t each[] = { 0, 1001, 333, 7 };
	struct vh_net_hdr h;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 72; i++) {
		shape(i);
		f.bytes[frame_l4(&f) + f.field] = 0x5a;
		m = packet(flags_of(false), each[i % 4]);
		assert_int_equal(convert(GUEST, m, &h), VH_V_NONE);
		assert_partial(&h);
		assert_int_equal(h.gso_type, 0);
		rte_pktmbuf_free(m);
		/* the guest does not complete it */
		m = packet(flags_of(false), each[i % 4]);
		assert_int_equal(convert(0, m, &h), VH_V_NONE);
		assert_plain(&h);
		if (f.proto != IPPROTO_SCTP)
			assert_true(frame_good(&f));
		rte_pktmbuf_free(m);
	}
}

/* A frame of SCTP as RFC 9260 wants it: CRC32c bit by bit over all with the field taken as zero. */
static uint32_t
slow_crc(void)
{
	uint32_t crc = UINT32_MAX, i, bit;

	for (i = frame_l4(&f); i < frame_l4(&f) + f.l4 + f.payload; i++) {
		uint32_t at = i - frame_l4(&f);

		crc ^= at >= 8 && at < 12 ? 0 : f.bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static void
test_sctp(void **state)
{
	struct vh_net_hdr h;
	struct rte_mbuf *m;
	unsigned int i;
	uint32_t got;

	for (i = 2; i < 36; i += 3) {
		shape(i);
		m = packet(flags_of(false), 100 + i);
		assert_int_equal(convert(0, m, &h), VH_V_NONE);
		memcpy(&got, f.bytes + frame_l4(&f) + 8, 4);
		assert_int_equal(rte_le_to_cpu_32(got), slow_crc());
		rte_pktmbuf_free(m);
	}
}

static void
test_ip_checksum(void **state)
{
	struct vh_net_hdr h;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		shape(i);
		f.bytes[f.l2 + 10] = 0x33;
		m = packet(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM, 0);
		assert_int_equal(convert(0, m, &h), VH_V_NONE);
		assert_plain(&h);
		assert_true(frame_good_ip(&f));
		rte_pktmbuf_free(m);
		m = packet(RTE_MBUF_F_TX_IP_CKSUM | flags_of(false), 500);
		assert_int_equal(convert(GUEST, m, &h), VH_V_NONE);
		assert_partial(&h);
		assert_true(frame_good_ip(&f));
		rte_pktmbuf_free(m);
	}
}

static void
assert_gso(const struct vh_net_hdr *h)
{
	assert_partial(h);
	assert_int_equal(h->gso_type, f.proto == IPPROTO_UDP ? VH_NET_GSO_UDP :
		f.v6 ? VH_NET_GSO_TCPV6 : VH_NET_GSO_TCPV4);
	assert_int_equal(vh_le16_to_cpu(h->gso_size), 700);
	assert_int_equal(vh_le16_to_cpu(h->hdr_len), frame_l4(&f) + f.l4);
}

/* NET-28, NET-29 */
static void
test_segmentation(void **state)
{
	struct vh_net_hdr h;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 36; i++) {
		uint64_t needs;

		shape(i);
		if (f.proto == IPPROTO_SCTP)
			continue;
		needs = f.proto == IPPROTO_UDP ? VH_F_NET_GUEST_UFO : f.v6 ? VH_F_NET_GUEST_TSO6 : VH_F_NET_GUEST_TSO4;
		m = packet(flags_of(true), i % 2 ? 600 : 0);
		assert_int_equal(convert(VH_F_NET_GUEST_CSUM | needs, m, &h), VH_V_NONE);
		assert_gso(&h);
		/* one bit missing: filled in for whoever delivers it all the same */
		assert_int_equal(convert(GUEST & ~needs, m, &h), VH_V_RX_META);
		assert_gso(&h);
		assert_int_equal(convert(0, m, &h), VH_V_RX_META);
		/* one segment: nothing to cut */
		m->tso_segsz = (uint16_t)(f.payload + f.padding);
		assert_int_equal(convert(0, m, &h), VH_V_NONE);
		assert_plain(&h);
		assert_true(frame_good(&f));
		assert_int_equal(convert(VH_F_NET_GUEST_CSUM, m, &h), VH_V_NONE);
		assert_partial(&h);
		assert_int_equal(h.gso_type, 0);
		rte_pktmbuf_free(m);
	}
}

/* A187: nothing outside the segment is read or written (its end is the end of the memory), nothing is asked for. */
static void
hostile(uint32_t len, uint16_t l2, uint16_t l3, uint8_t l4, uint64_t ol_flags)
{
	struct rte_mbuf *m = frame_exact(&f, len);
	struct vh_bind b = { .features = GUEST, .policy = &policy };
	struct vh_net_hdr h;
	enum vh_violation v;

	m->l2_len = l2 & 127;
	m->l3_len = l3 & 511;
	m->l4_len = l4;
	m->tso_segsz = 700;
	m->ol_flags |= ol_flags;
	v = vh_hdr_from_mbuf(&b, m, &h);
	if (v == VH_V_NONE && h.flags != 0)
		assert_true((uint32_t)vh_le16_to_cpu(h.csum_start) + vh_le16_to_cpu(h.csum_offset) + 2 <= len);
	if (v == VH_V_RX_META) {
		assert_plain(&h);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), f.bytes, len);
	}
	assert_true(v == VH_V_NONE || v == VH_V_RX_META);
	if (v == VH_V_NONE)
		assert_true((uint32_t)m->l2_len + m->l3_len <= len);
	rte_pktmbuf_free(m);
}

static void
test_hostile_lengths(void **state)
{
	unsigned int i, l2, l3, l4;
	uint32_t len;

	for (i = 0; i < 12; i++) {
		shape(i);
		f.payload = 30;
		frame_build(&f);
		for (len = 0; len <= f.len; len++) {
			for (l4 = 0; l4 < 256; l4 += 17)
				hostile(len, f.l2, f.l3, (uint8_t)l4, flags_of(true));
			hostile(len, f.l2, f.l3, f.l4, flags_of(false) | (f.v6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM));
			hostile(len, f.l2, f.l3, f.l4, RTE_MBUF_F_TX_IP_CKSUM);
		}
		for (l2 = 0; l2 < 128; l2++)
			for (l3 = 0; l3 < 512; l3 += 1 + l3 / 80)
				hostile(f.len, (uint16_t)l2, (uint16_t)l3, f.l4, flags_of(l3 & 1));
	}
}

/* IP says more bytes than there are, or fewer than its own header: all that are there count. */
static void
test_ip_length_lies(void **state)
{
	static const uint8_t lie[] = { 0xff, 0x00 };
	struct vh_net_hdr h;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		f = (struct frame){ .proto = IPPROTO_UDP, .v6 = i & 1, .payload = 333 };
		frame_build(&f);
		memset(f.bytes + f.l2 + (f.v6 ? 4 : 2), lie[i / 2], 2);
		m = packet(flags_of(false), 0);
		assert_int_equal(convert(0, m, &h), VH_V_NONE);
		assert_true(frame_good(&f));
		rte_pktmbuf_free(m);
	}
}

static enum vh_violation
judge(uint64_t ol_flags, void (*spoil)(struct rte_mbuf *m))
{
	struct vh_net_hdr h;
	enum vh_violation v;
	struct rte_mbuf *m;

	frame_build(&f);
	m = packet(ol_flags, 0);
	spoil(m);
	v = convert(GUEST, m, &h);
	if (v != VH_V_NONE)
		assert_plain(&h);
	rte_pktmbuf_free(m);
	return v;
}

static void
spoil_nothing(struct rte_mbuf *m)
{
}

static void
spoil_l3(struct rte_mbuf *m)
{
	m->l3_len += 4;
}

static void
spoil_l4(struct rte_mbuf *m)
{
	m->l4_len = 7;
}

static void
spoil_size(struct rte_mbuf *m)
{
	m->tso_segsz = 0;
}

static void
spoil_version(struct rte_mbuf *m)
{
	*rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len) ^= 0x10;
}

/* What says two things at once is left out whole. */
static void
test_contradictions(void **state)
{
	unsigned int i;

	for (i = 0; i < 6; i++) {
		shape(i);
		assert_int_equal(judge(flags_of(false), spoil_nothing), VH_V_NONE);
		assert_int_equal(judge(flags_of(false), spoil_version), VH_V_RX_META);
		if (!f.v6)
			assert_int_equal(judge(flags_of(false), spoil_l3), VH_V_RX_META);
		assert_int_equal(judge(flags_of(false) | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6, spoil_nothing),
			VH_V_RX_META);
		if (f.v6)
			assert_int_equal(judge(flags_of(false) | RTE_MBUF_F_TX_IP_CKSUM, spoil_nothing), VH_V_RX_META);
		if (f.proto == IPPROTO_SCTP)
			continue;
		assert_int_equal(judge(flags_of(true), spoil_nothing), VH_V_NONE);
		assert_int_equal(judge(flags_of(true), spoil_size), VH_V_RX_META);
		assert_int_equal(judge(flags_of(true), spoil_l4), VH_V_RX_META);
	}
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
		cmocka_unit_test_teardown(test_sctp, nothing_leaked),
		cmocka_unit_test_teardown(test_ip_checksum, nothing_leaked),
		cmocka_unit_test_teardown(test_segmentation, nothing_leaked),
		cmocka_unit_test_teardown(test_hostile_lengths, nothing_leaked),
		cmocka_unit_test_teardown(test_ip_length_lies, nothing_leaked),
		cmocka_unit_test_teardown(test_contradictions, nothing_leaked),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
