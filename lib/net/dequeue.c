/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest transmit -> mbufs, in passes over one snapshot: fetch, mbufs, headers and payload, publish. Frames of the
 * common shape take a short way over the same snapshot. What is wrong with one frame costs that frame: it goes back
 * used and the burst goes on (A161).
 * May touch: guest memory through guest.h; mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6.2; rules NET-1..NET-22
 */
#include "net.h"

#include <errno.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "copy.h"
#include "count.h"
#include "hdr.h"
#include "mbuf.h"
#include "policy.h"
#include "queue.h"
#include "rarp.h"
#include "ring.h"

/* Requests ahead whose first lines are prefetched: a long copy keeps the core from looking further by itself. */
#define AHEAD 2

/** One burst between fetch and publish. */
struct tx {
	const struct vh_bind *b;
	const struct vh_burst *u;
	struct rte_mempool *pool;
	struct rte_mbuf **pkts; /* [0, n) delivered, [n, nr_fresh) from the pool, raw */
	struct vh_mbuf_form form;
	uint32_t hdr_len;
	uint32_t room;          /* frames of the common shape have 14 to 13 + room bytes */
	unsigned int n;
	unsigned int nr_fresh;
	int rc;                 /* of the fetch */
};

/* Outcome of one request. */
enum verdict {
	SERVED, /* delivered or dropped: it goes back */
	KEPT,   /* stays in the ring, the burst ends before it */
};

/* Header and payload of a frame where both are one piece each, or both in one. */
struct plain {
	const uint8_t __guest *hdr, *data;
	uint32_t len; /* of the frame */
};

/*
 * The common shape: the frame in one piece, behind its header or apart from it, and not larger than one mbuf.
 * All bounds: a faulty request has no piece.
 */
static VH_ALWAYS_INLINE bool
is_plain(const struct tx *t, const struct vh_req *q, struct plain *p)
{
	const struct vh_seg *s = &t->u->seg[q->seg];

	p->len = q->len - t->hdr_len;
	/* wraps to a huge number if the request is too short (NET-1), as a faulty one is: s is not looked at */
	if (vh_unlikely(p->len - (uint32_t)VH_MIN_FRAME >= t->room))
		return false;
	p->hdr = s->hva;
	if (vh_likely(q->nr_segs == 1)) {
		p->data = s->hva + t->hdr_len;
		return true;
	}
	p->data = s[1].hva;
	return q->nr_segs == 2 && s->len == t->hdr_len;
}

