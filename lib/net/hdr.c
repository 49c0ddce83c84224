/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Net header <-> mbuf. From the guest in two styles: legacy (TX flags, a forwarder may hand the mbuf on as it is) and
 * compliant (RX flags, as ethdev drivers report). May touch: mbufs. The thread inside the ring's door.
 */
#include "hdr.h"

#include <string.h>

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "csum.h"
#include "parse.h"
#include "policy.h"

/** What the guest asks for, as far as it may. */
struct ask {
	bool csum;
	uint8_t gso;       /* base type or VH_NET_GSO_NONE */
	uint16_t gso_size;
	uint16_t start, offset;
};

/* Feature that allows a segmentation type; bit 63 is never acked. */
static uint64_t
gso_feature(uint8_t type)
{
	switch (type) {
	case VH_NET_GSO_TCPV4:
		return VH_F_NET_HOST_TSO4;
	case VH_NET_GSO_TCPV6:
		return VH_F_NET_HOST_TSO6;
	case VH_NET_GSO_UDP:
		return VH_F_NET_HOST_UFO;
	default:
		return VH_BIT(63);
	}
}

/* What needs no look at the frame (NET-9, NET-12, NET-13). */
static enum vh_violation
read_ask(const struct vh_bind *b, const struct vh_net_hdr *h, struct ask *a)
{
	bool csum = (h->flags & VH_NET_HDR_NEEDS_CSUM) != 0;
	uint8_t gso = (uint8_t)(h->gso_type & ~VH_NET_GSO_ECN);

	*a = (struct ask){
		.csum = csum && (b->features & VH_F_NET_CSUM) != 0,
		.start = vh_le16_to_cpu(h->csum_start), .offset = vh_le16_to_cpu(h->csum_offset),
		.gso_size = vh_le16_to_cpu(h->gso_size),
	};
	if (gso != VH_NET_GSO_NONE && a->csum && (b->features & gso_feature(gso)) != 0)
		a->gso = gso;
	return a->csum == csum && a->gso == gso ? VH_V_NONE : VH_V_TX_META;
}

/* Does the request for a checksum mean the one of the transport header (NET-11)? */
static bool
is_l4_csum(const struct ask *a, const struct vh_parsed *p)
{
	return a->start == p->l2 + p->l3 && a->offset == p->csum_offset;
}

/* NET-15 */
static bool
gso_matches(const struct ask *a, const struct vh_parsed *p)
{
	if (a->gso_size == 0)
		return false;
	switch (a->gso) {
	case VH_NET_GSO_TCPV4:
		return p->v4 && p->proto == IPPROTO_TCP;
	case VH_NET_GSO_TCPV6:
		return p->v6 && p->proto == IPPROTO_TCP;
	default:
		return p->proto == IPPROTO_UDP;
	}
}

/* Is there more than one segment (NET-13, NET-17)? */
static bool
gso_needed(const struct ask *a, const struct vh_parsed *p, const struct rte_mbuf *m)
{
	return m->pkt_len > (uint32_t)p->l2 + p->l3 + p->l4 + a->gso_size;
}

static uint64_t
tx_csum_flag(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return RTE_MBUF_F_TX_TCP_CKSUM;
	case IPPROTO_UDP:
		return RTE_MBUF_F_TX_UDP_CKSUM;
	default:
		return RTE_MBUF_F_TX_SCTP_CKSUM;
	}
}

/* All or nothing: an mbuf with half the flags would be sent with a wrong checksum. */
static enum vh_violation
to_legacy(const struct ask *a, struct rte_mbuf *m)
{
	bool gso = a->gso != VH_NET_GSO_NONE, needed;
	struct vh_parsed p;

	if (!vh_parse(m, &p) || !is_l4_csum(a, &p) || (gso && !gso_matches(a, &p)))
		return VH_V_TX_META;
	m->ol_flags |= (p.v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) | tx_csum_flag(p.proto);
	needed = gso && gso_needed(a, &p, m);
	if (needed)
		m->ol_flags |= p.proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
	/* NET-16: the parser finds at most 22, 60 and 60 bytes, so they fit the fields */
	m->tx_offload = rte_mbuf_tx_offload(p.l2, p.l3, needed ? p.l4 : 0, needed ? a->gso_size : 0, 0, 0, 0);
	return gso == needed ? VH_V_NONE : VH_V_TX_META;
}

