/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded header parsing. May touch: private packet bytes. Any thread.
 */
#include "parse.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#define MAX_TAGS 2

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* @return ethertype behind the tags, 0 if the frame is too short */
static uint16_t
parse_l2(const uint8_t *d, uint32_t len, struct vh_parsed *p)
{
	uint16_t type, tags;

	p->l2 = RTE_ETHER_HDR_LEN;
	if (len < p->l2)
		return 0;
	type = be16(d + 12);
	for (tags = 0; tags < MAX_TAGS && (type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ); tags++) {
		if (len < p->l2 + 4u)
			return 0;
		type = be16(d + p->l2 + 2);
		p->l2 = (uint16_t)(p->l2 + 4);
	}
	return type;
}

static bool
parse_ipv4(const uint8_t *d, uint32_t len, struct vh_parsed *p)
{
	uint16_t ihl;

	if (len < 20 || d[0] >> 4 != 4)
		return false;
	ihl = (uint16_t)((d[0] & 15) * 4);
	/* more fragments, or not the first one: there is no whole transport header to offload */
	if (ihl < 20 || ihl > len || (be16(d + 6) & 0x3fff) != 0)
		return false;
	p->l3 = ihl;
	p->proto = d[9];
	p->v4 = true;
	return true;
}

static bool
parse_ipv6(const uint8_t *d, uint32_t len, struct vh_parsed *p)
{
	if (len < 40 || d[0] >> 4 != 6)
		return false;
	/* extension headers: no offload */
	p->l3 = 40;
	p->proto = d[6];
	p->v6 = true;
	return true;
}

static bool
parse_l4(const uint8_t *d, uint32_t len, struct vh_parsed *p)
{
	switch (p->proto) {
	case IPPROTO_TCP:
		p->csum_offset = 16;
		if (len < 20)
			return false;
		p->l4 = (uint16_t)((d[12] >> 4) * 4);
		return p->l4 >= 20 && p->l4 <= len;
	case IPPROTO_UDP:
		p->csum_offset = 6;
		p->l4 = 8;
		return len >= 8;
	case IPPROTO_SCTP:
		p->csum_offset = 8;
		p->l4 = 12;
		return len >= 12;
	default:
		return false;
	}
}

bool
vh_parse(const struct rte_mbuf *m, struct vh_parsed *p)
{
	const uint8_t *d = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = m->data_len;
	uint16_t type;
	bool ip;

	memset(p, 0, sizeof(*p));
	type = parse_l2(d, len, p);
	if (type == RTE_ETHER_TYPE_IPV4)
		ip = parse_ipv4(d + p->l2, len - p->l2, p);
	else if (type == RTE_ETHER_TYPE_IPV6)
		ip = parse_ipv6(d + p->l2, len - p->l2, p);
	else
		ip = false;
	/* no underflow: both headers were found inside the segment */
	return ip && parse_l4(d + p->l2 + p->l3, len - p->l2 - p->l3, p);
}
