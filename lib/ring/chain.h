/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded chain builder: what both ring formats do with descriptors once these are private. Direction, order, 64-bit
 * byte sum, pieces, budget, translation, protection of ring memory; appends to the burst arena.
 * The usual case is inline, on locals; whatever fails one of its tests goes to chain.c, which knows why.
 * May touch: its arguments; guest memory in indirect tables. The data thread inside the ring's door.
 * spec: virtio-1.3 2.7.5, 2.8.8; rules RING-4..6, RING-9, SPLIT-5..18, PACKED-9..18
 */
#ifndef VH_CHAIN_H
#define VH_CHAIN_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "bind.h"
#include "protect.h"
#include "ring.h"
#include "translate.h"
#include "wide.h"

/* Internal result of the builder: arena or budget have no room for this chain, end the fetch. Never leaves ring/. */
#define VH_CHAIN_FULL (-ENOBUFS)

/** NEXT, WRITE and INDIRECT decide what a descriptor is. */
#define VH_DESC_KIND (VH_DESC_NEXT | VH_DESC_WRITE | VH_DESC_INDIRECT)

/** State of one fetch; on the stack of the fetch. */
struct vh_chain {
	const struct vh_bind *b;
	struct vh_burst *u;
	struct vh_xlat x;      /* buffers */
	const struct vh_region *first; /* x.last when the fetch began */
	struct vh_xlat tables; /* indirect tables often lie in another region than buffers */
	const struct vh_protect *protect; /* NULL if no piece is written */
	enum vh_dir dir;
	uint16_t plain;      /* VH_DESC_WRITE or 0: what all descriptors of the direction have; 0xffff: both */
	uint32_t budget;     /* descriptors to be looked at between two begins */
	uint32_t max_pieces;
	bool wide;           /* wide.c may be used */
	/* the chain being built */
	uint16_t position;   /* where it begins: avail index or slot */
	bool fresh;          /* nothing was looked at before it: it has the whole budget */
	enum vh_violation fault; /* content fault; CHAIN_LEN replaces an earlier one */
	uint64_t observed, limit; /* of that */
	uint32_t nr_readable; /* pieces, VH_DIR_BOTH only */
};

/** What changes with every descriptor of a chain; a local of the walk, so that it stays in registers. */
struct vh_build {
	uint32_t nr;     /* pieces */
	uint32_t room;   /* pieces the short way may make; 0 behind a content fault */
	uint64_t len;    /* bytes */
	uint32_t looked; /* becomes vh_burst.looked_at */
};

/** Would a write here hit ring memory (RING-9)? */
static VH_ALWAYS_INLINE bool
vh_chain_in_ring(const struct vh_protect *p, const uint8_t __guest *hva, uint64_t len)
{
	return vh_protect_hits(p, vh_guest_addr(hva), len);
}

/** Begin a fetch. */
static VH_ALWAYS_INLINE void
vh_chain_init(struct vh_chain *c, const struct vh_bind *b, enum vh_dir dir)
{
	const struct vh_ring *r = b->ring;

	c->b = b;
	c->u = &b->ring->burst;
	vh_xlat_begin(&c->x, b->map, r->region_hint, r->hint_generation);
	/* tables: the first chain sees to them */
	c->tables.map = NULL;
	c->first = c->x.last;
	c->protect = dir == VH_DIR_READ ? NULL : b->protect;
	c->dir = dir;
	c->plain = dir == VH_DIR_READ ? 0 : dir == VH_DIR_WRITE ? VH_DESC_WRITE : 0xffff;
	c->budget = b->policy->budget;
	c->max_pieces = b->policy->max_pieces;
	c->wide = r->wide && c->plain != 0xffff;
	c->u->read_only = (c->u->nr_reqs == 0 || c->u->read_only) && dir == VH_DIR_READ;
}

/** End a fetch: keep what the next one begins with. */
static VH_ALWAYS_INLINE void
vh_chain_done(const struct vh_chain *c)
{
	struct vh_ring *r = c->b->ring;

	if (c->x.last == c->first && r->hint_generation == c->x.map->generation)
		return;
	r->region_hint = vh_xlat_hint(&c->x);
	r->hint_generation = c->x.map->generation;
}

/** Requests of one descriptor and one piece each that arena and budget still hold. */
static VH_ALWAYS_INLINE unsigned int
vh_chain_room(const struct vh_chain *c)
{
	const struct vh_burst *u = c->u;
	unsigned int reqs = VH_BURST_REQS - u->nr_reqs;
	unsigned int segs = (unsigned int)VH_BURST_SEGS - u->nr_segs;
	unsigned int budget = u->looked_at < c->budget ? c->budget - u->looked_at : 0;
	unsigned int n = reqs < segs ? reqs : segs;

	return n < budget ? n : budget;
}

