/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split rings: all that differs from packed ones. Of shared memory each descriptor, available entry and index is read
 * once per burst; used ring and suppression words are only written (RING-2).
 * May touch: guest memory. The data thread inside the ring's door.
 * spec: virtio-1.3 2.7; rules SPLIT-1..24, NOTIF-1..11, ORDER-1..5
 */
#include "split.h"

#include <errno.h>

#include "chain.h"

/** Notices that a chain comes back to a descriptor (Brent): without memory, long before the ring's size is counted. */
struct loop_guard {
	uint32_t steps, renew;
	uint32_t mark;
};

/* @return true if going on to `next` in a table of nr entries cannot be right (SPLIT-5) */
static bool
loops(struct loop_guard *g, uint32_t next, uint32_t nr)
{
	if (next == g->mark || ++g->steps >= nr)
		return true;
	if (g->steps == g->renew) {
		g->mark = next;
		g->renew *= 2;
	}
	return false;
}

/*
 * From the head d to the end of the chain. An INDIRECT descriptor is the last of the ring's part; the walk goes on in
 * its table. Behind a content fault only the structure is looked at, and a table not at all.
 */
static VH_ALWAYS_INLINE int
walk(struct vh_chain *c, struct vh_build *p, uint16_t head, struct vh_desc d)
{
	struct vh_table t = { .hva = (const uint8_t __guest *)c->b->desc, .nr = c->b->size };
	struct loop_guard g = { .mark = head, .renew = 1 };
	struct vh_desc_words w;
	bool in_table = false;

	for (;;) {
		int rc = vh_chain_count(c, p);

		if (vh_unlikely(rc != 0 || c->fault == VH_V_CHAIN_LEN))
			return rc;
		if ((d.flags & VH_DESC_INDIRECT) != 0) {
			if (vh_unlikely(in_table))
				return vh_chain_violation(c->b, VH_V_DESC_FLAGS, c->position, d.flags, 0);
			rc = vh_chain_table(c, d, &t);
			if (vh_unlikely(rc != 0 || c->fault != VH_V_NONE))
				return rc;
			in_table = true;
			g = (struct loop_guard){ .mark = 0, .renew = 1 };
			d.next = 0;
		} else {
			rc = vh_chain_add(c, p, d);
			if (rc != 0 || (d.flags & VH_DESC_NEXT) == 0)
				return rc;
			if (vh_unlikely(d.next >= t.nr))
				return vh_chain_violation(c->b, VH_V_DESC_NEXT, c->position, d.next, t.nr);
			if (vh_unlikely(loops(&g, d.next, t.nr)))
				return vh_chain_violation(c->b, VH_V_CHAIN_LOOP, c->position, g.steps, t.nr);
		}
		rc = vh_chain_entry(c, &t, d.next, &w);
		if (vh_unlikely(rc != 0))
			return rc;
		d = vh_desc_from_split(w);
	}
}

/* A table, or a chain, of header and data with nothing odd about it. What fails here is looked at anew by the walk. */
static VH_ALWAYS_INLINE bool
take_two(struct vh_chain *c, uint16_t head, struct vh_desc d)
{
	const uint8_t __guest *table;
	struct vh_desc e;

	if ((d.flags & VH_DESC_INDIRECT) != 0) {
		table = vh_chain_table_of_two(c, d);
		if (table == NULL)
			return false;
		d = vh_desc_from_split(vh_guest_load_desc(table));
		e = vh_desc_from_split(vh_guest_load_desc(table + sizeof(struct vh_split_desc)));
		return (d.flags & VH_DESC_KIND) == (c->plain | VH_DESC_NEXT) && d.next == 1 &&
			(e.flags & VH_DESC_KIND) == c->plain && vh_chain_take_two(c, d, e, head, 1, 3);
	}
	if ((d.flags & VH_DESC_KIND) != (c->plain | VH_DESC_NEXT) || d.next > c->b->mask)
		return false;
	e = vh_desc_from_split(vh_guest_load_desc(&c->b->desc[d.next]));
	return (e.flags & VH_DESC_KIND) == c->plain && vh_chain_take_two(c, d, e, head, 1, 2);
}

static VH_NOINLINE int
take_chain(struct vh_chain *c, uint16_t position, uint16_t head, struct vh_desc_words w)
{
	struct vh_build p VH_UNINIT;
	int rc;

	if (vh_chain_stalled(c->b, position))
		return -EAGAIN;
	if (vh_likely(take_two(c, head, vh_desc_from_split(w))))
		return 0;
	p = vh_chain_open(c, position);
	rc = walk(c, &p, head, vh_desc_from_split(w));
	if (vh_likely(rc == 0))
		return vh_chain_close(c, &p, head, 1);
	c->u->looked_at = p.looked;
	return rc;
}

