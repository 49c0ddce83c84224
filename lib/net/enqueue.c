/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mbufs -> guest receive, in passes over one snapshot: fetch, headers and payload into the buffers, publish. All
 * buffers of a burst are published at once; only if its packets need more than the arena holds, in a few parts.
 * Packets of the common shape take a short way over the same snapshot.
 * May touch: guest memory through guest.h; mbufs. The thread inside the ring's door.
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

/* Bytes of a header without num_buffers. */
#define SHORT_HDR 10u

/** One call. */
struct rx {
	const struct vh_bind *b;
	struct vh_burst *u;
	struct rte_mbuf **pkts;
	unsigned int count;
	uint32_t hdr_len;
	unsigned int done;    /* packets delivered or dropped */
	unsigned int counted; /* of these, in the ring's counters */
	unsigned int used;    /* requests behind the last publication that packets took */
	int rc;               /* of the last fetch */
	bool dry;             /* the last fetch brought less than it was asked for */
	bool published;
};

/** A packet and the requests it takes. */
struct placed {
	struct rte_mbuf *m;
	uint32_t need;       /* bytes, header included */
	unsigned int nr;     /* requests from rx.used on */
	struct vh_net_hdr hdr;
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

/* How many requests it takes to go on, if they are like the last one; and one for each packet behind this one. */
static unsigned int
guess(const struct rx *x, uint32_t missing, const struct vh_req *next)
{
	uint32_t each = next > &x->u->req[x->used] ? next[-1].len : missing;

	return (missing + each - 1) / each + x->count - x->done - 1;
}

/*
 * Buffers for p->need bytes behind those used; sets p->nr and what each of them gets.
 * @return 0; -ENOBUFS: not enough there now; a violation: never with these buffers
 */
static int
collect(struct rx *x, struct placed *p)
{
	const bool mergeable = vh_bind_has(x->b, VH_B_MERGEABLE);
	uint32_t pieces = 0, left = p->need;
	unsigned int n;

	for (n = x->used;; n++) {
		const struct vh_req *q = &x->u->req[n];

		/* no piece may follow, so no request */
		if (pieces == x->b->policy->max_pieces)
			return VH_V_RX_REFUSED;
		if (n == x->u->nr_reqs && !more(x, guess(x, left, q)))
			return -ENOBUFS;
		/* NET-24 */
		if (mergeable && n == x->used && q->len < x->hdr_len)
			return VH_V_RX_BUF;
		pieces += q->nr_segs;
		if (pieces > x->b->policy->max_pieces || (!mergeable && q->len < left))
			return VH_V_RX_REFUSED;
		/* all but the last are filled (NET-25) */
		x->u->used_len[n] = q->len < left ? q->len : left;
		left -= x->u->used_len[n];
		if (left == 0)
			break;
	}
	p->nr = n + 1 - x->used;
	return 0;
}

/* Count what was delivered since the last time, up to but without packet number `end`. */
static void
count_to(struct rx *x, unsigned int end)
{
	if (vh_bind_has(x->b, VH_B_STATS))
		vh_count_packets(x->b->ring, x->pkts + x->counted, end - x->counted);
	x->counted = end;
}

static void
publish(struct rx *x)
{
	x->published |= x->used != 0;
	vh_ring_publish(x->b, x->used);
	x->used = 0;
	x->dry = x->rc != 0;
}

/* Could the arena be what the last fetch came up against? Then a publication makes room. */
static bool
arena_full(const struct rx *x)
{
	return x->used != 0 && x->rc == 0 && (x->u->nr_reqs == VH_BURST_REQS ||
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

/* @return false: the packet cannot be placed now, it ends the burst */
static bool
place(struct rx *x, struct placed *p)
{
	int rc = collect(x, p);

	if (rc == -ENOBUFS && arena_full(x)) {
		publish(x);
		rc = collect(x, p);
	}
	if (vh_unlikely(rc > 0))
		(void)report(x, rc, x->u->req[x->used].len, p->need);
	return rc == 0;
}

/* Header and data over any number of pieces, from any number of mbufs (NET-23). */
static void
write_chain(const struct rx *x, const struct placed *p)
{
	struct vh_cursor c;

	vh_cursor_begin(&c, x->u, x->used, p->nr);
	(void)vh_cursor_write(&c, &p->hdr, RTE_MIN(x->hdr_len, (uint32_t)sizeof(p->hdr)));
	vh_cursor_write_mbuf(&c, p->m);
}

/* The header the application asks for. @return VH_OBSERVE: deliver it */
static enum vh_decision
offload(const struct rx *x, struct placed *p)
{
	enum vh_violation v = vh_hdr_from_mbuf(x->b, p->m, &p->hdr);

	return v == VH_V_NONE ? VH_OBSERVE : report(x, (int)v, p->m->ol_flags, x->b->features);
}

/* Any packet. @return true: delivered or dropped; false: it ends the burst */
static VH_NOINLINE bool
serve(struct rx *x)
{
	struct rte_mbuf *m = x->pkts[x->done];
	struct placed p = { .m = m, .need = x->hdr_len + vh_csum_bytes(m) };
	enum vh_decision d = vh_hdr_asked(m) ? offload(x, &p) : VH_OBSERVE;

	if (vh_unlikely(d >= VH_STOP))
		return false;
	if (vh_unlikely(d != VH_OBSERVE)) {
		/* the application gave it away: it counts as taken, the guest does not see it (NET-28) */
		count_to(x, x->done++);
		x->counted++;
		return true;
	}
	if (!place(x, &p))
		return false;
	p.hdr.num_buffers = vh_cpu_to_le16((uint16_t)p.nr);
	write_chain(x, &p);
	x->used += p.nr;
	x->done++;
	return true;
}

/* Header of a packet that nothing is asked for: all zero but num_buffers, the last field, little-endian (H37). */
static VH_ALWAYS_INLINE void
write_plain_hdr(uint8_t __guest *to, uint32_t hdr_len)
{
	static const uint8_t hdr[sizeof(struct vh_net_hdr)] = { [SHORT_HDR] = 1 };

	if (vh_likely(hdr_len == sizeof(hdr)))
		vh_guest_copy_out(to, hdr, sizeof(hdr));
	else
		vh_guest_copy_out(to, hdr, SHORT_HDR);
}

/*
 * Packets of the common shape that find their buffers fetched: nothing asked for, one segment; one piece, or the
 * header's and one more.
 */
static void
serve_plain(struct rx *x)
{
	const uint32_t hdr_len = x->hdr_len;
	const struct vh_req *q = &x->u->req[x->used], *end = &x->u->req[x->u->nr_reqs];
	struct rte_mbuf **pkts = x->pkts + x->done, **last = x->pkts + x->count;
	uint32_t *used_len = &x->u->used_len[x->used];
	const struct vh_seg *seg = x->u->seg;

	for (; q < end && pkts < last; q++, pkts++) {
		const struct vh_seg *s = &seg[q->seg];
		const struct rte_mbuf *m = *pkts;
		const uint32_t len = m->data_len;
		uint8_t __guest *to = s->hva + hdr_len;

		if (vh_unlikely(m->nb_segs != 1 || vh_hdr_asked(m) || q->len < hdr_len + len))
			break;
		if (vh_unlikely(q->nr_segs != 1)) {
			if (q->nr_segs != 2 || s->len != hdr_len)
				break;
			to = s[1].hva;
		}
		write_plain_hdr(s->hva, hdr_len);
		vh_guest_copy_out_fast(to, rte_pktmbuf_mtod(m, const void *), len);
		*used_len++ = hdr_len + len;
	}
	x->used = (unsigned int)(q - x->u->req);
	x->done = (unsigned int)(pkts - x->pkts);
}

static void
serve_all(struct rx *x)
{
	/* no prefetch of the buffers: stores wait for nobody, and a line read first has to be asked for twice */
	(void)more(x, x->count);
	do {
		serve_plain(x);
	} while (x->done < x->count && serve(x));
}

uint16_t
vh_net_enqueue(const struct vh_bind *b, struct rte_mbuf **pkts, uint16_t count)
{
	struct rx x = {
		.b = b, .u = &b->ring->burst, .pkts = pkts, .hdr_len = b->hdr_len,
		.count = count < VH_BURST_PKTS ? count : VH_BURST_PKTS,
	};

	vh_ring_begin(b);
	serve_all(&x);
	publish(&x);
	count_to(&x, x.done);
	if (vh_likely(x.published))
		vh_queue_call(b);
	/* what the fetch met behind the buffers; a head it met before is not reported again */
	if (vh_unlikely(x.rc != 0 && b->ring->fault.code != VH_V_NONE))
		(void)vh_queue_violation(b, &b->ring->fault);
	return (uint16_t)x.done;
}