/** A head is remembered: is it still not to be walked? Forgets it if the memory table changed or its time is up. */
bool vh_chain_still_stalled(const struct vh_bind *b);

/** Is the chain at this position not to be walked now? */
static VH_ALWAYS_INLINE bool
vh_chain_stalled(const struct vh_bind *b, uint16_t position)
{
	return vh_unlikely(b->ring->stalled) && b->ring->stall_pos == position && vh_chain_still_stalled(b);
}

/** Fill r->fault and return the code. */
int vh_chain_violation(const struct vh_bind *b, enum vh_violation code, uint16_t position, uint64_t observed,
		uint64_t limit);

/* Before a table is translated. Field by field: the whole would be loaded from stores of its halves. */
static VH_ALWAYS_INLINE void
vh_chain_tables(struct vh_chain *c)
{
	if (c->tables.map != NULL)
		return;
	c->tables.map = c->x.map;
	c->tables.last = c->x.last;
}

/** A request of 16 bytes by two stores. */
static VH_ALWAYS_INLINE void
vh_req_store(struct vh_req *r, uint32_t len, uint16_t seg, uint16_t nr_segs, uint16_t nr_readable, uint16_t id,
		uint16_t nr_slots)
{
	uint64_t w[2] = {
		len | (uint64_t)seg << 32 | (uint64_t)nr_segs << 48,
		nr_readable | (uint64_t)id << 16 | (uint64_t)nr_slots << 32,
	};

	_Static_assert(sizeof(w) == sizeof(*r) && offsetof(struct vh_req, seg) == 4 &&
		offsetof(struct vh_req, id) == 10 && offsetof(struct vh_req, fault) == 14, "fields as in w[]");
	memcpy(r, w, sizeof(w));
}

/** A segment by two stores; the second one zeroes what is reserved. */
static VH_ALWAYS_INLINE void
vh_seg_store(struct vh_seg *s, uint8_t __guest *hva, uint32_t len)
{
	uint64_t l = len;

	_Static_assert(offsetof(struct vh_seg, len) == 8 && sizeof(*s) == 16, "len and reserved are one word");
	s->hva = hva;
	memcpy((uint8_t *)s + 8, &l, sizeof(l));
}

/**
 * Host address of [addr, addr + len) if that is in order: not empty, in one region, not in ring memory.
 * @return NULL: a matter for the chain walk, which finds out why
 */
static VH_ALWAYS_INLINE uint8_t __guest *
vh_chain_host(struct vh_chain *c, iova_t addr, uint32_t len)
{
	uint8_t __guest *hva;

	if (vh_unlikely(len == 0))
		return NULL;
	if (vh_unlikely(!vh_region_holds(c->x.last, addr, len)) && !vh_xlat_seek(&c->x, addr, len))
		return NULL;
	hva = c->x.last->hva + (addr.v - c->x.last->gpa);
	return vh_unlikely(vh_chain_in_ring(c->protect, hva, len)) ? NULL : hva;
}

/* ---- the only request of a burst ---- */

/**
 * What a burst of one request is looked up in: the region that the last burst ended with. A switch that polls a quiet
 * port spends most of a call on getting ready; this gets nothing ready.
 */
struct vh_single {
	const struct vh_region *region;
	const struct vh_protect *protect; /* NULL if no piece is written */
	uint16_t plain;                   /* as in struct vh_chain */
};

/** @return false: a matter for the general way. So is all that is not in order below, with nothing done */
static VH_ALWAYS_INLINE bool
vh_single_begin(struct vh_single *s, const struct vh_bind *b, enum vh_dir dir)
{
	const struct vh_ring *r = b->ring;

	if (vh_unlikely(r->burst.nr_reqs != 0 || dir == VH_DIR_BOTH || r->stalled ||
			r->hint_generation != b->map->generation || r->region_hint >= b->map->nr))
		return false;
	s->region = &b->map->region[r->region_hint];
	s->protect = dir == VH_DIR_READ ? NULL : b->protect;
	s->plain = dir == VH_DIR_READ ? 0 : VH_DESC_WRITE;
	return true;
}

