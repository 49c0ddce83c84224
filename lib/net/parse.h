/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the headers of a frame lie: Ethernet, at most two VLAN tags, IPv4 or IPv6, TCP, UDP or SCTP, all of it inside
 * the first segment. Every length is checked against the bytes there (NET-16, NET-18).
 * May touch: private packet bytes. Any thread.
 */
#ifndef VH_PARSE_H
#define VH_PARSE_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

struct vh_parsed {
	uint16_t l2, l3, l4;  /* bytes of each header; l4 0 if not recognised */
	uint8_t proto;        /* IPPROTO_TCP, _UDP, _SCTP, or 0 */
	bool v4, v6;
	uint16_t csum_offset; /* of the checksum in the transport header */
};

/** @return false: not IP, or cut short, or a fragment or extension header where transport offload is out of reach */
bool vh_parse(const struct rte_mbuf *m, struct vh_parsed *p);

#endif /* VH_PARSE_H */
