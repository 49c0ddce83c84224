/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksum and segmentation requests between two guests. Works on private copies of frames only.
 */
#include "offload.h"

#include <stdbool.h>
#include <stddef.h>

#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <rte_vhost.h>

/* A frame whose headers lie in the first segment and agree with its length. */
struct frame {
	struct rte_mbuf *m;
	uint16_t l2_len, l3_len, l4_len;
	uint32_t l4_bytes;            /* L4 header and payload */
	uint8_t proto;
	struct rte_ipv4_hdr *ip4;     /* one of the two is set */
	struct rte_ipv6_hdr *ip6;
};

static bool
is_gso(const struct rte_mbuf *m)
{
	return (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG |
			       RTE_MBUF_F_RX_LRO)) != 0;
}

static void *
frame_l4(const struct frame *f)
{
	return rte_pktmbuf_mtod_offset(f->m, void *, f->l2_len + f->l3_len);
}

/* Length and place of the IP header, and what follows it. */
static int
parse_l3(struct frame *f, uint32_t ptype)
{
	uint32_t room = f->m->pkt_len - f->l2_len, bytes;
	void *l3 = rte_pktmbuf_mtod_offset(f->m, void *, f->l2_len);

	if (RTE_ETH_IS_IPV4_HDR(ptype)) {
		f->ip4 = l3;
		bytes = rte_be_to_cpu_16(f->ip4->total_length);
		if (f->l3_len < sizeof(*f->ip4))
			return -1;
	} else if (RTE_ETH_IS_IPV6_HDR(ptype)) {
		f->ip6 = l3;
		bytes = sizeof(*f->ip6) + rte_be_to_cpu_16(f->ip6->payload_len);
		if (f->l3_len < sizeof(*f->ip6))
			return -1;
	} else {
		return -1;
	}
	if (bytes > room || bytes < f->l3_len)
		return -1;
	f->l4_bytes = bytes - f->l3_len;
	return 0;
}

static int
parse_l4(struct frame *f, uint32_t ptype)
{
	switch (ptype & RTE_PTYPE_L4_MASK) {
	case RTE_PTYPE_L4_TCP:
		f->proto = IPPROTO_TCP;
		return f->l4_len >= sizeof(struct rte_tcp_hdr) ? 0 : -1;
	case RTE_PTYPE_L4_UDP:
		f->proto = IPPROTO_UDP;
		f->l4_len = sizeof(struct rte_udp_hdr);
		return 0;
	case RTE_PTYPE_L4_SCTP:
		f->proto = IPPROTO_SCTP;
		f->l4_len = sizeof(struct rte_sctp_hdr);
		return 0;
	default: /* a fragment too: its checksum covers what we do not have */
		return -1;
	}
}

/* 0: all of it; 1: only an IPv4 header is there to work on; -1: nothing. */
static int
frame_parse(struct rte_mbuf *m, struct frame *f)
{
	struct rte_net_hdr_lens lens = { 0 };
	uint32_t ptype = rte_net_get_ptype(m, &lens, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK |
					   RTE_PTYPE_L4_MASK);

	*f = (struct frame){
		.m = m, .l2_len = lens.l2_len, .l3_len = lens.l3_len, .l4_len = lens.l4_len,
	};
	if ((ptype & RTE_PTYPE_L3_MASK) == 0 || lens.l2_len + lens.l3_len > m->data_len ||
	    lens.l3_len < sizeof(struct rte_ipv4_hdr) || parse_l3(f, ptype) < 0)
		return -1;
	if (parse_l4(f, ptype) < 0 || f->l4_len > f->l4_bytes ||
	    f->l2_len + f->l3_len + f->l4_len > m->data_len)
		return f->ip4 != NULL ? 1 : -1;
	return 0;
}

static uint16_t
pseudo_sum(const struct frame *f)
{
	struct rte_ipv6_hdr ip6;

	if (f->ip4 != NULL)
		return rte_ipv4_phdr_cksum(f->ip4, 0);
	/* Extension headers belong to neither the length nor the protocol of the sum. */
	ip6 = *f->ip6;
	ip6.payload_len = rte_cpu_to_be_16((uint16_t)f->l4_bytes);
	ip6.proto = f->proto;
	return rte_ipv6_phdr_cksum(&ip6, 0);
}

/* rte_raw_cksum_mbuf() of DPDK 22.11 loses carries when a segment begins at an odd place. */
static uint32_t
segments_sum(const struct frame *f)
{
	uint32_t off = f->l2_len + f->l3_len, left = f->l4_bytes, sum = 0;
	bool odd = false;

	for (const struct rte_mbuf *seg = f->m; seg != NULL && left > 0; seg = seg->next) {
		uint16_t part;
		uint32_t n;

		if (off >= seg->data_len) {
			off -= seg->data_len;
			continue;
		}
		n = RTE_MIN(seg->data_len - off, left);
		part = rte_raw_cksum(rte_pktmbuf_mtod_offset(seg, const void *, off), n);
		sum += odd ? rte_bswap16(part) : part;
		odd ^= n & 1;
		left -= n;
		off = 0;
	}
	return sum; /* a frame has far fewer than 65,536 segments: no overflow */
}