/* Requests of one descriptor each. @return how many of n were made */
static VH_ALWAYS_INLINE unsigned int
take_wide(struct vh_chain *c, unsigned int n)
{
	struct vh_wide w = vh_chain_wide(c, n, VH_DESC_KIND, c->plain);
	unsigned int taken = vh_wide_split(&w, c->b->avail, c->u->next_idx, c->b->desc, c->b->mask);

	vh_chain_took(c, taken);
	/* buffers in several regions, or chains: the rest of the burst goes one by one */
	c->wide = taken > 0;
	return taken;
}

/* Up to n requests from the position on. @return 0, or why the one at the position was not taken */
static VH_ALWAYS_INLINE int
take(struct vh_chain *c, unsigned int n)
{
	struct vh_burst *u = c->u;
	uint16_t position = u->next_idx, head = vh_guest_load16(&c->b->avail->ring[position & c->b->mask]);
	struct vh_desc_words w;
	unsigned int taken = 0;
	struct vh_desc d;

	if (vh_unlikely(head >= c->b->size))
		return vh_chain_violation(c->b, VH_V_DESC_INDEX, position, head, c->b->size);
	w = vh_guest_load_desc(&c->b->desc[head]);
	d = vh_desc_from_split(w);
	if ((d.flags & VH_DESC_KIND) == c->plain) {
		/* this look only says that it is worth while: it looks for itself */
		if (n >= 4 && c->wide)
			taken = take_wide(c, n);
		if (taken == 0)
			taken = vh_chain_take_one(c, (iova_t){ d.addr }, d.len, head);
	}
	if (taken == 0) {
		int rc = take_chain(c, position, head, w);

		if (vh_unlikely(rc != 0))
			return rc;
		taken = 1;
	}
	u->next_idx = (uint16_t)(position + taken);
	return 0;
}

/* The driver's index, once per burst, and whether it can be true (SPLIT-1, SPLIT-2). */
static int
look(const struct vh_bind *b)
{
	struct vh_ring *r = b->ring;
	struct vh_burst *u = &r->burst;
	uint16_t outstanding = vh_idx_distance(r->last_avail, r->last_used);
	uint16_t idx, n;

	if (u->avail_valid)
		return 0;
	idx = vh_guest_load16_acquire(&b->avail->idx);
	n = vh_idx_distance(idx, r->last_avail);
	if (vh_unlikely((uint32_t)n + outstanding > b->size))
		return vh_chain_violation(b, VH_V_AVAIL_IDX, r->last_avail, n, b->size);
	u->avail_idx = idx;
	u->avail_valid = true;
	return 0;
}

static VH_NOINLINE int
fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir)
{
	struct vh_burst *u = &b->ring->burst;
	unsigned int target = u->nr_reqs + want;
	struct vh_chain c VH_UNINIT;
	int rc = 0;

	vh_chain_init(&c, b, dir);
	while (rc == 0 && u->nr_reqs < target) {
		unsigned int n = target - u->nr_reqs, left = vh_idx_distance(u->avail_idx, u->next_idx);
		unsigned int room = vh_chain_room(&c);

		n = n < left ? n : left;
		n = n < room ? n : room;
		if (n == 0)
			break;
		rc = take(&c, n);
	}
	vh_chain_done(&c);
	return rc == VH_CHAIN_FULL ? 0 : rc;
}

/* The only request of a burst: one descriptor, or a table of two. @return false: nothing was done */
static VH_ALWAYS_INLINE bool
fetch_single(const struct vh_bind *b, enum vh_dir dir)
{
	struct vh_burst *u = &b->ring->burst;
	uint16_t head = vh_guest_load16(&b->avail->ring[u->next_idx & b->mask]);
	const uint8_t __guest *table;
	struct vh_desc d, e, f;
	struct vh_single s;

	if (head >= b->size || !vh_single_begin(&s, b, dir))
		return false;
	d = vh_desc_from_split(vh_guest_load_desc(&b->desc[head]));
	if ((d.flags & VH_DESC_KIND) == s.plain) {
		if (!vh_single_one(&s, b, d, head))
			return false;
	} else {
		/* WRITE means nothing beside INDIRECT */
		if ((d.flags & (VH_DESC_NEXT | VH_DESC_INDIRECT)) != VH_DESC_INDIRECT)
			return false;
		table = vh_single_table(&s, b, d);
		if (table == NULL)
			return false;
		e = vh_desc_from_split(vh_guest_load_desc(table));
		f = vh_desc_from_split(vh_guest_load_desc(table + sizeof(*b->desc)));
		if ((e.flags & VH_DESC_KIND) != (s.plain | VH_DESC_NEXT) || e.next != 1 ||
				(f.flags & VH_DESC_KIND) != s.plain || !vh_single_two(&s, b, e, f, head))
			return false;
	}
	u->next_idx++;
	return true;
}