/* The sum the guest asks for, wherever it is (NET-10); a frame where there is no place for it stays as it is. */
static enum vh_violation
complete_csum(const struct ask *a, struct rte_mbuf *m)
{
	uint32_t field = (uint32_t)a->start + a->offset;
	uint16_t sum;

	if (a->start < VH_MIN_FRAME || a->start >= m->pkt_len || field + sizeof(sum) > m->pkt_len)
		return VH_V_TX_META;
	sum = vh_csum_finish(vh_csum_sum(m, a->start, m->pkt_len - a->start));
	vh_csum_put(m, field, &sum, sizeof(sum));
	return VH_V_NONE;
}

static enum vh_violation
to_compliant(const struct ask *a, struct rte_mbuf *m)
{
	struct vh_parsed p;

	m->packet_type = rte_net_get_ptype(m, NULL, RTE_PTYPE_ALL_MASK);
	if (!vh_parse(m, &p) || !is_l4_csum(a, &p)) {
		enum vh_violation v = complete_csum(a, m);

		return a->gso != VH_NET_GSO_NONE ? VH_V_TX_META : v;
	}
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	if (a->gso == VH_NET_GSO_NONE)
		return VH_V_NONE;
	if (!gso_matches(a, &p) || !gso_needed(a, &p, m))
		return VH_V_TX_META;
	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	m->tso_segsz = a->gso_size;
	return VH_V_NONE;
}

enum vh_violation
vh_hdr_to_mbuf(const struct vh_bind *b, const struct vh_net_hdr *h, struct rte_mbuf *m)
{
	enum vh_violation v, flags = VH_V_NONE;
	struct ask a;

	/* NET-14: behind a tunnel that was not negotiated csum_start means something else */
	if ((h->gso_type & VH_NET_GSO_TUNNEL) != 0)
		return VH_V_GSO;
	v = read_ask(b, h, &a);
	if (a.csum)
		flags = vh_bind_has(b, VH_B_COMPLIANT) ? to_compliant(&a, m) : to_legacy(&a, m);
	if (a.gso != VH_NET_GSO_NONE && a.gso_size != 0 && a.gso_size < b->policy->gso_min)
		return VH_V_GSO;
	return v != VH_V_NONE ? v : flags;
}

/** What the application asks for, and where in the packet. */
struct task {
	struct vh_csum_l4 l4;
	uint32_t start;      /* transport header */
	uint32_t pkt_len;
	uint16_t field;      /* of the checksum, from start */
	uint8_t *ip;
};

