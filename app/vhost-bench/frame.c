/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames with contents that can be checked, plain or with headers for TCP segmentation. */
#include <string.h>

#include "bench.h"

#define TSO_HEADERS 54u /* Ethernet, IPv4, TCP without options */

static void
tso_headers(uint8_t *f, uint32_t len, struct netq_hdr *hdr)
{
	static const uint8_t head[TSO_HEADERS] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00,                         /* Ethernet */
		0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, /* IPv4 */
		0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0, /* TCP */
	};

	memcpy(f, head, sizeof(head));
	f[16] = (uint8_t)((len - 14) >> 8);
	f[17] = (uint8_t)(len - 14);
	*hdr = (struct netq_hdr){ .flags = NETQ_NEEDS_CSUM, .gso_type = NETQ_GSO_TCPV4, .hdr_len = TSO_HEADERS,
				  .gso_size = 1448, .csum_start = 34, .csum_offset = 16 };
}

void
frame_make(const struct cell *c, uint8_t *frame, uint64_t seed, struct netq_hdr *hdr)
{
	memset(hdr, 0, sizeof(*hdr));
	if (c->frame != BENCH_TSO) {
		netq_fill(frame, c->frame, seed);
		return;
	}
	tso_headers(frame, c->frame, hdr);
	netq_fill(frame + TSO_HEADERS, c->frame - TSO_HEADERS, seed);
}

bool
frame_check(const struct cell *c, const uint8_t *frame, uint32_t len)
{
	uint32_t skip = c->frame == BENCH_TSO ? TSO_HEADERS : 0;
	uint64_t seed;

	/* headers of a segmentation frame may have their checksums completed */
	return len == c->frame && netq_check(frame + skip, len - skip, &seed);
}

bool
frame_check_mbuf(const struct cell *c, const struct rte_mbuf *m)
{
	static uint8_t flat[BENCH_TSO];
	const uint8_t *data;

	if (m->pkt_len != c->frame)
		return false;
	data = rte_pktmbuf_read(m, 0, m->pkt_len, flat);
	return data != NULL && frame_check(c, data, m->pkt_len);
}