/* The checksum field must be 0. */
static uint16_t
internet_sum(const struct frame *f)
{
	uint32_t sum = segments_sum(f) + pseudo_sum(f);

	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = ~sum & 0xffff;
	/* 0 in a UDP header means "no checksum" */
	return sum == 0 && f->proto == IPPROTO_UDP ? 0xffff : (uint16_t)sum;
}

/* Byte by byte: rte_hash_crc() reads words at addresses that are not theirs. */
static uint32_t
crc_bytes(const uint8_t *p, uint32_t n, uint32_t crc)
{
	while (n-- > 0)
		crc = rte_hash_crc_1byte(*p++, crc);
	return crc;
}

/* The checksum field must be 0. */
static uint32_t
crc32c_sum(const struct frame *f)
{
	uint32_t off = f->l2_len + f->l3_len, left = f->l4_bytes, crc = UINT32_MAX;

	for (const struct rte_mbuf *seg = f->m; seg != NULL && left > 0; seg = seg->next) {
		uint32_t n;

		if (off >= seg->data_len) {
			off -= seg->data_len;
			continue;
		}
		n = RTE_MIN(seg->data_len - off, left);
		crc = crc_bytes(rte_pktmbuf_mtod_offset(seg, const uint8_t *, off), n, crc);
		left -= n;
		off = 0;
	}
	return rte_cpu_to_le_32(~crc);
}

static void
recompute_sctp(struct frame *f, bool asked, struct csum_result *result)
{
	struct rte_sctp_hdr *sctp = frame_l4(f);
	uint32_t old = sctp->cksum;

	sctp->cksum = 0;
	sctp->cksum = crc32c_sum(f);
	if (asked)
		result->completed++;
	else if (old != sctp->cksum)
		result->bad_l4++;
}

static void
recompute_l4(struct frame *f, bool asked, struct csum_result *result)
{
	unaligned_uint16_t *field;
	uint16_t old;

	if (f->proto == IPPROTO_SCTP) {
		recompute_sctp(f, asked, result);
		return;
	}
	field = RTE_PTR_ADD(frame_l4(f), f->proto == IPPROTO_TCP ?
			    offsetof(struct rte_tcp_hdr, cksum) :
			    offsetof(struct rte_udp_hdr, dgram_cksum));
	old = *field;
	if (!asked && f->proto == IPPROTO_UDP && f->ip4 != NULL && old == 0)
		return; /* the sender chose to have none */
	*field = 0;
	*field = internet_sum(f);
	if (asked)
		result->completed++;
	else if (old != *field)
		result->bad_l4++;
}

static void
recompute_ip4(struct rte_ipv4_hdr *ip4, struct csum_result *result)
{
	uint16_t old = ip4->hdr_checksum;

	ip4->hdr_checksum = 0;
	ip4->hdr_checksum = rte_ipv4_cksum(ip4);
	if (old != ip4->hdr_checksum)
		result->bad_ip++;
}

/* Ask the receiving guest, in the words of the transmit side. The sizes are those of our parse. */
static void
request_segmentation(struct frame *f)
{
	struct rte_mbuf *m = f->m;
	uint64_t flags = f->ip4 != NULL ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;

	if (f->proto == IPPROTO_TCP)
		flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
	else
		flags |= RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM;
	m->ol_flags = flags;
	m->l2_len = f->l2_len;
	m->l3_len = f->l3_len;
	m->l4_len = f->l4_len;
}

void
offload_recompute(struct rte_mbuf *m, struct csum_result *result)
{
	struct frame f;
	int parsed = frame_parse(m, &f);

	if (parsed < 0) {
		result->unknown++;
		return;
	}
	if (f.ip4 != NULL)
		recompute_ip4(f.ip4, result);
	if (parsed > 0) {
		result->unknown++;
		return;
	}
	if (is_gso(m)) {
		request_segmentation(&f);
		return;
	}
	recompute_l4(&f, offload_asked(m), result);
	m->ol_flags = 0;
}

static uint64_t
needed_for_gso(const struct frame *f)
{
	if (f->proto != IPPROTO_TCP)
		return 1ULL << VIRTIO_NET_F_GUEST_CSUM | 1ULL << VIRTIO_NET_F_GUEST_UFO;
	return 1ULL << VIRTIO_NET_F_GUEST_CSUM |
	       1ULL << (f->ip4 != NULL ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6);
}

int
offload_fit(struct rte_mbuf *m, uint64_t features)
{
	struct csum_result unused = { 0 };
	struct frame f;

	if (!is_gso(m) && (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0 &&
	    (features & 1ULL << VIRTIO_NET_F_GUEST_CSUM) != 0)
		return 0; /* passed on as it is */
	if (frame_parse(m, &f) != 0)
		return -1;
	if (!is_gso(m)) {
		recompute_l4(&f, true, &unused);
		m->ol_flags = 0;
		return 0;
	}
	if (f.proto == IPPROTO_SCTP || m->tso_segsz == 0 ||
	    (features & needed_for_gso(&f)) != needed_for_gso(&f))
		return -1;
	request_segmentation(&f);
	return 0;
}