/* TCP or UDP by the checksum flag; segmentation implies it. 0: no transport checksum */
static uint8_t
asked_proto(uint64_t ol_flags)
{
	if ((ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		return IPPROTO_TCP;
	if ((ol_flags & RTE_MBUF_F_TX_UDP_SEG) != 0)
		return IPPROTO_UDP;
	switch (ol_flags & RTE_MBUF_F_TX_L4_MASK) {
	case RTE_MBUF_F_TX_TCP_CKSUM:
		return IPPROTO_TCP;
	case RTE_MBUF_F_TX_UDP_CKSUM:
		return IPPROTO_UDP;
	case RTE_MBUF_F_TX_SCTP_CKSUM:
		return IPPROTO_SCTP;
	default:
		return 0;
	}
}

/* The IP header the lengths point at, whole and in one segment, with the version and length it says itself (A187). */
static bool
find_ip(struct rte_mbuf *m, struct task *t)
{
	uint32_t l2 = m->l2_len, l3 = m->l3_len;

	if (l3 < sizeof(struct rte_ipv4_hdr) || l2 + l3 > m->data_len)
		return false;
	t->ip = rte_pktmbuf_mtod_offset(m, uint8_t *, l2);
	t->l4.ip = t->ip;
	t->l4.v4 = t->ip[0] >> 4 == 4;
	t->start = l2 + l3;
	if (t->l4.v4)
		return (t->ip[0] & 15) * 4u == l3 && (m->ol_flags & RTE_MBUF_F_TX_IPV6) == 0;
	return t->ip[0] >> 4 == 6 && l3 >= sizeof(struct rte_ipv6_hdr) &&
		(m->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM)) == 0;
}

/* Transport bytes: what IP says, if the packet has as many (frames may be padded); else all there are. */
static uint32_t
l4_len(const struct rte_mbuf *m, const struct task *t)
{
	uint32_t there = t->pkt_len - t->start, l3 = m->l3_len, ip;
	uint16_t v;

	memcpy(&v, t->ip + (t->l4.v4 ? 2 : 4), sizeof(v));
	ip = rte_be_to_cpu_16(v);
	if (!t->l4.v4)
		ip += (uint32_t)sizeof(struct rte_ipv6_hdr);
	return ip > l3 && ip - l3 <= there ? ip - l3 : there;
}

static bool
find_l4(const struct rte_mbuf *m, struct task *t, uint8_t proto)
{
	static const uint8_t header[] = { [IPPROTO_TCP] = 20, [IPPROTO_UDP] = 8, [IPPROTO_SCTP] = 12 };
	static const uint8_t field[] = { [IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6, [IPPROTO_SCTP] = 8 };

	t->pkt_len = vh_csum_bytes(m);
	/* 16 bits on the wire, and more than one of the spec's packets can have */
	if (t->start + header[proto] > t->pkt_len)
		return false;
	t->l4.proto = proto;
	t->l4.len = l4_len(m, t);
	t->field = field[proto];
	return true;
}

static void
ip_csum(struct rte_mbuf *m, const struct task *t)
{
	uint16_t sum = 0;

	memcpy(t->ip + 10, &sum, sizeof(sum));
	sum = (uint16_t)~vh_csum_sum(m, m->l2_len, m->l3_len);
	memcpy(t->ip + 10, &sum, sizeof(sum));
}

/* The whole checksum, for a guest that does not complete it. */
static void
software_csum(struct rte_mbuf *m, const struct task *t)
{
	uint32_t field = t->start + t->field;
	uint16_t sum = 0;
	uint32_t crc;

	if (t->l4.proto == IPPROTO_SCTP) {
		crc = vh_csum_crc32c(m, t->start, t->l4.len, field);
		vh_csum_put(m, field, &crc, sizeof(crc));
		return;
	}
	vh_csum_put(m, field, &sum, sizeof(sum));
	sum = vh_csum_finish(vh_csum_add(vh_csum_pseudo(&t->l4), vh_csum_sum(m, t->start, t->l4.len)));
	vh_csum_put(m, field, &sum, sizeof(sum));
}

/* Half of it: the guest or whoever it trusts completes it (NET-29). SCTP has no pseudo header. */
static void
partial_csum(struct rte_mbuf *m, const struct task *t, struct vh_net_hdr *h)
{
	uint16_t sum;

	if (t->l4.proto != IPPROTO_SCTP) {
		sum = vh_csum_pseudo(&t->l4);
		vh_csum_put(m, t->start + t->field, &sum, sizeof(sum));
	}
	h->flags = VH_NET_HDR_NEEDS_CSUM;
	h->csum_start = vh_cpu_to_le16((uint16_t)t->start);
	h->csum_offset = vh_cpu_to_le16(t->field);
}

/* @return the guest's feature for the segmentation asked for; *type its number */
static uint64_t
asked_gso(const struct task *t, uint8_t *type)
{
	if (t->l4.proto == IPPROTO_UDP) {
		*type = VH_NET_GSO_UDP;
		return VH_F_NET_GUEST_UFO;
	}
	*type = t->l4.v4 ? VH_NET_GSO_TCPV4 : VH_NET_GSO_TCPV6;
	return t->l4.v4 ? VH_F_NET_GUEST_TSO4 : VH_F_NET_GUEST_TSO6;
}

/* Behind partial or whole checksum. */
static enum vh_violation
fill_gso(const struct vh_bind *b, struct rte_mbuf *m, const struct task *t, struct vh_net_hdr *h)
{
	uint32_t headers = t->start + m->l4_len;
	uint8_t type;
	bool can = (b->features & asked_gso(t, &type)) != 0;

	/* nothing to cut: a guest that cannot may have it */
	if (!can && t->pkt_len <= headers + m->tso_segsz)
		return VH_V_NONE;
	partial_csum(m, t, h);
	h->gso_type = type;
	h->gso_size = vh_cpu_to_le16(m->tso_segsz);
	h->hdr_len = vh_cpu_to_le16((uint16_t)headers);
	return can ? VH_V_NONE : VH_V_RX_META;
}

enum vh_violation
vh_hdr_from_mbuf(const struct vh_bind *b, struct rte_mbuf *m, struct vh_net_hdr *h)
{
	uint8_t proto = asked_proto(m->ol_flags);
	bool gso = (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) != 0;
	struct task t;

	memset(h, 0, sizeof(*h));
	if (!find_ip(m, &t) || (proto != 0 && !find_l4(m, &t, proto)))
		return VH_V_RX_META;
	/* at least the fixed part of the transport header, and all of it there */
	if (gso && (m->tso_segsz == 0 || m->l4_len < (proto == IPPROTO_TCP ? 20 : 8) ||
			t.start + m->l4_len > t.pkt_len))
		return VH_V_RX_META;
	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0)
		ip_csum(m, &t);
	if (proto == 0)
		return VH_V_NONE;
	if ((b->features & VH_F_NET_GUEST_CSUM) != 0)
		partial_csum(m, &t, h);
	else
		software_csum(m, &t);
	return gso ? fill_gso(b, m, &t, h) : VH_V_NONE;
}