int
vh_split_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir)
{
	const struct vh_burst *u = &b->ring->burst;
	int rc = look(b);

	if (rc != 0 || u->avail_idx == u->next_idx)
		return rc;
	return want == 1 && fetch_single(b, dir) ? 0 : fetch(b, want, dir);
}

/* Used elements of requests i..n-1 from a slot on, not beyond the ring's end. */
static VH_ALWAYS_INLINE void
store_run(const struct vh_bind *b, uint16_t slot, unsigned int i, unsigned int n)
{
	const struct vh_burst *u = &b->ring->burst;
	struct vh_used_elem __guest *to = &b->used->ring[slot];

	if (u->read_only)
		for (; i < n; i++, to++)
			vh_guest_store_used(to, u->req[i].id, 0);
	else
		for (; i < n; i++, to++)
			vh_guest_store_used(to, u->req[i].id, u->used_len[i]);
}

void
vh_split_publish(const struct vh_bind *b, unsigned int n)
{
	struct vh_ring *r = b->ring;
	const struct vh_burst *u = &r->burst;
	uint16_t used = r->last_used, slot = used & b->mask;
	unsigned int to_end = (unsigned int)b->size - slot, k = n < to_end ? n : to_end;

	if (vh_bind_has(b, VH_B_IN_ORDER) && u->read_only) {
		/* elements left out mean "completely used", which is true of chains without writable pieces */
		vh_guest_store_used(&b->used->ring[slot], u->req[n - 1].id, 0);
	} else {
		store_run(b, slot, 0, k);
		store_run(b, 0, k, n);
	}
	used = (uint16_t)(used + n);
	__atomic_store_n(&r->last_used, used, __ATOMIC_RELAXED);
	__atomic_store_n(&r->last_avail, (uint16_t)(r->last_avail + n), __ATOMIC_RELAXED);
	/* pairs with the driver's acquire load of the index (ORDER-3, ORDER-10) */
	vh_guest_store16_release(&b->used->idx, used);
}

bool
vh_split_need_call(const struct vh_bind *b)
{
	struct vh_ring *r = b->ring;
	uint16_t old = r->signalled, now = r->last_used;
	bool valid = r->signalled_valid;

	r->signalled = now;
	r->signalled_valid = b->call != NULL;
	if (b->call == NULL)
		return false;
	/* between the publication and the driver's words; pairs with the driver's fence between its words and its look
	 * at the used index (ORDER-4) */
	vh_guest_fence();
	if (!vh_bind_has(b, VH_B_EVENT_IDX))
		return (vh_guest_load16(&b->avail->flags) & VH_AVAIL_NO_INTERRUPT) == 0;
	return !valid || vh_idx_event_passed(vh_guest_load16(&b->avail->ring[b->size]), now, old);
}

void
vh_split_notify(const struct vh_bind *b, bool enable)
{
	/* avail_event lies behind the last element */
	le16_t __guest *event = (le16_t __guest *)&b->used->ring[b->size];

	if (!vh_bind_has(b, VH_B_EVENT_IDX))
		vh_guest_store16(&b->used->flags, (uint16_t)(enable ? 0 : VH_USED_NO_NOTIFY));
	else if (enable)
		vh_guest_store16(event, b->ring->last_avail);
	/* before the caller looks at the ring again (ORDER-5, NOTIF-10) */
	if (enable)
		vh_guest_fence();
}

uint16_t
vh_split_available(const struct vh_bind *b, bool from_used)
{
	const struct vh_ring *r = b->ring;
	uint16_t n = vh_idx_distance(vh_guest_load16_acquire(&b->avail->idx),
			from_used ? r->last_used : r->last_avail);

	return n < b->size ? n : b->size;
}

bool
vh_split_adopt(const struct vh_bind *b)
{
	struct vh_ring *r = b->ring;
	uint16_t used = vh_guest_load16_acquire(&b->used->idx);

	if (used == r->last_used)
		return false;
	__atomic_store_n(&r->last_used, used, __ATOMIC_RELAXED);
	__atomic_store_n(&r->last_avail, used, __ATOMIC_RELAXED);
	return true;
}

void
vh_split_monitor(const struct vh_bind *b, struct vh_monitor *m)
{
	*m = (struct vh_monitor){
		.addr = &b->avail->idx, .size = sizeof(le16_t),
		.mask = b->mask, .val = b->ring->last_avail & b->mask, .match = 0,
	};
}