/* What the request AHEAD of q will touch, and the mbuf it will get: both its lines are written. */
static VH_ALWAYS_INLINE void
look_ahead(const struct tx *t, const struct vh_req *q, const struct vh_req *end, struct rte_mbuf *const *m)
{
	if (q + AHEAD >= end)
		return;
	rte_prefetch0(m[AHEAD]);
	rte_mbuf_prefetch_part2(m[AHEAD]);
	vh_guest_prefetch(t->u->seg[q[AHEAD].seg % VH_BURST_SEGS].hva);
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

/* Mbuf number n is taken from the burst: the last fresh one moves up. */
static VH_COLD void
discard(struct tx *t)
{
	rte_pktmbuf_free(t->pkts[t->n]);
	t->pkts[t->n] = t->pkts[--t->nr_fresh];
}

static VH_NOINLINE enum verdict
offload(struct tx *t, const struct vh_net_hdr *h)
{
	enum vh_violation v = vh_hdr_to_mbuf(t->b, h, t->pkts[t->n]);
	struct vh_fault f = {
		.code = v, .position = t->b->ring->last_avail,
		.observed = v == VH_V_GSO ? vh_le16_to_cpu(h->gso_size) : h->gso_type, .limit = t->b->policy->gso_min,
	};
	enum vh_decision d = vh_likely(v == VH_V_NONE) ? VH_OBSERVE : vh_queue_violation(t->b, &f);

	if (vh_likely(d == VH_OBSERVE)) {
		t->n++;
		return SERVED;
	}
	discard(t);
	return d >= VH_STOP ? KEPT : SERVED;
}

/* Header over any number of pieces, payload over any number of mbufs. */
static enum verdict
serve_good(struct tx *t, const struct vh_req *q, uint32_t len)
{
	struct rte_mbuf *m = t->pkts[t->n];
	struct vh_net_hdr h = { 0 };
	struct vh_cursor c;
	int rc = 0;

	vh_mbuf_open(&t->form, m, (uint16_t)(len <= t->form.room ? len : 0));
	if (len > t->form.room)
		rc = vh_mbuf_extend(t->b, m, t->pool, len);
	if (vh_unlikely(rc != 0))
		return rc == -ENOMEM ? KEPT : drop(t, VH_V_PKT_TOO_BIG, len, 0);
	vh_cursor_begin(&c, t->u, (unsigned int)(q - t->u->req), 1);
	if (vh_bind_has(t->b, VH_B_TX_OFFLOAD))
		(void)vh_cursor_read(&c, &h, RTE_MIN(t->hdr_len, (uint32_t)sizeof(h)));
	else
		vh_cursor_skip(&c, t->hdr_len);
	vh_cursor_read_mbuf(&c, m);
	if (vh_hdr_asks(&h))
		return offload(t, &h);
	t->n++;
	return SERVED;
}

/* Any request: judge it first (NET-1, NET-5). */
static VH_NOINLINE enum verdict
serve(struct tx *t, const struct vh_req *q)
{
	const uint32_t min = t->hdr_len + (uint32_t)VH_MIN_FRAME;

	if (q->fault != VH_V_NONE)
		return drop(t, (enum vh_violation)q->fault, 0, 0);
	if (q->len < min)
		return drop(t, VH_V_TX_SHORT, q->len, min);
	if (q->len - t->hdr_len > t->b->policy->tx_max)
		return drop(t, VH_V_PKT_TOO_BIG, q->len - t->hdr_len, t->b->policy->tx_max);
	return serve_good(t, q, q->len - t->hdr_len);
}

/* Requests of the common shape from number i on, header unread (NET-4). @return the first that is not */
static unsigned int
serve_plain(struct tx *t, unsigned int i)
{
	struct rte_mbuf **pkts = t->pkts + t->n;
	const struct vh_req *q = &t->u->req[i], *end = &t->u->req[t->u->nr_reqs];
	struct plain p;

	for (; q < end && is_plain(t, q, &p); q++) {
		struct rte_mbuf *m = *pkts;

		look_ahead(t, q, end, pkts++);
		vh_mbuf_open(&t->form, m, (uint16_t)p.len);
		vh_guest_copy_in_fast(rte_pktmbuf_mtod(m, void *), p.data, p.len);
	}
	t->n = (unsigned int)(pkts - t->pkts);
	return (unsigned int)(q - t->u->req);
}

/* The same with a look at the header. Ends at a request whose ring is to be left too, *v is KEPT then. */
static unsigned int
serve_offload(struct tx *t, unsigned int i, enum verdict *v)
{
	const struct vh_req *q = &t->u->req[i], *end = &t->u->req[t->u->nr_reqs];
	struct plain p;

	for (; q < end && is_plain(t, q, &p); q++) {
		struct rte_mbuf *m = t->pkts[t->n];
		struct vh_net_hdr h;

		look_ahead(t, q, end, &t->pkts[t->n]);
		/* num_buffers says nothing here (NET-7) */
		vh_guest_copy_in(&h, p.hdr, 10);
		vh_mbuf_open(&t->form, m, (uint16_t)p.len);
		vh_guest_copy_in_fast(rte_pktmbuf_mtod(m, void *), p.data, p.len);
		if (vh_likely(!vh_hdr_asks(&h))) {
			t->n++;
			continue;
		}
		*v = offload(t, &h);
		if (vh_unlikely(*v == KEPT))
			break;
	}
	return (unsigned int)(q - t->u->req);
}

/* @return requests to hand back */
static unsigned int
serve_all(struct tx *t)
{
	const unsigned int nr = t->u->nr_reqs;
	enum verdict v = SERVED;
	unsigned int i = 0;

	for (;;) {
		i = vh_bind_has(t->b, VH_B_TX_OFFLOAD) ? serve_offload(t, i, &v) : serve_plain(t, i);
		if (vh_likely(i == nr) || v == KEPT)
			return i;
		v = serve(t, &t->u->req[i]);
		if (v == KEPT)
			return i;
		i++;
	}
}

/* Mbufs for all or for none (NET-6). @return requests to hand back */
static unsigned int
serve_burst(struct tx *t)
{
	unsigned int n = t->u->nr_reqs;
	uint32_t max;

	if (vh_unlikely(rte_mempool_get_bulk(t->pool, (void **)t->pkts, n) != 0))
		return 0;
	t->n = 0;
	t->nr_fresh = n;
	t->form = vh_mbuf_form(t->pkts[0]);
	max = RTE_MIN(t->form.room, t->b->policy->tx_max);
	t->room = max < VH_MIN_FRAME ? 0 : max + 1 - VH_MIN_FRAME;
	n = serve_all(t);
	if (vh_unlikely(t->n < t->nr_fresh))
		rte_mempool_put_bulk(t->pool, (void **)(t->pkts + t->n), t->nr_fresh - t->n);
	return n;
}

/* @return requests handed back */
static unsigned int
serve_ring(struct tx *t, unsigned int count)
{
	unsigned int n = 0;

	vh_ring_begin(t->b);
	t->rc = vh_ring_fetch(t->b, count, VH_DIR_READ);
	if (vh_likely(t->u->nr_reqs != 0)) {
		n = serve_burst(t);
		vh_ring_publish(t->b, n);
	}
	return n;
}

uint16_t
vh_net_dequeue(const struct vh_bind *b, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t count)
{
	struct tx t = { .b = b, .u = &b->ring->burst, .pool = pool, .pkts = pkts, .hdr_len = b->hdr_len };
	unsigned int first = 0, handed_back = 0;

	if (count > VH_BURST_PKTS)
		count = VH_BURST_PKTS;
	/* an announcement takes a place of the caller's array (NET-31) */
	if (vh_unlikely(vh_rarp_is_armed(b->rarp)) && count != 0) {
		pkts[0] = vh_rarp_make(b->rarp, pool);
		first = pkts[0] != NULL;
		t.pkts += first;
	}
	if (vh_likely(count > first))
		handed_back = serve_ring(&t, count - first);
	/* before the call: its fence waits for the stores, and nothing is done meanwhile */
	if (vh_bind_has(b, VH_B_STATS))
		vh_count_packets(b->ring, pkts, first + t.n);
	if (vh_likely(handed_back != 0))
		vh_queue_call(b);
	/* what the fetch met behind the requests; a head it met before is not reported again */
	if (vh_unlikely(t.rc != 0 && b->ring->fault.code != VH_V_NONE))
		(void)vh_queue_violation(b, &b->ring->fault);
	return (uint16_t)(first + t.n);
}
