/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forward modes: io, mac, rxonly, txonly, csum. Each turn runs on the stream's lcore.
 */
#include "modes.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "offload.h"

static uint16_t
turn_io(struct stream *s)
{
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n = stream_receive(s, pkts);

	if (n > 0) {
		stream_offer(s, pkts, n);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	return n;
}

/* A guest is known by what it sends; until it has sent, by an address made of its port number. */
static struct rte_ether_addr
guest_address(const struct port *p)
{
	uint64_t mac = atomic_load_explicit(&p->guest_mac, memory_order_relaxed);
	struct rte_ether_addr address = { { 0x02, 0, 0, 0, 0, (uint8_t)p->id } };

	if (mac != 0)
		memcpy(&address, &mac, sizeof(address));
	return address;
}

static void
learn_address(struct port *p, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	uint64_t mac = 0;

	if (m->data_len < sizeof(*eth) || !rte_is_valid_assigned_ether_addr(&eth->src_addr))
		return;
	memcpy(&mac, &eth->src_addr, sizeof(eth->src_addr));
	if (atomic_load_explicit(&p->guest_mac, memory_order_relaxed) != mac)
		atomic_store_explicit(&p->guest_mac, mac, memory_order_relaxed);
}

static void
set_addresses(struct rte_mbuf **pkts, uint16_t n, const struct port *tx)
{
	struct rte_ether_addr to = guest_address(tx);

	for (uint16_t i = 0; i < n; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *);

		if (pkts[i]->data_len < sizeof(*eth))
			continue;
		eth->dst_addr = to;
		eth->src_addr = tx->mac;
	}
}

static uint16_t
turn_mac(struct stream *s)
{
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n = stream_receive(s, pkts);

	if (n > 0) {
		learn_address(s->rx, pkts[n - 1]);
		set_addresses(pkts, n, s->tx);
		stream_offer(s, pkts, n);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	return n;
}

static uint16_t
turn_rxonly(struct stream *s)
{
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n = stream_receive(s, pkts);

	if (n > 0)
		rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

/* The library copies, so the same frames can be offered again and again. */
static uint16_t
turn_txonly(struct stream *s)
{
	uint16_t n;
	struct rte_mbuf **frames = stream_frames(s, &n);
	int vid = port_vid(s->tx);

	if (vid < 0 || s->pair >= port_receiving_pairs(vid))
		return 0;
	set_addresses(frames, n, s->tx);
	stream_offer(s, frames, n);
	return n;
}

static uint16_t
turn_csum(struct stream *s)
{
	struct rte_mbuf *pkts[BURST_MAX];
	struct csum_result found = { 0 };
	uint16_t n = stream_receive(s, pkts);

	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++)
		offload_recompute(pkts[i], &found);
	stream_count(s, CSUM_BAD_IP, found.bad_ip);
	stream_count(s, CSUM_BAD_L4, found.bad_l4);
	stream_count(s, CSUM_COMPLETED, found.completed);
	stream_count(s, CSUM_UNKNOWN, found.unknown);
	stream_offer(s, pkts, n);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static const struct fwd_mode modes[] = {
	{ "io", turn_io, false },
	{ "mac", turn_mac, false },
	{ "rxonly", turn_rxonly, false },
	{ "txonly", turn_txonly, true },
	{ "csum", turn_csum, false },
};

const struct fwd_mode *
mode_by_name(const char *name)
{
	for (unsigned int i = 0; i < RTE_DIM(modes); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}

void
mode_fill_frame(struct rte_mbuf *m, uint16_t len)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, len);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint16_t ip_len = len - sizeof(*eth);

	memset(eth, 0, len);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(ip_len);
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_UDP;
	ip->src_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 1));
	ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 2));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->src_port = udp->dst_port = rte_cpu_to_be_16(9); /* discard */
	udp->dgram_len = rte_cpu_to_be_16(ip_len - sizeof(*ip));
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
}
