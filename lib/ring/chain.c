/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chain builder for all that is not a request of one descriptor in one region.
 * May touch: its arguments; guest memory in indirect tables. The data thread inside the ring's door.
 */
#include "chain.h"

#include <errno.h>

#include <rte_cycles.h>

/*
 * How long a head that cannot be served is left alone if nothing we would notice has changed. Nothing legal cures it
 * but a new memory table or ring, and both are noticed at once; so the time only has to make the worst walk (32768
 * slots, some 100 us) cheap: 10 ms keep it at a hundredth of the core.
 */
#define STALL_PER_SECOND 100

VH_COLD bool
vh_chain_still_stalled(const struct vh_bind *b)
{
	struct vh_ring *r = b->ring;

	r->stalled = r->stall_generation == b->map->generation && (int64_t)(rte_rdtsc() - r->stall_until) < 0;
	/* it was reported when it was found */
	r->fault.code = VH_V_NONE;
	return r->stalled;
}

VH_COLD int
vh_chain_violation(const struct vh_bind *b, enum vh_violation code, uint16_t position, uint64_t observed,
		uint64_t limit)
{
	b->ring->fault = (struct vh_fault){
		.code = code, .queue = b->qid, .position = position, .observed = observed, .limit = limit,
	};
	return (int)code;
}

static int
violation(const struct vh_chain *c, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	return vh_chain_violation(c->b, code, c->position, observed, limit);
}

/* Leave the chain where it is and remember not to walk it again soon. */
static VH_COLD int
stall(const struct vh_chain *c, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	struct vh_ring *r = c->b->ring;
	uint64_t hz = rte_get_tsc_hz();

	/* without EAL (unit tests) the frequency is not known: 2 GHz is near enough */
	r->stall_until = rte_rdtsc() + (hz != 0 ? hz : UINT64_C(2000000000)) / STALL_PER_SECOND;
	r->stall_generation = c->b->map->generation;
	r->stall_pos = c->position;
	r->stalled = true;
	(void)violation(c, code, observed, limit);
	return -EAGAIN;
}

/* The chain is unusable but well-formed so far; its pieces are no longer collected. */
static VH_COLD int
content_fault(struct vh_chain *c, struct vh_build *p, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	p->room = 0;
	c->fault = code;
	c->observed = observed;
	c->limit = limit;
	return 0;
}

VH_COLD int
vh_chain_over_budget(struct vh_chain *c, struct vh_build *p)
{
	/* packed: the end of the chain has to be found all the same, the slots left bound that */
	if (c->fault == VH_V_CHAIN_LEN)
		return 0;
	if (!c->fresh)
		return VH_CHAIN_FULL;
	return content_fault(c, p, VH_V_CHAIN_LEN, (uint64_t)p->looked + 1, c->budget);
}

/* Pieces of one descriptor; the range does not wrap. */
static int
add_pieces(struct vh_chain *c, struct vh_build *p, iova_t addr, uint64_t len, bool writable)
{
	struct vh_burst *u = c->u;
	struct vh_piece piece;

	while (len > 0) {
		if (p->nr >= c->max_pieces)
			return content_fault(c, p, VH_V_VEC_LIMIT, p->nr + UINT64_C(1), c->max_pieces);
		if (u->nr_segs + p->nr >= VH_BURST_SEGS)
			return VH_CHAIN_FULL;
		if (vh_xlat_piece(&c->x, addr, len, &piece) != 0)
			return stall(c, VH_V_BAD_ADDR, addr.v, 0);
		if (writable && vh_chain_in_ring(c->protect, piece.hva, piece.len))
			return violation(c, VH_V_DESC_IN_RING, addr.v, piece.len);
		u->seg[u->nr_segs + p->nr] = (struct vh_seg){ .hva = piece.hva, .len = (uint32_t)piece.len };
		p->nr++;
		c->nr_readable += !writable;
		addr.v += piece.len;
		len -= piece.len;
	}
	return 0;
}