static VH_ALWAYS_INLINE bool
vh_single_add(const struct vh_single *s, const struct vh_bind *b, uint16_t i, iova_t addr, uint32_t len)
{
	uint8_t __guest *hva = s->region->hva + (addr.v - s->region->gpa);

	if (vh_unlikely(len == 0 || !vh_region_holds(s->region, addr, len) || vh_chain_in_ring(s->protect, hva, len)))
		return false;
	vh_seg_store(&b->ring->burst.seg[i], hva, len);
	return true;
}

/** The request is made of the pieces added. */
static VH_ALWAYS_INLINE bool
vh_single_end(const struct vh_single *s, const struct vh_bind *b, uint16_t nr, uint32_t len, uint16_t id,
		uint32_t looked)
{
	struct vh_burst *u = &b->ring->burst;

	if (vh_unlikely(u->looked_at + looked > b->policy->budget || nr > b->policy->max_pieces))
		return false;
	vh_req_store(&u->req[0], len, 0, nr, s->plain == 0 ? nr : 0, id, 1);
	u->nr_reqs = 1;
	u->nr_segs = nr;
	u->slots = 1;
	u->looked_at += looked;
	u->read_only = s->plain == 0;
	return true;
}

/** A request of one descriptor {addr, len}. */
static VH_ALWAYS_INLINE bool
vh_single_one(const struct vh_single *s, const struct vh_bind *b, struct vh_desc d, uint16_t id)
{
	return vh_single_add(s, b, 0, (iova_t){ d.addr }, d.len) && vh_single_end(s, b, 1, d.len, id, 1);
}

/** Where the table of two entries lies that d refers to. NULL: as false */
static VH_ALWAYS_INLINE const uint8_t __guest *
vh_single_table(const struct vh_single *s, const struct vh_bind *b, struct vh_desc d)
{
	iova_t addr = { d.addr };

	if (d.len != 2 * sizeof(struct vh_split_desc) || b->size < 2 || !vh_bind_has(b, VH_B_INDIRECT) ||
			!vh_region_holds(s->region, addr, d.len))
		return NULL;
	return s->region->hva + (addr.v - s->region->gpa);
}

/** A request of the two entries. */
static VH_ALWAYS_INLINE bool
vh_single_two(const struct vh_single *s, const struct vh_bind *b, struct vh_desc first, struct vh_desc second,
		uint16_t id)
{
	uint64_t sum = (uint64_t)first.len + second.len;

	return sum <= UINT32_MAX && vh_single_add(s, b, 0, (iova_t){ first.addr }, first.len) &&
		vh_single_add(s, b, 1, (iova_t){ second.addr }, second.len) &&
		vh_single_end(s, b, 2, (uint32_t)sum, id, 3);
}

/* ---- requests of one descriptor ---- */

/** Make descriptor {addr, len} of the right kind a request. @return false: a matter for the chain walk */
static VH_ALWAYS_INLINE bool
vh_chain_take_one(struct vh_chain *c, iova_t addr, uint32_t len, uint16_t id)
{
	uint8_t __guest *hva = vh_chain_host(c, addr, len);
	struct vh_burst *u = c->u;

	if (vh_unlikely(hva == NULL))
		return false;
	vh_seg_store(&u->seg[u->nr_segs], hva, len);
	vh_req_store(&u->req[u->nr_reqs], len, u->nr_segs, 1, c->plain == 0, id, 1);
	u->nr_reqs++;
	u->nr_segs++;
	u->slots++;
	u->looked_at++;
	return true;
}

/** What wide.c tests against and where it stores. */
static VH_ALWAYS_INLINE struct vh_wide
vh_chain_wide(const struct vh_chain *c, unsigned int n, uint16_t mask, uint16_t want)
{
	struct vh_burst *u = c->u;

	return (struct vh_wide){
		.region = c->x.last, .protect = c->protect, .seg = &u->seg[u->nr_segs], .req = &u->req[u->nr_reqs],
		.n = n, .first_seg = u->nr_segs, .readable = c->plain == 0, .mask = mask, .want = want,
	};
}

/** wide.c made n requests. */
static VH_ALWAYS_INLINE void
vh_chain_took(const struct vh_chain *c, unsigned int n)
{
	struct vh_burst *u = c->u;

	u->nr_reqs = (uint16_t)(u->nr_reqs + n);
	u->nr_segs = (uint16_t)(u->nr_segs + n);
	u->slots += n;
	u->looked_at += n;
}

/* ---- chains ---- */

