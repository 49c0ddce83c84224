/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mbufs -> guest receive. Chains for the whole burst are fetched at once; a packet takes one, or several where buffers
 * merge. A packet that does not fit ends the burst before it, with nothing of it consumed (K3).
 * May touch: guest memory through guest.h, mbufs. The thread inside the ring's door.
 * spec: virtio-1.3 5.1.6.3; rules NET-23..32; api.md 5.2, 5.5
 */
#include <errno.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "copy.h"
#include "count.h"
#include "fault.h"
#include "hdr.h"
#include "net.h"

/** Bursts of chains that one call may go through when the arena is too small for all packets. */
#define MAX_ROUNDS 8
/** Chains fetched at a time for packets that merge buffers; what is not used is not consumed. */
#define MORE 16

/** One burst being filled; on the stack. */
struct rx {
	const struct vh_bind *b;
	struct vh_burst *u;
	uint16_t at;   /* first chain that no packet has yet */
	int rc;        /* why fetching ended */
	bool refused;  /* a packet does not fit: end of the call */
	bool mergeable;
};

static VH_ALWAYS_INLINE bool
have(struct rx *x, uint16_t i)
{
	uint16_t before = x->u->nr_reqs;

	if (vh_likely(i < before))
		return true;
	if (x->rc != 0)
		return false;
	x->rc = vh_ring_fetch(x->b, MORE, VH_DIR_WRITE);
	return x->u->nr_reqs > before;
}

/* NET-24, NET-27: the packet can never go into what the driver offers */
static VH_COLD uint16_t
refuse(struct rx *x, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	(void)vh_net_report(x->b, code, observed, limit);
	x->refused = true;
	return 0;
}

/* Chains for `need` bytes from x->at on. @return how many, 0: not enough, nothing consumed */
static uint16_t
collect(struct rx *x, uint32_t need)
{
	uint32_t pieces = 0;
	uint64_t room = 0;
	uint16_t i;

	for (i = x->at; room < need; i++) {
		const struct vh_req *q;

		if (!have(x, i))
			return 0;
		q = &x->u->req[i];
		if (i == x->at && q->len < x->b->hdr_len)
			return refuse(x, VH_V_RX_BUF, q->len, x->b->hdr_len);
		room += q->len;
		pieces += q->nr_segs;
		if (pieces > VH_MAX_PIECES || i - x->at >= VH_MAX_PIECES)
			return refuse(x, VH_V_RX_REFUSED, need, room);
		if (!x->mergeable && room < need)
			return refuse(x, VH_V_RX_REFUSED, need, room);
	}
	return (uint16_t)(i - x->at);
}

/** Where the next byte of a packet comes from. */
struct source {
	struct rte_mbuf *m;
	uint32_t off;
};

/* Up to len bytes of the packet into the chain. @return bytes placed */
static uint32_t
place_data(struct vh_cursor *c, struct source *s, uint32_t len)
{
	uint32_t done = 0;

	while (done < len && s->m != NULL) {
		uint32_t n = s->m->data_len - s->off;

		n = n < len - done ? n : len - done;
		if (n > 0 && vh_cursor_write(c, rte_pktmbuf_mtod_offset(s->m, const uint8_t *, s->off), n) < n)
			break;
		s->off += n;
		done += n;
		if (s->off == s->m->data_len) {
			s->m = s->m->next;
			s->off = 0;
		}
	}
	return done;
}

/* Header, then data, over n chains; all but the last are filled (NET-25). */
static void
place_long(struct rx *x, struct rte_mbuf *m, const struct vh_net_hdr *h, uint16_t n)
{
	struct source s = { .m = m, .off = 0 };
	uint32_t left = m->pkt_len;
	uint16_t i;

	for (i = x->at; i < x->at + n; i++) {
		struct vh_cursor c = vh_cursor_begin(x->u, &x->u->req[i]);
		uint32_t hdr = i == x->at ? vh_cursor_write(&c, h, x->b->hdr_len) : 0;
		uint32_t room = x->u->req[i].len - hdr, k = left < room ? left : room;

		k = place_data(&c, &s, k);
		left -= k;
		x->u->used_len[i] = hdr + k;
	}
}

