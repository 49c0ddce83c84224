/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded chain builder: what both ring formats do with descriptors once these are private. Direction, order, 64-bit
 * byte sum, pieces, budget, translation, protection of ring memory; appends to the burst arena.
 * May touch: its arguments; guest memory in indirect tables. The data thread inside the ring's door.
 * spec: virtio-1.3 2.7.5, 2.8.8; rules RING-4..6, RING-9, SPLIT-5..18, PACKED-9..18
 */
#ifndef VH_CHAIN_H
#define VH_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "bind.h"
#include "protect.h"
#include "ring.h"
#include "translate.h"

/* Descriptors taken over in one go: all loads first, so that their cache misses overlap. */
#define VH_CHUNK 32

/* Internal result of the builder: arena or budget have no room for this chain, end the fetch. Never leaves ring/. */
#define VH_CHAIN_FULL (-ENOBUFS)

/** State of one fetch; on the stack of the fetch. */
struct vh_chain {
	const struct vh_bind *b;
	struct vh_burst *u;
	struct vh_xlat x;
	enum vh_dir dir;
	uint16_t plain;     /* flags of a descriptor that is a request by itself; see vh_chain_take_plain() */
	uint32_t budget;    /* descriptors to be looked at between two begins */
	uint32_t max_pieces;
	/* the chain being built */
	uint16_t position;  /* where it begins: avail index or slot */
	bool fresh;         /* nothing was looked at before it: it has the whole budget */
	enum vh_violation fault; /* content fault; CHAIN_LEN replaces an earlier one */
	uint64_t observed, limit; /* of that */
	uint32_t nr, nr_readable; /* pieces */
	uint64_t len;       /* bytes */
};

/** NEXT, WRITE and INDIRECT decide what a descriptor is. */
#define VH_DESC_KIND (VH_DESC_NEXT | VH_DESC_WRITE | VH_DESC_INDIRECT)

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
	c->dir = dir;
	/* request devices always have chains; a value no masked flags can have keeps them off the short way */
	c->plain = dir == VH_DIR_READ ? 0 : dir == VH_DIR_WRITE ? VH_DESC_WRITE : 0xffff;
	c->budget = b->policy->budget;
	c->max_pieces = b->policy->max_pieces;
	c->u->read_only = (c->u->nr_reqs == 0 || c->u->read_only) && dir == VH_DIR_READ;
}

/** End a fetch: keep what the next one begins with. */
static VH_ALWAYS_INLINE void
vh_chain_done(const struct vh_chain *c)
{
	struct vh_ring *r = c->b->ring;

	r->region_hint = vh_xlat_hint(&c->x);
	r->hint_generation = c->x.map->generation;
}

/** Requests of one descriptor and one piece each that arena and budget still hold. */
static inline unsigned int
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
static inline bool
vh_chain_stalled(const struct vh_bind *b, uint16_t position)
{
	return vh_unlikely(b->ring->stalled) && b->ring->stall_pos == position && vh_chain_still_stalled(b);
}

/** Fill r->fault and return the code. */
int vh_chain_violation(const struct vh_bind *b, enum vh_violation code, uint16_t position, uint64_t observed,
		uint64_t limit);

/** Begin a chain at this ring position. */
void vh_chain_open(struct vh_chain *c, uint16_t position);
/**
 * Account one descriptor before it is looked at.
 * @return 0 (c->fault may be CHAIN_LEN now), VH_CHAIN_FULL
 */
int vh_chain_count(struct vh_chain *c) VH_MUST_USE;
/**
 * One plain descriptor of the chain: its flags other than WRITE are the caller's business.
 * @return 0 (c->fault may be set now), -EAGAIN (stall recorded), VH_CHAIN_FULL, or a violation
 */
int vh_chain_add(struct vh_chain *c, const struct vh_desc *d) VH_MUST_USE;
/**
 * Append the finished chain, or turn its content fault into what the direction asks for.
 * @return 0: appended; -EAGAIN (stall recorded) or a violation: not appended
 */
int vh_chain_close(struct vh_chain *c, uint16_t id, uint16_t nr_slots) VH_MUST_USE;

/** An indirect table being read: every entry once, by its number. */
struct vh_table {
	iova_t addr;
	const uint8_t __guest *hva; /* NULL: it lies in several regions, entries are copied piecewise */
	uint32_t nr;                /* entries */
};

