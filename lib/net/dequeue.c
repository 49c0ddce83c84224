/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest transmit -> mbufs, in passes over one snapshot: fetch, judge lengths, mbufs, headers and payload, publish.
 * What is wrong with one frame costs that frame: it goes back used and the burst goes on (A161).
 * May touch: guest memory through copy.h; mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6.2; rules NET-1..NET-22
 */
#include "net.h"

#include <errno.h>

#include <rte_mbuf.h>

#include "copy.h"
#include "count.h"
#include "hdr.h"
#include "mbuf.h"
#include "policy.h"
#include "queue.h"
#include "rarp.h"
#include "ring.h"

/* Frames whose first bytes are fetched ahead of the copy. */
#define AHEAD 4u

/** One burst between fetch and publish. */
struct tx {
	const struct vh_bind *b;
	const struct vh_burst *u;
	struct rte_mempool *pool;
	struct rte_mbuf **out;
	uint32_t hdr_len;
	unsigned int nr_good; /* frames of a deliverable length */
	unsigned int taken;   /* mbufs used up */
	uint16_t nr_out;
	struct rte_mbuf *m[VH_BURST_PKTS];
};

/* Outcome of one request. */
enum verdict {
	SERVED, /* delivered or dropped: it goes back */
	KEPT,   /* stays in the ring, the burst ends before it */
};

/* Header and some frame, and not too much of it (NET-1, NET-5)? A faulty request has length 0. */
static VH_ALWAYS_INLINE bool
is_good(const struct vh_bind *b, const struct vh_req *q)
{
	/* wraps to a huge number if the request is too short */
	return q->len - (b->hdr_len + (uint32_t)VH_MIN_FRAME) <= b->policy->tx_max - (uint32_t)VH_MIN_FRAME;
}

/* Look at all requests, and begin to load what the copies need. */
static void
judge(struct tx *t)
{
	unsigned int i;

	for (i = 0; i < t->u->nr_reqs; i++) {
		const struct vh_req *q = &t->u->req[i];

		if (vh_unlikely(!is_good(t->b, q)))
			continue;
		vh_guest_prefetch(t->u->seg[q->seg].hva);
		t->nr_good++;
	}
}

/* @return KEPT if the ring is to be left */
static VH_COLD enum verdict
drop(const struct tx *t, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	struct vh_fault f = {
		.code = code, .position = t->b->ring->last_avail, .observed = observed, .limit = limit,
	};

	return vh_queue_violation(t->b, &f) >= VH_STOP ? KEPT : SERVED;
}

static VH_COLD enum verdict
drop_bad(const struct tx *t, const struct vh_req *q)
{
	if (q->fault != VH_V_NONE)
		return drop(t, (enum vh_violation)q->fault, 0, 0);
	if (q->len < t->hdr_len + (uint32_t)VH_MIN_FRAME)
		return drop(t, VH_V_TX_SHORT, q->len, t->hdr_len + (uint64_t)VH_MIN_FRAME);
	return drop(t, VH_V_PKT_TOO_BIG, q->len - (uint64_t)t->hdr_len, t->b->policy->tx_max);
}

/* Header over any number of pieces, payload over any number of mbufs. */
static VH_NOINLINE int
copy_chain(const struct tx *t, const struct vh_req *q, struct vh_net_hdr *h, struct rte_mbuf *m, uint32_t len)
{
	struct vh_cursor c = vh_cursor_begin(t->u, (unsigned int)(q - t->u->req), 1);

	if (len > rte_pktmbuf_tailroom(m)) {
		int rc = vh_mbuf_extend(t->b, m, t->pool, len);

		if (rc != 0)
			return rc;
	} else {
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
	}
	if (vh_bind_has(t->b, VH_B_TX_OFFLOAD))
		(void)vh_cursor_read(&c, h, t->hdr_len);
	else
		vh_cursor_skip(&c, t->hdr_len);
	for (; m != NULL; m = m->next)
		(void)vh_cursor_read(&c, rte_pktmbuf_mtod(m, void *), m->data_len);
	return 0;
}