/** Begin a chain at this ring position. */
static VH_ALWAYS_INLINE struct vh_build
vh_chain_open(struct vh_chain *c, uint16_t position)
{
	uint32_t segs = (uint32_t)VH_BURST_SEGS - c->u->nr_segs;
	struct vh_build p = {
		.room = segs < c->max_pieces ? segs : c->max_pieces, .looked = c->u->looked_at,
	};

	c->position = position;
	c->fresh = p.looked == 0;
	c->fault = VH_V_NONE;
	c->nr_readable = 0;
	return p;
}

/* @return 0 (c->fault is CHAIN_LEN now), VH_CHAIN_FULL */
int vh_chain_over_budget(struct vh_chain *c, struct vh_build *p) VH_MUST_USE;
/* As vh_chain_add(). */
int vh_chain_add_odd(struct vh_chain *c, struct vh_build *p, struct vh_desc d) VH_MUST_USE;
/* As vh_chain_close(). */
int vh_chain_close_odd(struct vh_chain *c, const struct vh_build *p, uint16_t id, uint16_t nr_slots) VH_MUST_USE;

/**
 * Account one descriptor before it is looked at.
 * @return 0 (c->fault may be CHAIN_LEN now), VH_CHAIN_FULL
 */
static VH_ALWAYS_INLINE int
vh_chain_count(struct vh_chain *c, struct vh_build *p)
{
	struct vh_build copy VH_UNINIT;
	int rc;

	if (vh_likely(p->looked < c->budget)) {
		p->looked++;
		return 0;
	}
	/* a copy, so that *p itself never has an address */
	copy = *p;
	rc = vh_chain_over_budget(c, &copy);
	*p = copy;
	return rc;
}

/**
 * One plain descriptor of the chain: its flags other than WRITE are the caller's business.
 * @return 0 (c->fault may be set now), -EAGAIN (stall recorded), VH_CHAIN_FULL, or a violation
 */
static VH_ALWAYS_INLINE int
vh_chain_add(struct vh_chain *c, struct vh_build *p, struct vh_desc d)
{
	uint64_t sum = p->len + d.len;
	iova_t addr = { d.addr };
	struct vh_build copy VH_UNINIT;
	int rc;

	/* 64 bits: a chain has fewer than 2^17 descriptors of less than 2^32 bytes (RING-4) */
	if (vh_likely((d.flags & VH_DESC_WRITE) == c->plain && d.len != 0 && p->nr < p->room && sum <= UINT32_MAX &&
			(vh_region_holds(c->x.last, addr, d.len) || vh_xlat_seek(&c->x, addr, d.len)))) {
		uint8_t __guest *hva = c->x.last->hva + (addr.v - c->x.last->gpa);

		if (vh_likely(!vh_chain_in_ring(c->protect, hva, d.len))) {
			vh_seg_store(&c->u->seg[c->u->nr_segs + p->nr], hva, d.len);
			p->nr++;
			p->len = sum;
			return 0;
		}
	}
	copy = *p;
	rc = vh_chain_add_odd(c, &copy, d);
	*p = copy;
	return rc;
}

/**
 * Append the finished chain, or turn its content fault into what the direction asks for.
 * @return 0: appended; -EAGAIN (stall recorded), VH_CHAIN_FULL or a violation: not appended
 */
static VH_ALWAYS_INLINE int
vh_chain_close(struct vh_chain *c, const struct vh_build *p, uint16_t id, uint16_t nr_slots)
{
	struct vh_burst *u = c->u;
	struct vh_build copy = *p;

	if (vh_unlikely(c->fault != VH_V_NONE || p->len == 0 || c->plain == 0xffff || u->nr_reqs >= VH_BURST_REQS))
		return vh_chain_close_odd(c, &copy, id, nr_slots);
	vh_req_store(&u->req[u->nr_reqs], (uint32_t)p->len, u->nr_segs, (uint16_t)p->nr,
		(uint16_t)(c->plain == 0 ? p->nr : 0), id, nr_slots);
	u->nr_reqs++;
	u->nr_segs = (uint16_t)(u->nr_segs + p->nr);
	u->slots += nr_slots;
	u->looked_at = p->looked;
	return 0;
}

/**
 * Append a request of two descriptors of the right kind, the usual header and data.
 * @param looked  descriptors looked at for it
 * @return false: a matter for the chain walk
 */