/**
 * Check an INDIRECT descriptor and find its table (SPLIT-7, SPLIT-10, PACKED-11, PACKED-12). Behind a content fault
 * only the descriptor is checked, *t is not filled.
 * @return 0; violation; -EAGAIN (stall recorded)
 */
int vh_chain_table(struct vh_chain *c, const struct vh_desc *d, struct vh_table *t) VH_MUST_USE;
/** Entry i < t->nr. @return 0, or -EAGAIN (stall recorded) */
int vh_chain_entry(struct vh_chain *c, const struct vh_table *t, uint32_t i, struct vh_desc_words *w) VH_MUST_USE;

/** Where the fields lie in the upper half of a descriptor, as shifts. */
struct vh_desc_form {
	unsigned int flags, id;
};

/**
 * Append requests d[i], d[i + 1], … as long as each is a request by itself: right direction, no NEXT, no INDIRECT, not
 * empty, in one region, not in ring memory. The checks of vh_chain_add() with nothing in between; what does not pass is
 * not refused, but left to the chain walk.
 * @param id    split: head of d[i]; NULL: the descriptor's own id field
 * @return index of the first one not taken, n if all were
 */
static VH_ALWAYS_INLINE unsigned int
vh_chain_take_plain(struct vh_chain *c, const struct vh_desc_words *d, const uint16_t *id, unsigned int i,
		unsigned int n, struct vh_desc_form form)
{
	const struct vh_protect *protect = c->dir == VH_DIR_WRITE ? c->b->protect : NULL;
	const struct vh_region *g = c->x.last;
	struct vh_burst *u = c->u;
	struct vh_req *req = &u->req[u->nr_reqs];
	struct vh_seg *seg = &u->seg[u->nr_segs];
	const unsigned int from = i, room = vh_chain_room(c);
	const uint16_t plain = c->plain, first_seg = u->nr_segs;
	const uint16_t readable = c->dir == VH_DIR_READ ? 1 : 0;

	if (n - i > room)
		n = i + room;
	for (; i < n; i++) {
		uint64_t hi = vh_le64_to_cpu((VH_FORCE_LE le64_t)d[i].hi);
		iova_t addr = { vh_le64_to_cpu((VH_FORCE_LE le64_t)d[i].lo) };
		uint32_t len = (uint32_t)hi;
		uint8_t __guest *hva;

		if (vh_unlikely(((uint16_t)(hi >> form.flags) & VH_DESC_KIND) != plain || len == 0))
			break;
		if (vh_unlikely(!vh_region_holds(g, addr, len))) {
			if (!vh_xlat_seek(&c->x, addr, len))
				break;
			g = c->x.last;
		}
		hva = g->hva + (addr.v - g->gpa);
		if (vh_unlikely(vh_chain_in_ring(protect, hva, len)))
			break;
		seg[i - from] = (struct vh_seg){ .hva = hva, .len = len };
		req[i - from] = (struct vh_req){
			.len = len,
			.seg = (uint16_t)(first_seg + (i - from)),
			.nr_segs = 1,
			.nr_readable = readable,
			.id = id != NULL ? id[i] : (uint16_t)(hi >> form.id),
			.nr_slots = 1,
		};
	}
	u->nr_reqs = (uint16_t)(u->nr_reqs + (i - from));
	u->nr_segs = (uint16_t)(u->nr_segs + (i - from));
	u->slots += i - from;
	u->looked_at += i - from;
	return i;
}

/** Tables of up to this many entries have a short way; header and data take two, small fragments a few more. */
#define VH_SHORT_TABLE 4

/* One entry of a short table, in its place, plain and in one region? Then it becomes a segment. */
static VH_ALWAYS_INLINE bool
vh_chain_short_entry(struct vh_chain *c, struct vh_desc_words w, unsigned int flags_at, uint16_t want, uint16_t mask,
		struct vh_seg *seg)
{
	uint64_t hi = vh_le64_to_cpu((VH_FORCE_LE le64_t)w.hi);
	iova_t addr = { vh_le64_to_cpu((VH_FORCE_LE le64_t)w.lo) };
	uint32_t len = (uint32_t)hi;

