/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest transmit -> mbufs. Passes over the burst: fetch, buffers, prefetch, headers and payload, publish. A request that
 * cannot be delivered goes back with length 0 and the burst goes on behind it.
 * May touch: guest memory through guest.h, mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6.2; rules NET-1..22; api.md 5.3, 5.4
 */
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "copy.h"
#include "count.h"
#include "fault.h"
#include "hdr.h"
#include "mbuf.h"
#include "net.h"
#include "rarp.h"

/** One burst being served; on the stack. */
struct tx {
	const struct vh_bind *b;
	const struct vh_burst *u;
	struct rte_mempool *pool;
	struct rte_mbuf *fresh[VH_BURST_PKTS]; /* from the pool; those used are NULL */
	uint16_t nr_fresh;
	bool offload;
};

/* Copy the payload behind the header into the segments of m. */
static void
fill_chain(struct vh_cursor *c, struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next)
		(void)vh_cursor_read(c, rte_pktmbuf_mtod(m, void *), m->data_len);
}

/* Offload flags of a complete frame. @return false: it must not be delivered */
static bool
set_offload(const struct vh_bind *b, const struct vh_net_hdr *h, struct rte_mbuf *m)
{
	enum vh_violation v;

	if (vh_likely(((h->flags & VH_NET_HDR_NEEDS_CSUM) | h->gso_type) == 0))
		return true;
	v = vh_hdr_to_mbuf(b, h, m);
	if (vh_likely(v == VH_V_NONE))
		return true;
	/* plain: what the parser already noted is taken back */
	m->ol_flags &= ~(RTE_MBUF_F_TX_OFFLOAD_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO);
	m->tx_offload = 0;
	return vh_net_report(b, v, h->gso_type, h->flags) == VH_OBSERVE;
}

/* @return 0 delivered; 1 dropped; -ENOMEM: no buffers, nothing of it consumed */
static int
take_long(const struct tx *t, const struct vh_req *q, struct rte_mbuf *m)
{
	uint32_t len = q->len - t->b->hdr_len;
	struct vh_cursor c = vh_cursor_begin(t->u, q);
	struct vh_net_hdr h = { 0 };
	int rc = 0;

	if (len > rte_pktmbuf_tailroom(m)) {
		rc = vh_mbuf_extend(t->b, m, t->pool, len);
	} else {
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
	}
	if (rc == -E2BIG)
		(void)vh_net_report(t->b, VH_V_PKT_TOO_BIG, len, rte_pktmbuf_tailroom(m));
	if (rc != 0)
		return rc == -E2BIG ? 1 : rc;
	if (t->offload)
		(void)vh_cursor_read(&c, &h, t->b->hdr_len);
	else
		vh_cursor_skip(&c, t->b->hdr_len);
	fill_chain(&c, m);
	return set_offload(t->b, &h, m) ? 0 : 1;
}

/* Length and content faults (NET-1, NET-5, RING-6). @return false: hand it back unused */
static bool
is_frame(const struct vh_bind *b, const struct vh_req *q)
{
	uint32_t min = (uint32_t)b->hdr_len + VH_MIN_FRAME;

	if (vh_likely(q->fault == VH_V_NONE && q->len >= min && q->len - b->hdr_len <= b->policy->tx_max))
		return true;
	if (q->fault != VH_V_NONE)
		(void)vh_net_report(b, (enum vh_violation)q->fault, q->len, 0);
	else if (q->len < min)
		(void)vh_net_report(b, VH_V_TX_SHORT, q->len, min);
	else
		(void)vh_net_report(b, VH_V_PKT_TOO_BIG, q->len - b->hdr_len, b->policy->tx_max);
	return false;
}

