/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds the RARP frame of an announcement: 64 bytes, broadcast.
 * May touch: mbufs, the device's slot. Data threads.
 * spec: vhost-user SEND_RARP; RFC 903
 */
#include "rarp.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#define FRAME 64

/*
 * One thread wins the exchange. Repeats within the interval stay armed until it is over, so they
 * collapse into one frame.
 * @return frame, or NULL: nothing to announce now
 */
struct rte_mbuf *
vh_rarp_make(struct vh_rarp *r, struct rte_mempool *pool)
{
	static const uint8_t arp[8] = { 0, 1, 8, 0, 6, 4, 0, 3 }; /* Ethernet, IPv4, lengths, request reverse */
	uint64_t now = rte_rdtsc(), mac;
	struct rte_mbuf *m;
	uint8_t *f;
	int i;

	if ((int64_t)(now - __atomic_load_n(&r->not_before, __ATOMIC_RELAXED)) < 0)
		return NULL;
	m = rte_pktmbuf_alloc(pool);
	if (m == NULL)
		return NULL;
	f = (uint8_t *)rte_pktmbuf_append(m, FRAME);
	/* acquire: pairs with the release of vh_arm_rarp() (ORDER-15) */
	if (f == NULL || __atomic_exchange_n(&r->armed, 0, __ATOMIC_ACQUIRE) == 0) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	__atomic_store_n(&r->not_before, now + r->interval, __ATOMIC_RELAXED);
	mac = __atomic_load_n(&r->mac, __ATOMIC_RELAXED);
	memset(f, 0, FRAME);
	memset(f, 0xff, 6);
	for (i = 0; i < 6; i++)
		f[6 + i] = f[22 + i] = f[32 + i] = (uint8_t)(mac >> (8 * i));
	f[12] = 0x80;
	f[13] = 0x35;
	memcpy(f + 14, arp, sizeof(arp));
	return m;
}
