/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Application's offload requests to a header for the guest. The lengths in an mbuf may come from another port and are
 * not believed beyond the bytes that are there (A187); a guest gets nothing it did not accept (NET-28).
 * May touch: mbufs. The thread inside the ring's door.
 */
#include "hdr.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#define TX_SEG (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)

struct l4_kind {
	uint16_t offset; /* of the checksum field */
	uint16_t min;    /* bytes of the header that must be there */
};

static struct l4_kind
kind_of(uint64_t csum)
{
	switch (csum) {
	case RTE_MBUF_F_TX_TCP_CKSUM:
		return (struct l4_kind){ 16, 20 };
	case RTE_MBUF_F_TX_UDP_CKSUM:
		return (struct l4_kind){ 6, 8 };
	default:
		return (struct l4_kind){ 8, 12 };
	}
}

/* Which transport checksum; segmentation implies its own. */
static uint64_t
csum_wish(uint64_t ol)
{
	if ((ol & RTE_MBUF_F_TX_TCP_SEG) != 0)
		return RTE_MBUF_F_TX_TCP_CKSUM;
	if ((ol & RTE_MBUF_F_TX_UDP_SEG) != 0)
		return RTE_MBUF_F_TX_UDP_CKSUM;
	return ol & RTE_MBUF_F_TX_L4_MASK;
}

static bool
is_v4(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_TX_IPV4) != 0;
}

static bool
lengths_fit(const struct rte_mbuf *m, uint16_t l4_min)
{
	uint32_t end = (uint32_t)m->l2_len + m->l3_len + l4_min;

	return m->l3_len >= (is_v4(m) ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr)) &&
		end <= m->data_len;
}

static void
ip_checksum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
	uint16_t sum;

	/* the header's own length may point elsewhere: it must agree with the mbuf's */
	if (rte_ipv4_hdr_len(ip) != m->l3_len)
		return;
	ip->hdr_checksum = 0;
	sum = rte_ipv4_cksum(ip);
	ip->hdr_checksum = sum;
}

/* The field gets the pseudo-header's sum: the guest, or its device, adds the rest (NET-29). */
static void
store_pseudo_sum(struct rte_mbuf *m, uint16_t start, uint16_t offset)
{
	uint16_t *field = rte_pktmbuf_mtod_offset(m, uint16_t *, start + offset);

	if (is_v4(m))
		*field = rte_ipv4_phdr_cksum(rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len), 0);
	else
		*field = rte_ipv6_phdr_cksum(rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, m->l2_len), 0);
}

/* The guest does not take unfinished sums: finish it here. SCTP's CRC is beyond this layer. */
static enum vh_violation
finish_sum(struct rte_mbuf *m, uint64_t csum, uint16_t start, uint16_t offset)
{
	uint16_t *field = rte_pktmbuf_mtod_offset(m, uint16_t *, start + offset);
	const void *ip = rte_pktmbuf_mtod_offset(m, const void *, m->l2_len);

	if (csum == RTE_MBUF_F_TX_SCTP_CKSUM)
		return VH_V_RX_META;
	*field = 0;
	*field = is_v4(m) ? rte_ipv4_udptcp_cksum_mbuf(m, ip, start) : rte_ipv6_udptcp_cksum_mbuf(m, ip, start);
	return VH_V_NONE;
}

static enum vh_violation
set_gso(const struct vh_bind *b, const struct rte_mbuf *m, struct vh_net_hdr *h)
{
	bool udp = (m->ol_flags & RTE_MBUF_F_TX_UDP_SEG) != 0;
	uint64_t need = udp ? VH_F_NET_GUEST_UFO : is_v4(m) ? VH_F_NET_GUEST_TSO4 : VH_F_NET_GUEST_TSO6;
	uint32_t headers = (uint32_t)m->l2_len + m->l3_len + m->l4_len;

	if ((b->features & need) == 0 || m->tso_segsz == 0 || headers > m->data_len)
		return VH_V_RX_META;
	h->gso_type = (uint8_t)(udp ? VH_NET_GSO_UDP : is_v4(m) ? VH_NET_GSO_TCPV4 : VH_NET_GSO_TCPV6);
	h->gso_size = vh_cpu_to_le16(m->tso_segsz);
	h->hdr_len = vh_cpu_to_le16((uint16_t)headers);
	return VH_V_NONE;
}

enum vh_violation
vh_hdr_from_mbuf(const struct vh_bind *b, struct rte_mbuf *m, struct vh_net_hdr *h)
{
	uint64_t csum = csum_wish(m->ol_flags);
	struct l4_kind k = kind_of(csum);
	uint16_t start = (uint16_t)(m->l2_len + m->l3_len);

	if (csum == 0 && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0)
		return VH_V_NONE;
	if (!lengths_fit(m, csum != 0 ? k.min : 0))
		return VH_V_RX_META;
	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0 && is_v4(m))
		ip_checksum(m);
	if (csum == 0)
		return VH_V_NONE;
	if ((b->features & VH_F_NET_GUEST_CSUM) == 0) {
		if ((m->ol_flags & TX_SEG) != 0)
			return VH_V_RX_META;
		return finish_sum(m, csum, start, k.offset);
	}
	store_pseudo_sum(m, start, k.offset);
	h->flags = VH_NET_HDR_NEEDS_CSUM;
	h->csum_start = vh_cpu_to_le16(start);
	h->csum_offset = vh_cpu_to_le16(k.offset);
	return (m->ol_flags & TX_SEG) != 0 ? set_gso(b, m, h) : VH_V_NONE;
}