static VH_ALWAYS_INLINE bool
vh_chain_take_two(struct vh_chain *c, struct vh_desc first, struct vh_desc second, uint16_t id, uint16_t nr_slots,
		uint32_t looked)
{
	uint64_t sum = (uint64_t)first.len + second.len;
	struct vh_burst *u = c->u;
	uint8_t __guest *a, *b;

	if (vh_unlikely(u->nr_reqs >= VH_BURST_REQS || u->nr_segs + 2 > VH_BURST_SEGS || c->max_pieces < 2 ||
			u->looked_at + looked > c->budget || sum > UINT32_MAX))
		return false;
	a = vh_chain_host(c, (iova_t){ first.addr }, first.len);
	b = vh_chain_host(c, (iova_t){ second.addr }, second.len);
	if (vh_unlikely(a == NULL || b == NULL))
		return false;
	vh_seg_store(&u->seg[u->nr_segs], a, first.len);
	vh_seg_store(&u->seg[u->nr_segs + 1], b, second.len);
	vh_req_store(&u->req[u->nr_reqs], (uint32_t)sum, u->nr_segs, 2, c->plain == 0 ? 2 : 0, id, nr_slots);
	u->nr_reqs++;
	u->nr_segs = (uint16_t)(u->nr_segs + 2);
	u->slots += nr_slots;
	u->looked_at += looked;
	return true;
}

/** An indirect table being read. */
struct vh_table {
	iova_t addr;
	const uint8_t __guest *hva; /* NULL: it lies in several regions, entries are copied piecewise */
	uint32_t nr;                /* entries */
};

/* The table in one region? */
static VH_ALWAYS_INLINE bool
vh_chain_find_table(struct vh_chain *c, struct vh_table *t, uint64_t len)
{
	vh_chain_tables(c);
	if (vh_unlikely(!vh_region_holds(c->tables.last, t->addr, len)) && !vh_xlat_seek(&c->tables, t->addr, len))
		return false;
	t->hva = c->tables.last->hva + (t->addr.v - c->tables.last->gpa);
	return true;
}

/* As vh_chain_table(). */
int vh_chain_table_odd(struct vh_chain *c, struct vh_desc d, struct vh_table *t) VH_MUST_USE;

/**
 * Check an INDIRECT descriptor and find its table (SPLIT-7, SPLIT-10, PACKED-11, PACKED-12). Behind a content fault
 * only the descriptor is checked, *t is not filled.
 * @return 0; violation; -EAGAIN (stall recorded)
 */
static VH_ALWAYS_INLINE int
vh_chain_table(struct vh_chain *c, struct vh_desc d, struct vh_table *t)
{
	struct vh_table copy VH_UNINIT;
	int rc;

	t->nr = d.len / (uint32_t)sizeof(struct vh_split_desc);
	t->addr = (iova_t){ d.addr };
	if (vh_likely(vh_bind_has(c->b, VH_B_INDIRECT) && (d.flags & VH_DESC_NEXT) == 0 && c->fault == VH_V_NONE &&
			d.len % sizeof(struct vh_split_desc) == 0 && t->nr - 1 < c->b->size &&
			vh_chain_find_table(c, t, d.len)))
		return 0;
	rc = vh_chain_table_odd(c, d, &copy);
	*t = copy;
	return rc;
}

/** Where a table of two entries lies, if it does so in one region. @return NULL: a matter for the chain walk */
static VH_ALWAYS_INLINE const uint8_t __guest *
vh_chain_table_of_two(struct vh_chain *c, struct vh_desc head)
{
	iova_t addr = { head.addr };

	if (head.len != 2 * sizeof(struct vh_split_desc) || (head.flags & VH_DESC_NEXT) != 0 ||
			!vh_bind_has(c->b, VH_B_INDIRECT) || c->b->size < 2)
		return NULL;
	vh_chain_tables(c);
	if (vh_unlikely(!vh_region_holds(c->tables.last, addr, head.len)) &&
			!vh_xlat_seek(&c->tables, addr, head.len))
		return NULL;
	return c->tables.last->hva + (addr.v - c->tables.last->gpa);
}

/* An entry of a table in several regions. */
int vh_chain_entry_odd(struct vh_chain *c, struct vh_table t, uint32_t i, struct vh_desc_words *w) VH_MUST_USE;

/** Entry i < t->nr. @return 0, or -EAGAIN (stall recorded) */
static VH_ALWAYS_INLINE int
vh_chain_entry(struct vh_chain *c, const struct vh_table *t, uint32_t i, struct vh_desc_words *w)
{
	struct vh_desc_words copy VH_UNINIT;
	int rc;

	if (vh_likely(t->hva != NULL)) {
		/* at most 32768 entries */
		*w = vh_guest_load_desc(t->hva + i * (uint32_t)sizeof(*w));
		return 0;
	}
	rc = vh_chain_entry_odd(c, *t, i, &copy);
	*w = copy;
	return rc;
}

#endif /* VH_CHAIN_H */
