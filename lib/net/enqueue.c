/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mbufs -> guest receive, in passes over one snapshot: fetch, give each packet its buffers, headers
 * and payload, publish.
 * All buffers of a burst are published at once; only if its packets need more than the arena holds, in a few parts.
 * May touch: guest memory through copy.h; mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6.3, 5.1.6.4; rules NET-23..NET-32
 */
#include "net.h"

#include <errno.h>
#include <stddef.h>

#include <rte_mbuf.h>

#include "copy.h"
#include "count.h"
#include "csum.h"
#include "hdr.h"
#include "policy.h"
#include "queue.h"
#include "ring.h"

/** One packet that has its buffers. */
struct placed {
	struct rte_mbuf *m;
	uint32_t len;        /* bytes of the frame */
	uint16_t first, nr;  /* requests */
	struct vh_net_hdr hdr;
};

/** Packets between two publications. */
struct rx {
	const struct vh_bind *b;
	struct vh_burst *u;
	uint32_t hdr_len;
	unsigned int nr;      /* packets that have their buffers */
	unsigned int used;    /* requests they take */
	int rc;               /* of the last fetch */
	bool dry;             /* the last fetch brought less than it was asked for */
	bool published;
	struct placed pkt[VH_BURST_PKTS];
};

/* Requests behind those fetched already. @return false: no more now */
static bool
more(struct rx *x, unsigned int want)
{
	unsigned int before = x->u->nr_reqs, got;

	if (x->dry)
		return false;
	if (want > VH_BURST_REQS - before)
		want = VH_BURST_REQS - before;
	x->rc = vh_ring_fetch(x->b, want, VH_DIR_WRITE);
	got = x->u->nr_reqs - before;
	x->dry = got < want || want == 0;
	return got != 0;
}

/*
 * Buffers for `need` bytes behind those used. @param left  packets behind this one, for a guess what they will want
 * @return 0; -ENOBUFS: not enough there now; a violation: never with these buffers
 */
static VH_NOINLINE int
collect(struct rx *x, struct placed *p, uint32_t need, unsigned int left)
{
	const uint32_t max = x->b->policy->max_pieces;
	uint32_t pieces = 0, have = 0;
	unsigned int n;

	for (n = x->used;; n++) {
		const struct vh_req *q = &x->u->req[n];

		if (n == x->u->nr_reqs) {
			uint32_t each = n > x->used ? q[-1].len : need;

			if (!more(x, (need - have + each - 1) / each + left))
				return -ENOBUFS;
		}
		if (n == x->used && q->len < x->hdr_len && vh_bind_has(x->b, VH_B_MERGEABLE))
			return VH_V_RX_BUF;
		pieces += q->nr_segs;
		if (vh_unlikely(pieces > max))
			return VH_V_RX_REFUSED;
		x->u->used_len[n] = q->len < need - have ? q->len : need - have;
		have += x->u->used_len[n];
		if (have == need)
			break;
		if (!vh_bind_has(x->b, VH_B_MERGEABLE))
			return VH_V_RX_REFUSED;
	}
	p->first = (uint16_t)x->used;
	p->nr = (uint16_t)(n + 1 - x->used);
	x->used = n + 1;
	return 0;
}

/* As collect(); the usual case is one buffer that is large enough. */
static VH_ALWAYS_INLINE int
place(struct rx *x, struct placed *p, uint32_t need, unsigned int left)
{
	unsigned int n = x->used;

	if (vh_unlikely(n == x->u->nr_reqs || x->u->req[n].len < need))
		return collect(x, p, need, left);
	x->u->used_len[n] = need;
	p->first = (uint16_t)n;
	p->nr = 1;
	x->used = n + 1;
	return 0;
}

/* Header and data over any number of pieces, from any number of mbufs (NET-23). */
static VH_NOINLINE void
write_chain(const struct rx *x, const struct placed *p)
{
	struct vh_cursor c = vh_cursor_begin(x->u, p->first, p->nr);
	const struct rte_mbuf *m;

	(void)vh_cursor_write(&c, &p->hdr, x->hdr_len);
	for (m = p->m; m != NULL; m = m->next)
		(void)vh_cursor_write(&c, rte_pktmbuf_mtod(m, const void *), m->data_len);
}

static VH_ALWAYS_INLINE void
write_packet(const struct rx *x, const struct placed *p)
{
	const struct vh_req *q = &x->u->req[p->first];
	const struct vh_seg *s = &x->u->seg[q->seg];

	uint8_t __guest *to = s->hva + x->hdr_len;

	if (q->nr_segs == 2 && s->len == x->hdr_len && s[1].len >= p->len)
		to = s[1].hva;
	else if (vh_unlikely(q->nr_segs != 1))
		to = NULL;
	if (vh_unlikely(to == NULL || p->nr != 1 || p->m->nb_segs != 1)) {
		write_chain(x, p);
		return;
	}
	if (vh_likely(x->hdr_len == sizeof(p->hdr)))
		vh_guest_copy_out(s->hva, &p->hdr, sizeof(p->hdr));
	else
		vh_guest_copy_out(s->hva, &p->hdr, 10);
	vh_guest_copy_out_fast(to, rte_pktmbuf_mtod(p->m, const void *), p->len);
}