static VH_ALWAYS_INLINE void
place(struct rx *x, struct rte_mbuf *m, struct vh_net_hdr *h, uint16_t n)
{
	const struct vh_bind *b = x->b;
	const struct vh_req *q = &x->u->req[x->at];
	uint8_t __guest *to = x->u->seg[q->seg].hva;

	h->num_buffers = vh_cpu_to_le16(n);
	if (vh_unlikely(n != 1 || q->nr_segs != 1 || m->nb_segs != 1)) {
		place_long(x, m, h, n);
		return;
	}
	/* collect() has proved that the one piece holds both */
	vh_guest_copy_out(to, h, 10);
	if (b->hdr_len == 12)
		vh_guest_copy_out(to + 10, &h->num_buffers, 2);
	vh_guest_copy_out_fast(to + b->hdr_len, rte_pktmbuf_mtod(m, const void *), m->data_len);
	x->u->used_len[x->at] = b->hdr_len + m->data_len;
}

/* @return 1 taken, delivered or dropped; 0: burst ends before this packet */
static VH_ALWAYS_INLINE uint16_t
give(struct rx *x, struct rte_mbuf *m, bool *dropped)
{
	const uint64_t offload = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG |
		RTE_MBUF_F_TX_UDP_SEG;
	struct vh_net_hdr h = { 0 };
	uint16_t n;

	*dropped = false;
	n = collect(x, m->pkt_len + x->b->hdr_len);
	if (vh_unlikely(n == 0))
		return 0;
	if (vh_unlikely((m->ol_flags & offload) != 0)) {
		enum vh_violation v = vh_hdr_from_mbuf(x->b, m, &h);

		/* the application gave it away: it counts as taken, the guest does not see it (NET-28) */
		if (v != VH_V_NONE && vh_net_report(x->b, v, m->ol_flags, x->b->features) != VH_OBSERVE) {
			*dropped = true;
			return 1;
		}
	}
	place(x, m, &h, n);
	x->at = (uint16_t)(x->at + n);
	return 1;
}

/* As many packets as one arena of chains holds. */
static uint16_t
round_of_chains(struct rx *x, struct rte_mbuf **pkts, uint16_t count)
{
	bool stats = vh_bind_has(x->b, VH_B_STATS), dropped;
	uint16_t p, i, run = 0;

	x->at = 0;
	x->rc = vh_ring_fetch(x->b, count, VH_DIR_WRITE);
	for (i = 0; i < x->u->nr_reqs; i++)
		vh_guest_prefetch_write(x->u->seg[x->u->req[i].seg].hva);
	for (p = 0; p < count; p++) {
		if (p + 4 < count)
			rte_prefetch0(rte_pktmbuf_mtod(pkts[p + 4], void *));
		if (give(x, pkts[p], &dropped) == 0)
			break;
		if (vh_likely(!dropped))
			continue;
		if (stats)
			vh_count_packets(x->b->ring, pkts + run, (uint16_t)(p - run));
		run = (uint16_t)(p + 1);
	}
	if (stats && p > run)
		vh_count_packets(x->b->ring, pkts + run, (uint16_t)(p - run));
	vh_ring_publish(x->b, x->at);
	return p;
}

uint16_t
vh_net_enqueue(const struct vh_bind *b, struct rte_mbuf **pkts, uint16_t count)
{
	struct rx x = { .b = b, .u = &b->ring->burst, .mergeable = vh_bind_has(b, VH_B_MERGEABLE) };
	uint16_t n = 0, published = 0;
	unsigned int round;

	if (count > VH_BURST_PKTS)
		count = VH_BURST_PKTS;
	vh_ring_begin(b);
	for (round = 0; round < MAX_ROUNDS && n < count; round++) {
		uint16_t p = round_of_chains(&x, pkts + n, (uint16_t)(count - n));

		n = (uint16_t)(n + p);
		published = (uint16_t)(published + x.at);
		if (p == 0 || x.rc != 0 || x.refused)
			break;
	}
	if (published > 0)
		vh_queue_call(b);
	if (vh_unlikely(x.rc != 0))
		vh_net_fetch_ended(b, x.rc);
	return n;
}