/* The common shape: one piece, fits the mbuf. */
static VH_ALWAYS_INLINE int
take(const struct tx *t, const struct vh_req *q, struct rte_mbuf *m)
{
	const struct vh_seg *s = &t->u->seg[q->seg];
	uint8_t hdr_len = t->b->hdr_len;
	uint32_t len = q->len - hdr_len;
	struct vh_net_hdr h = { 0 };

	if (vh_unlikely(q->nr_segs != 1 || len > rte_pktmbuf_tailroom(m)))
		return take_long(t, q, m);
	if (t->offload)
		vh_guest_copy_in(&h, s->hva, 10); /* num_buffers says nothing here (NET-7) */
	vh_guest_copy_in_fast(rte_pktmbuf_mtod(m, void *), s->hva + hdr_len, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return !t->offload || set_offload(t->b, &h, m) ? 0 : 1;
}

/* @param done  requests to hand back. @return packets stored */
static uint16_t
take_all(struct tx *t, struct rte_mbuf **pkts, uint16_t *done)
{
	uint16_t i, n = 0;

	for (i = 0; i < t->u->nr_reqs; i++) {
		const struct vh_req *q = &t->u->req[i];
		int rc;

		if (vh_unlikely(!is_frame(t->b, q)))
			continue;
		rc = take(t, q, t->fresh[n]);
		if (vh_unlikely(rc < 0))
			break; /* NET-6 */
		if (vh_unlikely(rc > 0)) {
			rte_pktmbuf_free(t->fresh[n]);
			t->fresh[n] = rte_pktmbuf_alloc(t->pool);
			if (t->fresh[n] == NULL) {
				t->fresh[n] = t->fresh[--t->nr_fresh];
				i++;
				break;
			}
			continue;
		}
		pkts[n] = t->fresh[n];
		n++;
	}
	*done = i;
	return n;
}

static uint16_t
serve(struct tx *t, struct rte_mbuf **pkts)
{
	const struct vh_bind *b = t->b;
	struct vh_burst *u = &b->ring->burst;
	uint16_t i, n, done;

	/* all or nothing: a short pool leaves the ring as it is */
	t->nr_fresh = u->nr_reqs;
	if (vh_unlikely(rte_pktmbuf_alloc_bulk(t->pool, t->fresh, t->nr_fresh) != 0))
		return 0;
	for (i = 0; i < u->nr_reqs; i++)
		if (vh_likely(u->req[i].nr_segs != 0))
			vh_guest_prefetch(u->seg[u->req[i].seg].hva);
	n = take_all(t, pkts, &done);
	if (n < t->nr_fresh)
		rte_pktmbuf_free_bulk(&t->fresh[n], t->nr_fresh - n);
	for (i = 0; i < done; i++)
		u->used_len[i] = 0;
	vh_ring_publish(b, done);
	if (done > 0)
		vh_queue_call(b);
	return n;
}

static uint16_t
receive(const struct vh_bind *b, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t count)
{
	struct tx t = { .b = b, .u = &b->ring->burst, .pool = pool,
		.offload = vh_bind_has(b, VH_B_TX_OFFLOAD) };
	uint16_t n = 0;
	int rc;

	vh_ring_begin(b);
	rc = vh_ring_fetch(b, count, VH_DIR_READ);
	if (b->ring->burst.nr_reqs > 0)
		n = serve(&t, pkts);
	if (vh_unlikely(rc != 0))
		vh_net_fetch_ended(b, rc);
	return n;
}

uint16_t
vh_net_dequeue(const struct vh_bind *b, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t n = 0;

	if (count > VH_BURST_PKTS)
		count = VH_BURST_PKTS;
	if (vh_unlikely(count > 0 && b->rarp != NULL && vh_rarp_is_armed(b->rarp))) {
		pkts[0] = vh_rarp_make(b->rarp, pool);
		n = pkts[0] != NULL;
	}
	if (n < count)
		n = (uint16_t)(n + receive(b, pool, pkts + n, (uint16_t)(count - n)));
	if (n > 0 && vh_bind_has(b, VH_B_STATS))
		vh_count_packets(b->ring, pkts, n);
	return n;
}
