/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest's header to offload flags, in two styles: TX flags as Open vSwitch of Debian expects (K17), RX flags where the
 * path asked for compliant ones.
 * May touch: mbufs. The thread inside the ring's door.
 */
#include "hdr.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "parse.h"

/** The request of a header, features applied (NET-9): what was not acked counts as not set. */
struct wish {
	bool csum;
	uint16_t start, offset;
	uint8_t gso; /* base type, VH_NET_GSO_NONE if none */
	uint16_t gso_size;
};

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
		return 0; /* unknown, or USO which is not offered */
	}
}

/* @return VH_V_NONE, or what is wrong with the request whatever the frame holds */
static enum vh_violation
read_wish(const struct vh_bind *b, const struct vh_net_hdr *h, uint32_t frame_len, struct wish *w)
{
	uint8_t type = h->gso_type & (uint8_t)~VH_NET_GSO_ECN;
	bool known = (b->features & gso_feature(type)) != 0;

	*w = (struct wish){ .start = vh_le16_to_cpu(h->csum_start), .offset = vh_le16_to_cpu(h->csum_offset) };
	if ((type & VH_NET_GSO_TUNNEL) != 0)
		return VH_V_GSO; /* NET-14: it changes what csum_start means */
	w->csum = (h->flags & VH_NET_HDR_NEEDS_CSUM) != 0 && (b->features & VH_F_NET_CSUM) != 0;
	/* NET-10, in 32 bits: the field to be filled lies inside the frame */
	if (w->csum && (uint32_t)w->start + w->offset + 2 > frame_len)
		return VH_V_TX_META;
	if (type == VH_NET_GSO_NONE)
		return VH_V_NONE;
	w->gso_size = vh_le16_to_cpu(h->gso_size);
	if (!known || !w->csum || w->gso_size == 0)
		return VH_V_TX_META; /* NET-9, NET-12 */
	if (w->gso_size < b->policy->gso_min)
		return VH_V_GSO;
	w->gso = type;
	return VH_V_NONE;
}

static bool
gso_matches(uint8_t type, const struct vh_parsed *p)
{
	if (type == VH_NET_GSO_UDP)
		return p->proto == IPPROTO_UDP;
	return p->proto == IPPROTO_TCP && (type == VH_NET_GSO_TCPV4 ? p->v4 : p->v6);
}

static uint64_t
l4_csum_flag(uint8_t proto)
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

static enum vh_violation
legacy(const struct wish *w, struct rte_mbuf *m)
{
	uint64_t flags, segment = 0;
	struct vh_parsed p;
	uint32_t headers;

	if (!w->csum && w->gso == VH_NET_GSO_NONE)
		return VH_V_NONE;
	/* NET-11: an offload to hardware starts where the transport header does */
	if (!vh_parse(m, &p) || w->start != p.l2 + p.l3 || w->offset != p.csum_offset)
		return VH_V_TX_META;
	flags = p.v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
	flags |= l4_csum_flag(p.proto);
	headers = (uint32_t)p.l2 + p.l3 + p.l4;
	if (w->gso != VH_NET_GSO_NONE && !gso_matches(w->gso, &p))
		return VH_V_TX_META;
	/* NET-13, NET-17: nothing to cut if it all fits one segment */
	if (w->gso != VH_NET_GSO_NONE && m->pkt_len > headers + w->gso_size) {
		flags |= w->gso == VH_NET_GSO_UDP ? RTE_MBUF_F_TX_UDP_SEG : RTE_MBUF_F_TX_TCP_SEG;
		segment = w->gso_size;
	}
	/* NET-16: the parser's lengths fit the fields: at most 22, 60 and 60 bytes */
	m->tx_offload = rte_mbuf_tx_offload(p.l2, p.l3, segment != 0 ? p.l4 : 0, segment, 0, 0, 0);
	m->ol_flags |= flags;
	return VH_V_NONE;
}

/* The sum in software, for a start the parser does not know as a transport header. */
static enum vh_violation
compute_sum(const struct wish *w, struct rte_mbuf *m)
{
	uint16_t sum;

	/* both bytes in the first segment, or they are not written (NET-10) */
	if (w->start >= m->pkt_len || (uint32_t)w->start + w->offset + sizeof(sum) > m->data_len)
		return VH_V_TX_META;
	if (rte_raw_cksum_mbuf(m, w->start, m->pkt_len - w->start, &sum) < 0)
		return VH_V_TX_META;
	if (vh_likely(sum != 0xffff))
		sum = (uint16_t)~sum;
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, w->start + w->offset), &sum, sizeof(sum));
	return VH_V_NONE;
}

static enum vh_violation
compliant(const struct wish *w, struct rte_mbuf *m)
{
	struct rte_net_hdr_lens lens;
	struct vh_parsed p;

	m->packet_type = rte_net_get_ptype(m, &lens, RTE_PTYPE_ALL_MASK);
	if (w->csum) {
		bool known = (m->packet_type & RTE_PTYPE_L4_MASK) != 0 &&
			w->start <= (uint32_t)lens.l2_len + lens.l3_len + lens.l4_len;

		if (known)
			m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
		else if (compute_sum(w, m) != VH_V_NONE)
			return VH_V_TX_META;
	}
	if (w->gso == VH_NET_GSO_NONE)
		return VH_V_NONE;
	if (!vh_parse(m, &p) || !gso_matches(w->gso, &p))
		return VH_V_TX_META;
	if (m->pkt_len > (uint32_t)p.l2 + p.l3 + p.l4 + w->gso_size) {
		m->ol_flags |= RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
		m->tso_segsz = w->gso_size;
	}
	return VH_V_NONE;
}

enum vh_violation
vh_hdr_to_mbuf(const struct vh_bind *b, const struct vh_net_hdr *h, struct rte_mbuf *m)
{
	enum vh_violation v;
	struct wish w;

	v = read_wish(b, h, m->pkt_len, &w);
	if (v != VH_V_NONE)
		return v;
	return vh_bind_has(b, VH_B_COMPLIANT) ? compliant(&w, m) : legacy(&w, m);
}
