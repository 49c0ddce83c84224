/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums over packets. rte_raw_cksum_mbuf() is not used: it loses carries of segments that begin at odd offsets.
 * May touch: private packet bytes. Any thread.
 */
#include "csum.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#define CRC32C_REFLECTED 0x82f63b78u

/** A run of bytes inside one segment. */
struct run {
	const struct rte_mbuf *seg;
	uint8_t *at;
	uint32_t len;
};

/* First run of the packet's bytes off..off + len - 1. @return false: no byte there */
static bool
first_run(struct run *r, const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	for (; m != NULL && off >= m->data_len; m = m->next)
		off -= m->data_len;
	if (m == NULL || len == 0)
		return false;
	r->seg = m;
	r->at = rte_pktmbuf_mtod_offset(m, uint8_t *, off);
	r->len = m->data_len - off < len ? m->data_len - off : len;
	return true;
}

/* @param len  bytes left behind the run */
static bool
next_run(struct run *r, uint32_t len)
{
	return first_run(r, r->seg->next, 0, len);
}

uint32_t
vh_csum_bytes(const struct rte_mbuf *m)
{
	uint32_t n = 0;

	for (; m != NULL; m = m->next)
		n += m->data_len;
	return n;
}

uint16_t
vh_csum_add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)(sum + (sum >> 16));
}

uint16_t
vh_csum_finish(uint16_t sum)
{
	return sum == UINT16_MAX ? sum : (uint16_t)~sum;
}

uint16_t
vh_csum_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint16_t sum = 0;
	bool odd = false;
	struct run r;
	bool more;

	for (more = first_run(&r, m, off, len); more; more = next_run(&r, len)) {
		uint16_t part = rte_raw_cksum(r.at, r.len);

		/* at an odd place high and low bytes are exchanged (RFC 1071 2.B) */
		sum = vh_csum_add(sum, odd ? rte_bswap16(part) : part);
		odd ^= r.len & 1;
		len -= r.len;
	}
	return sum;
}

uint16_t
vh_csum_pseudo(const struct vh_csum_l4 *l4)
{
	/* addresses end the fixed part of both headers */
	uint16_t sum = l4->v4 ? rte_raw_cksum(l4->ip + 12, 8) : rte_raw_cksum(l4->ip + 8, 32);

	sum = vh_csum_add(sum, rte_cpu_to_be_16(l4->proto));
	sum = vh_csum_add(sum, rte_cpu_to_be_16((uint16_t)(l4->len >> 16)));
	return vh_csum_add(sum, rte_cpu_to_be_16((uint16_t)l4->len));
}

static uint32_t
crc_byte(uint32_t crc, uint8_t v)
{
	int i;

	crc ^= v;
	for (i = 0; i < 8; i++)
		crc = crc >> 1 ^ (CRC32C_REFLECTED & -(crc & 1));
	return crc;
}

uint32_t
vh_csum_crc32c(const struct rte_mbuf *m, uint32_t off, uint32_t len, uint32_t field)
{
	uint32_t crc = UINT32_MAX, at = off, i;
	struct run r;
	bool more;

	for (more = first_run(&r, m, off, len); more; more = next_run(&r, len)) {
		for (i = 0; i < r.len; i++, at++)
			crc = crc_byte(crc, at - field < 4 ? 0 : r.at[i]);
		len -= r.len;
	}
	return rte_cpu_to_le_32(~crc);
}

void
vh_csum_put(struct rte_mbuf *m, uint32_t off, const void *src, uint32_t n)
{
	const uint8_t *s = src;
	struct run r;
	bool more;

	for (more = first_run(&r, m, off, n); more; more = next_run(&r, n)) {
		memcpy(r.at, s, r.len);
		s += r.len;
		n -= r.len;
	}
}