int
vh_chain_add_odd(struct vh_chain *c, struct vh_build *p, struct vh_desc d)
{
	bool writable = (d.flags & VH_DESC_WRITE) != 0;

	if (d.len == 0 || c->fault != VH_V_NONE)
		return 0;
	if (c->dir == VH_DIR_READ && writable)
		return content_fault(c, p, VH_V_TX_DIR, d.flags, 0);
	if (!writable && (c->dir == VH_DIR_WRITE || (c->dir == VH_DIR_BOTH && p->nr > c->nr_readable)))
		return violation(c, VH_V_DESC_DIR, d.flags, 0);
	if (vh_range_wraps(d.addr, d.len))
		return violation(c, VH_V_ADDR_WRAP, d.addr, d.len);
	p->len += d.len;
	if (p->len > UINT32_MAX)
		return content_fault(c, p, VH_V_PKT_TOO_BIG, p->len, UINT32_MAX);
	return add_pieces(c, p, (iova_t){ d.addr }, d.len, writable);
}

static void
append(const struct vh_chain *c, const struct vh_build *p, uint16_t id, uint16_t nr_slots)
{
	uint32_t readable = c->dir == VH_DIR_READ ? p->nr : c->dir == VH_DIR_WRITE ? 0 : c->nr_readable;
	bool good = c->fault == VH_V_NONE;
	struct vh_burst *u = c->u;

	u->req[u->nr_reqs++] = (struct vh_req){
		.len = good ? (uint32_t)p->len : 0,
		.seg = u->nr_segs,
		.nr_segs = good ? (uint16_t)p->nr : 0,
		.nr_readable = good ? (uint16_t)readable : 0,
		.id = id,
		.nr_slots = nr_slots,
		.fault = (uint16_t)c->fault,
	};
	u->nr_segs = (uint16_t)(u->nr_segs + (good ? p->nr : 0));
	u->slots += nr_slots;
}

int
vh_chain_close_odd(struct vh_chain *c, const struct vh_build *p, uint16_t id, uint16_t nr_slots)
{
	struct vh_build b = *p;

	c->u->looked_at = p->looked;
	if (c->fault == VH_V_NONE && p->len == 0) {
		if (c->dir == VH_DIR_WRITE)
			return violation(c, VH_V_RX_EMPTY, 0, 1);
		if (c->dir == VH_DIR_READ)
			(void)content_fault(c, &b, VH_V_TX_SHORT, 0, 1);
	}
	if (c->fault != VH_V_NONE && c->dir == VH_DIR_WRITE)
		return stall(c, c->fault, c->observed, c->limit);
	if (c->fault != VH_V_NONE && c->dir == VH_DIR_BOTH)
		return violation(c, c->fault, c->observed, c->limit);
	if (c->u->nr_reqs >= VH_BURST_REQS)
		return VH_CHAIN_FULL;
	append(c, &b, id, nr_slots);
	return 0;
}

/* Longest table: the ring's size, for request devices at least 1024 (SPLIT-10). */
static uint32_t
table_bound(const struct vh_chain *c)
{
	uint32_t n = c->b->size;

	return c->dir == VH_DIR_BOTH && n < VH_MAX_INDIRECT ? VH_MAX_INDIRECT : n;
}

int
vh_chain_table_odd(struct vh_chain *c, struct vh_desc d, struct vh_table *t)
{
	struct vh_piece p;

	*t = (struct vh_table){ .addr = { d.addr }, .nr = d.len / sizeof(struct vh_split_desc) };
	if (!vh_bind_has(c->b, VH_B_INDIRECT) || (d.flags & VH_DESC_NEXT) != 0)
		return violation(c, VH_V_DESC_FLAGS, d.flags, 0);
	if (d.len == 0 || d.len % sizeof(struct vh_split_desc) != 0 || t->nr > table_bound(c))
		return violation(c, VH_V_IND_LEN, d.len, table_bound(c) * sizeof(struct vh_split_desc));
	if (vh_range_wraps(d.addr, d.len))
		return violation(c, VH_V_ADDR_WRAP, d.addr, d.len);
	if (c->fault != VH_V_NONE)
		return 0;
	vh_chain_tables(c);
	if (vh_xlat_piece(&c->tables, t->addr, d.len, &p) != 0)
		return stall(c, VH_V_BAD_ADDR, d.addr, 0);
	t->hva = p.len == d.len ? p.hva : NULL;
	return 0;
}

int
vh_chain_entry_odd(struct vh_chain *c, struct vh_table t, uint32_t i, struct vh_desc_words *w)
{
	/* inside the table, which does not wrap */
	iova_t addr = { t.addr.v + (uint64_t)i * sizeof(*w) };

	if (vh_xlat_copy_in(&c->tables, addr, w, sizeof(*w)) != 0)
		return stall(c, VH_V_BAD_ADDR, addr.v, 0);
	return 0;
}