static void
count_packets(const struct rx *x)
{
	struct rte_mbuf *m[VH_BURST_PKTS] VH_UNINIT;
	unsigned int i;

	for (i = 0; i < x->nr; i++)
		m[i] = x->pkt[i].m;
	vh_count_packets(x->b->ring, m, (uint16_t)x->nr);
}

/* Copy and publish all that has its buffers. */
static void
flush(struct rx *x)
{
	unsigned int i;

	for (i = 0; i < x->nr; i++)
		write_packet(x, &x->pkt[i]);
	vh_ring_publish(x->b, x->used);
	if (vh_bind_has(x->b, VH_B_STATS))
		count_packets(x);
	x->published |= x->used != 0;
	x->nr = 0;
	x->used = 0;
	x->dry = x->rc != 0;
}

/* Could the arena be what the last fetch came up against? Then a publication makes room. */
static bool
arena_full(const struct rx *x)
{
	return x->nr != 0 && x->rc == 0 && (x->u->nr_reqs == VH_BURST_REQS ||
			(unsigned int)x->u->nr_segs + x->b->policy->max_pieces > VH_BURST_SEGS);
}

static VH_COLD enum vh_decision
report(const struct rx *x, int code, uint64_t observed, uint64_t limit)
{
	struct vh_fault f = {
		.code = (enum vh_violation)code, .position = x->b->ring->last_avail,
		.observed = observed, .limit = limit,
	};

	return vh_queue_violation(x->b, &f);
}

/* Buffers for the packet behind those placed, after a publication if need be. @return false: not now */
static bool
place_next(struct rx *x, uint32_t need, unsigned int left)
{
	struct placed *p = &x->pkt[x->nr];
	int rc = place(x, p, need, left);

	if (vh_unlikely(rc == -ENOBUFS && arena_full(x))) {
		struct placed next = *p;

		flush(x);
		p = x->pkt;
		*p = next;
		rc = place(x, p, need, left);
	}
	if (vh_unlikely(rc > 0))
		(void)report(x, rc, x->u->req[x->used].len, need);
	return rc == 0;
}

/* The header the application asks for. */
static VH_NOINLINE enum vh_decision
offload(const struct rx *x, struct placed *p)
{
	enum vh_violation v = vh_hdr_from_mbuf(x->b, p->m, &p->hdr);

	return v == VH_V_NONE ? VH_OBSERVE : report(x, (int)v, p->m->ol_flags, x->b->features);
}

/* @return true: the packet has buffers, or is dropped; false: it ends the burst */
static VH_ALWAYS_INLINE bool
add(struct rx *x, struct rte_mbuf *m, unsigned int left)
{
	struct placed *p = &x->pkt[x->nr];
	enum vh_decision d;

	p->m = m;
	p->len = vh_likely(m->nb_segs == 1) ? m->data_len : vh_csum_bytes(m);
	p->hdr = (struct vh_net_hdr){ 0 };
	if (vh_unlikely(vh_hdr_asked(m))) {
		d = offload(x, p);
		if (vh_unlikely(d != VH_OBSERVE))
			return d < VH_STOP;
	}
	if (vh_unlikely(!place_next(x, x->hdr_len + p->len, left)))
		return false;
	p = &x->pkt[x->nr++];
	/* in the 10-byte form it is not sent */
	p->hdr.num_buffers = vh_cpu_to_le16(p->nr);
	vh_guest_prefetch_write(x->u->seg[x->u->req[p->first].seg].hva);
	return true;
}

uint16_t
vh_net_enqueue(const struct vh_bind *b, struct rte_mbuf **pkts, uint16_t count)
{
	struct rx x VH_UNINIT;
	uint16_t i;

	if (count > VH_BURST_PKTS)
		count = VH_BURST_PKTS;
	x.b = b;
	x.u = &b->ring->burst;
	x.hdr_len = b->hdr_len;
	x.nr = 0;
	x.used = 0;
	x.rc = 0;
	x.dry = false;
	x.published = false;
	vh_ring_begin(b);
	(void)more(&x, count);
	for (i = 0; i < count && add(&x, pkts[i], (unsigned int)(count - i - 1)); i++)
		;
	flush(&x);
	if (x.published)
		vh_queue_call(b);
	/* what the fetch met behind the buffers; a head it met before is not reported again */
	if (vh_unlikely(x.rc != 0 && b->ring->fault.code != VH_V_NONE))
		(void)vh_queue_violation(b, &b->ring->fault);
	return i;
}