/* The frame into m. @return 0, or as vh_mbuf_extend() */
static VH_ALWAYS_INLINE int
copy_frame(const struct tx *t, const struct vh_req *q, struct vh_net_hdr *h, struct rte_mbuf *m)
{
	const struct vh_seg *s = &t->u->seg[q->seg];
	const uint8_t __guest *from = s->hva + t->hdr_len;
	uint32_t len = q->len - t->hdr_len;

	/* Linux gives the header a piece of its own */
	if (q->nr_segs == 2 && s->len == t->hdr_len)
		from = s[1].hva;
	else if (vh_unlikely(q->nr_segs != 1))
		return copy_chain(t, q, h, m, len);
	if (vh_unlikely(len > rte_pktmbuf_tailroom(m)))
		return copy_chain(t, q, h, m, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	/* num_buffers is not looked at (NET-7) */
	if (vh_bind_has(t->b, VH_B_TX_OFFLOAD))
		vh_guest_copy_in(h, s->hva, 10);
	vh_guest_copy_in_fast(rte_pktmbuf_mtod(m, void *), from, len);
	return 0;
}

/* The frame cannot be had as it is: now, or never. */
static VH_COLD enum verdict
no_room(const struct tx *t, const struct vh_req *q, int rc)
{
	return rc == -ENOMEM ? KEPT : drop(t, VH_V_PKT_TOO_BIG, q->len - (uint64_t)t->hdr_len, 0);
}

static VH_NOINLINE enum vh_decision
offload(const struct tx *t, const struct vh_net_hdr *h, struct rte_mbuf *m)
{
	enum vh_violation v = vh_hdr_to_mbuf(t->b, h, m);
	struct vh_fault f = {
		.code = v, .position = t->b->ring->last_avail,
		.observed = v == VH_V_GSO ? vh_le16_to_cpu(h->gso_size) : h->gso_type, .limit = t->b->policy->gso_min,
	};

	return v == VH_V_NONE ? VH_OBSERVE : vh_queue_violation(t->b, &f);
}

static VH_ALWAYS_INLINE enum verdict
serve(struct tx *t, const struct vh_req *q)
{
	struct vh_net_hdr h = { 0 };
	enum vh_decision d;
	struct rte_mbuf *m;
	int rc;

	if (vh_unlikely(!is_good(t->b, q)))
		return drop_bad(t, q);
	m = t->m[t->taken];
	rc = copy_frame(t, q, &h, m);
	if (vh_unlikely(rc != 0))
		return no_room(t, q, rc);
	if (vh_unlikely(vh_hdr_asks(&h))) {
		d = offload(t, &h, m);
		if (vh_unlikely(d != VH_OBSERVE)) {
			rte_pktmbuf_free(m);
			t->taken++;
			return d >= VH_STOP ? KEPT : SERVED;
		}
	}
	t->out[t->nr_out++] = m;
	t->taken++;
	return SERVED;
}

/* @return requests to hand back */
static unsigned int
serve_all(struct tx *t)
{
	const unsigned int nr = t->u->nr_reqs;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (i + AHEAD < nr)
			vh_guest_prefetch(t->u->seg[t->u->req[i + AHEAD].seg].hva + VH_CACHE_LINE);
		if (vh_unlikely(serve(t, &t->u->req[i]) == KEPT))
			break;
	}
	return i;
}

/* Mbufs for all or for none (NET-6). @return requests to hand back */
static unsigned int
serve_burst(struct tx *t)
{
	unsigned int n;

	judge(t);
	if (t->nr_good != 0 && vh_unlikely(rte_pktmbuf_alloc_bulk(t->pool, t->m, t->nr_good) != 0))
		return 0;
	n = serve_all(t);
	if (vh_unlikely(t->taken < t->nr_good))
		rte_pktmbuf_free_bulk(t->m + t->taken, t->nr_good - t->taken);
	return n;
}

/* @return frames stored */
static uint16_t
serve_ring(const struct vh_bind *b, struct rte_mempool *pool, struct rte_mbuf **out, uint16_t count)
{
	struct tx t VH_UNINIT;
	unsigned int n;
	int rc;

	vh_ring_begin(b);
	rc = vh_ring_fetch(b, count, VH_DIR_READ);
	t.nr_out = 0;
	if (vh_likely(b->ring->burst.nr_reqs != 0)) {
		t.b = b;
		t.u = &b->ring->burst;
		t.pool = pool;
		t.out = out;
		t.hdr_len = b->hdr_len;
		t.nr_good = 0;
		t.taken = 0;
		n = serve_burst(&t);
		vh_ring_publish(b, n);
		if (n != 0)
			vh_queue_call(b);
	}
	/* what the fetch met behind the requests; a head it met before is not reported again */
	if (vh_unlikely(rc != 0 && b->ring->fault.code != VH_V_NONE))
		(void)vh_queue_violation(b, &b->ring->fault);
	return t.nr_out;
}

uint16_t
vh_net_dequeue(const struct vh_bind *b, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t n = 0;

	if (count > VH_BURST_PKTS)
		count = VH_BURST_PKTS;
	/* an announcement takes a place of the caller's array (NET-31) */
	if (vh_unlikely(vh_rarp_is_armed(b->rarp)) && count != 0) {
		pkts[0] = vh_rarp_make(b->rarp, pool);
		n = pkts[0] != NULL;
	}
	if (count > n)
		n = (uint16_t)(n + serve_ring(b, pool, pkts + n, (uint16_t)(count - n)));
	if (vh_bind_has(b, VH_B_STATS) && n != 0)
		vh_count_packets(b->ring, pkts, n);
	return n;
}