	if (vh_unlikely(((uint16_t)(hi >> flags_at) & mask) != want || len == 0))
		return false;
	if (vh_unlikely(!vh_region_holds(c->x.last, addr, len)) && !vh_xlat_seek(&c->x, addr, len))
		return false;
	*seg = (struct vh_seg){ .hva = c->x.last->hva + (addr.v - c->x.last->gpa), .len = len };
	return c->dir != VH_DIR_WRITE || !vh_chain_in_ring(c->b->protect, seg->hva, len);
}

/**
 * Append the request of one INDIRECT descriptor with a short table in which nothing is odd. What does not pass is left
 * to the chain walk, which looks at the table anew: nothing of this look is used then.
 * @param linked  split: entries are chained by `next` and must follow each other; packed: flags other than WRITE mean
 *                nothing
 * @return true if appended
 */
static VH_ALWAYS_INLINE bool
vh_chain_take_table(struct vh_chain *c, struct vh_desc_words d, uint16_t id, struct vh_desc_form form, bool linked)
{
	struct vh_burst *u = c->u;
	uint64_t hi = vh_le64_to_cpu((VH_FORCE_LE le64_t)d.hi), total = 0;
	iova_t addr = { vh_le64_to_cpu((VH_FORCE_LE le64_t)d.lo) };
	uint32_t len = (uint32_t)hi, n = len / 16, i;
	struct vh_seg *seg = &u->seg[u->nr_segs];
	struct vh_desc_words w[VH_SHORT_TABLE] VH_UNINIT;
	const uint8_t __guest *table;

	if (((uint16_t)(hi >> form.flags) & (VH_DESC_NEXT | VH_DESC_INDIRECT)) != VH_DESC_INDIRECT ||
			c->plain == 0xffff || len % 16 != 0 || n - 1 >= VH_SHORT_TABLE || n > c->b->size ||
			!vh_bind_has(c->b, VH_B_INDIRECT))
		return false;
	if (u->nr_reqs >= VH_BURST_REQS || u->nr_segs + n > VH_BURST_SEGS || u->looked_at + n + 1 > c->budget ||
			n > c->max_pieces || !vh_region_holds(c->x.last, addr, len))
		return false;
	table = c->x.last->hva + (addr.v - c->x.last->gpa);
	if ((vh_guest_addr(table) & 7) != 0)
		return false;
	for (i = 0; i < n; i++)
		w[i] = vh_guest_load_desc(table + i * 16);
	for (i = 0; i < n; i++) {
		uint16_t next = i + 1 < n ? VH_DESC_NEXT : 0;
		/* packed transmit tables: WRITE is not believed, see walk_table() */
		uint16_t mask = linked ? VH_DESC_KIND : c->plain;

		if (linked && next != 0 && vh_le64_to_cpu((VH_FORCE_LE le64_t)w[i].hi) >> 48 != i + 1)
			return false;
		if (!vh_chain_short_entry(c, w[i], form.flags, linked ? c->plain | next : c->plain, mask, &seg[i]))
			return false;
		total += seg[i].len;
	}
	if (total > UINT32_MAX)
		return false;
	u->req[u->nr_reqs++] = (struct vh_req){
		.len = (uint32_t)total,
		.seg = u->nr_segs,
		.nr_segs = (uint16_t)n,
		.nr_readable = (uint16_t)(c->dir == VH_DIR_READ ? n : 0),
		.id = id,
		.nr_slots = 1,
	};
	u->nr_segs = (uint16_t)(u->nr_segs + n);
	u->slots++;
	u->looked_at += n + 1;
	return true;
}

/** Tables of a chunk that will be looked at soon. */
static VH_ALWAYS_INLINE void
vh_chain_prefetch_tables(const struct vh_chain *c, const struct vh_desc_words *d, unsigned int n,
		struct vh_desc_form form)
{
	const struct vh_region *g = c->x.last;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint64_t hi = vh_le64_to_cpu((VH_FORCE_LE le64_t)d[i].hi);
		iova_t addr = { vh_le64_to_cpu((VH_FORCE_LE le64_t)d[i].lo) };

		if (((hi >> form.flags) & VH_DESC_INDIRECT) != 0 && vh_region_holds(g, addr, 1))
			vh_guest_prefetch(g->hva + (addr.v - g->gpa));
	}
}

#endif /* VH_CHAIN_H */
