/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings: all that differs from split ones. A chain's slots are read in order, the head's flags first; used
 * descriptors are built from private values only (PACKED-16).
 * May touch: guest memory. The data thread inside the ring's door.
 * spec: virtio-1.3 2.8; rules PACKED-1..22, NOTIF-1..11, ORDER-2..9
 */
#include "packed.h"

#include <errno.h>

#include "chain.h"

#define AVAIL_USED (VH_DESC_AVAIL | VH_DESC_USED)

static struct vh_pidx
avail_pos(const struct vh_ring *r)
{
	return (struct vh_pidx){ .idx = r->last_avail, .wrap = r->avail_wrap };
}

static struct vh_pidx
used_pos(const struct vh_ring *r)
{
	return (struct vh_pidx){ .idx = r->last_used, .wrap = r->used_wrap };
}

/* AVAIL and USED of a descriptor that is available to this wrap counter. */
static uint16_t
avail_bits(bool wrap)
{
	return wrap ? VH_DESC_AVAIL : VH_DESC_USED;
}

static bool
is_avail(uint16_t flags, bool wrap)
{
	return (flags & AVAIL_USED) == avail_bits(wrap);
}

/* Slots consumed and not yet handed back; more than the size if the positions contradict each other (PACKED-3). */
static uint32_t
outstanding(const struct vh_ring *r, uint16_t size)
{
	uint32_t ahead = r->avail_wrap != r->used_wrap ? size : 0;

	if (vh_unlikely(r->last_avail >= size || r->last_used >= size))
		return UINT32_MAX;
	/* behind: wraps to a huge number */
	return ahead + r->last_avail - r->last_used;
}

/* All entries in sequence; of their flags only WRITE counts (PACKED-13). */
static VH_ALWAYS_INLINE int
walk_table(struct vh_chain *c, struct vh_build *p, struct vh_desc head)
{
	/*
	 * DPDK 22.11's virtio-user prepares transmit tables with WRITE set and leaves it on the entry of the header
	 * (seen: 9000-byte frames in several mbufs). We only read it, so the flag is not believed here; direct chains
	 * and split rings stay strict (SPLIT-15).
	 */
	const uint16_t believed = c->dir == VH_DIR_READ ? 0 : VH_DESC_WRITE;
	struct vh_desc_words w;
	struct vh_table t;
	uint32_t i;
	int rc = vh_chain_table(c, head, &t);

	for (i = 0; rc == 0 && c->fault == VH_V_NONE && i < t.nr; i++) {
		struct vh_desc d;

		rc = vh_chain_count(c, p);
		if (vh_unlikely(rc != 0 || c->fault != VH_V_NONE))
			break;
		rc = vh_chain_entry(c, &t, i, &w);
		if (vh_unlikely(rc != 0))
			break;
		d = vh_desc_from_packed(w);
		d.flags &= believed;
		rc = vh_chain_add(c, p, d);
	}
	return rc;
}

/** A chain in the ring. */
struct span {
	uint16_t idx;  /* slot of the head */
	uint16_t id;   /* buffer id: that of the last descriptor (PACKED-9) */
	uint32_t n;    /* slots it takes */
	uint32_t left; /* slots it may take */
};

/*
 * From the head to the end of the chain. Behind a content fault only the structure is looked at: its end has to be
 * found, as it says where the next chain begins.
 */
static VH_ALWAYS_INLINE int
walk(struct vh_chain *c, struct vh_build *p, struct vh_desc d, struct span *s)
{
	const struct vh_packed_desc __guest *ring = c->b->pdesc;
	uint32_t idx = s->idx;

	for (s->n = 1;; s->n++) {
		int rc = vh_chain_count(c, p);

		if (vh_unlikely(rc != 0))
			return rc;
		s->id = d.next;
		if ((d.flags & VH_DESC_INDIRECT) != 0) {
			if (vh_unlikely(s->n > 1))
				return vh_chain_violation(c->b, VH_V_DESC_FLAGS, c->position, d.flags, 0);
			return walk_table(c, p, d);
		}
		rc = vh_chain_add(c, p, d);
		if (rc != 0 || (d.flags & VH_DESC_NEXT) == 0)
			return rc;
		if (vh_unlikely(s->n == s->left))
			return vh_chain_violation(c->b, VH_V_CHAIN_LOOP, c->position, s->n + UINT64_C(1), s->left);
		idx = idx + 1 < c->b->size ? idx + 1 : 0;
		/* followers are there when the head is; their AVAIL and USED are not looked at (PACKED-6) */
		d = vh_desc_from_packed(vh_guest_load_packed(&ring[idx]));
	}
}

/* A table, or a chain, of header and data with nothing odd about it. What fails here is looked at anew by the walk. */
static VH_ALWAYS_INLINE bool
take_two(struct vh_chain *c, struct vh_desc d, struct span *s)
{
	const struct vh_packed_desc __guest *ring = c->b->pdesc;
	const uint8_t __guest *table;
	struct vh_desc e;

	if ((d.flags & VH_DESC_INDIRECT) != 0) {
		table = vh_chain_table_of_two(c, d);
		if (table == NULL)
			return false;
		s->n = 1;
		s->id = d.next;
		d = vh_desc_from_packed(vh_guest_load_desc(table));
		e = vh_desc_from_packed(vh_guest_load_desc(table + sizeof(*ring)));
		/* as walk_table(): of the flags at most WRITE counts */
		return (d.flags & e.flags & VH_DESC_WRITE & c->plain) == c->plain &&
			vh_chain_take_two(c, d, e, s->id, 1, 3);
	}
	if (s->left < 2 || (d.flags & VH_DESC_KIND) != (c->plain | VH_DESC_NEXT))
		return false;
	e = vh_desc_from_packed(vh_guest_load_packed(&ring[s->idx + 1u < c->b->size ? s->idx + 1u : 0]));
	s->n = 2;
	return (e.flags & VH_DESC_KIND) == c->plain && vh_chain_take_two(c, d, e, e.next, 2, 2);
}

static VH_NOINLINE int
take_chain(struct vh_chain *c, struct vh_desc_words w, struct span *s)
{
	struct vh_build p VH_UNINIT;
	int rc;

	if (vh_chain_stalled(c->b, s->idx))
		return -EAGAIN;
	if (vh_likely(take_two(c, vh_desc_from_packed(w), s)))
		return 0;
	p = vh_chain_open(c, s->idx);
	rc = walk(c, &p, vh_desc_from_packed(w), s);
	if (vh_likely(rc == 0))
		return vh_chain_close(c, &p, s->id, (uint16_t)s->n);
	c->u->looked_at = p.looked;
	return rc;
}

/*
 * Requests of one descriptor each from a run of n slots that does not pass the ring's end.
 * @return how many were made
 */
static VH_ALWAYS_INLINE unsigned int
take_wide(struct vh_chain *c, struct vh_pidx at, unsigned int n)
{
	/* available, of the right direction, neither NEXT nor INDIRECT */
	struct vh_wide w = vh_chain_wide(c, n, AVAIL_USED | VH_DESC_KIND, (uint16_t)(avail_bits(at.wrap) | c->plain));
	unsigned int taken = vh_wide_packed(&w, &c->b->pdesc[at.idx]);

	vh_chain_took(c, taken);
	/* buffers in several regions, or chains: the rest of the burst goes one by one */
	c->wide = taken > 0;
	return taken;
}

/*
 * Requests from at most n slots on, which do not pass the ring's end.
 * @param left   slots that can be available at all
 * @param empty  set if the ring has no more
 * @return 0, or why the chain at the new position was not taken
 */
static VH_ALWAYS_INLINE int
take(struct vh_chain *c, unsigned int n, uint32_t left, bool *empty)
{
	struct vh_burst *u = c->u;
	struct vh_pidx at = { .idx = u->next_idx, .wrap = u->next_wrap };
	struct vh_desc_words w = vh_guest_load_packed(&c->b->pdesc[at.idx]);
	struct vh_desc d = vh_desc_from_packed(w);
	bool plain = (d.flags & VH_DESC_KIND) == c->plain;
	struct span s VH_UNINIT;
	int rc;

	s.n = 0;
	if (!is_avail(d.flags, at.wrap)) {
		*empty = true;
		return 0;
	}
	/* this look only says that it is worth while: it looks for itself */
	if (vh_likely(plain && n >= 4 && c->wide))
		s.n = take_wide(c, at, n);
	if (s.n == 0) {
		if (vh_likely(plain && vh_chain_take_one(c, (iova_t){ d.addr }, d.len, d.next))) {
			s.n = 1;
		} else {
			s.idx = at.idx;
			s.left = left;
			rc = take_chain(c, w, &s);
			if (vh_unlikely(rc != 0))
				return rc;
		}
	}
	vh_pidx_advance(&at, s.n, c->b->size);
	u->next_idx = at.idx;
	u->next_wrap = at.wrap;
	return 0;
}

/* All slots are ours: nothing can be available, so a slot that says it is breaks the ring (PACKED-3). */
static VH_COLD int
check_full(const struct vh_bind *b)
{
	const struct vh_burst *u = &b->ring->burst;
	uint16_t flags = vh_guest_load16_acquire(&b->pdesc[u->next_idx].flags);

	if (!is_avail(flags, u->next_wrap))
		return 0;
	return vh_chain_violation(b, VH_V_AVAIL_IDX, u->next_idx, (uint64_t)b->size + 1, b->size);
}

static VH_NOINLINE int
fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir)
{
	struct vh_ring *r = b->ring;
	struct vh_burst *u = &r->burst;
	unsigned int target = u->nr_reqs + want;
	uint32_t in_flight = outstanding(r, b->size);
	struct vh_chain c VH_UNINIT;
	bool empty = false;
	int rc = 0;

	if (vh_unlikely(in_flight > b->size))
		return vh_chain_violation(b, VH_V_AVAIL_IDX, r->last_avail, r->last_avail, b->size);
	vh_chain_init(&c, b, dir);
	while (rc == 0 && !empty && u->nr_reqs < target) {
		/* no underflow: no chain is taken that has more slots than are left */
		uint32_t left = b->size - in_flight - u->slots;
		unsigned int n = target - u->nr_reqs, to_end = (unsigned int)b->size - u->next_idx;
		unsigned int room = vh_chain_room(&c);

		if (left == 0) {
			rc = check_full(b);
			break;
		}
		n = n < left ? n : left;
		n = n < to_end ? n : to_end;
		n = n < room ? n : room;
		if (n == 0)
			break;
		rc = take(&c, n, left, &empty);
	}
	vh_chain_done(&c);
	return rc == VH_CHAIN_FULL ? 0 : rc;
}

/* The only request of a burst: one descriptor, or a table of two. @return false: nothing was done */
static VH_ALWAYS_INLINE bool
fetch_single(const struct vh_bind *b, enum vh_dir dir)
{
	const struct vh_ring *r = b->ring;
	struct vh_pidx at = { .idx = r->burst.next_idx, .wrap = r->burst.next_wrap };
	const uint8_t __guest *table;
	struct vh_desc d, e, f;
	struct vh_single s;

	if (outstanding(r, b->size) >= b->size || !vh_single_begin(&s, b, dir))
		return false;
	d = vh_desc_from_packed(vh_guest_load_packed(&b->pdesc[at.idx]));
	if ((d.flags & (AVAIL_USED | VH_DESC_KIND)) == (avail_bits(at.wrap) | s.plain)) {
		if (!vh_single_one(&s, b, d, d.next))
			return false;
	} else {
		/* WRITE means nothing beside INDIRECT; in the table as walk_table() */
		if ((d.flags & (AVAIL_USED | VH_DESC_NEXT | VH_DESC_INDIRECT)) !=
				(avail_bits(at.wrap) | VH_DESC_INDIRECT))
			return false;
		table = vh_single_table(&s, b, d);
		if (table == NULL)
			return false;
		e = vh_desc_from_packed(vh_guest_load_desc(table));
		f = vh_desc_from_packed(vh_guest_load_desc(table + sizeof(*b->pdesc)));
		if ((e.flags & f.flags & s.plain) != s.plain || !vh_single_two(&s, b, e, f, d.next))
			return false;
	}
	vh_pidx_advance(&at, 1, b->size);
	b->ring->burst.next_idx = at.idx;
	b->ring->burst.next_wrap = at.wrap;
	return true;
}

int
vh_packed_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir)
{
	return want == 1 && fetch_single(b, dir) ? 0 : fetch(b, want, dir);
}

/* flags of a used descriptor: both bits equal the wrap counter, WRITE says that len is valid */
static uint16_t
used_flags(bool wrap, uint32_t len)
{
	return (uint16_t)((wrap ? AVAIL_USED : 0u) | (len > 0 ? VH_DESC_WRITE : 0u));
}

static void
store_used(const struct vh_bind *b, struct vh_pidx at, uint16_t id, uint32_t len)
{
	vh_guest_store_packed(&b->pdesc[at.idx], len, id, used_flags(at.wrap, len));
}

static void
set_position(struct vh_ring *r, struct vh_pidx avail, struct vh_pidx used)
{
	__atomic_store_n(&r->last_avail, avail.idx, __ATOMIC_RELAXED);
	__atomic_store_n(&r->avail_wrap, avail.wrap, __ATOMIC_RELAXED);
	__atomic_store_n(&r->last_used, used.idx, __ATOMIC_RELAXED);
	__atomic_store_n(&r->used_wrap, used.wrap, __ATOMIC_RELAXED);
}

/* Used descriptors of requests i..n-1 that take a slot each, from a position on, not beyond the ring's end. */
static VH_ALWAYS_INLINE void
store_run(const struct vh_bind *b, struct vh_pidx at, unsigned int i, unsigned int n)
{
	const struct vh_burst *u = &b->ring->burst;
	struct vh_packed_desc __guest *to = &b->pdesc[at.idx];

	if (u->read_only)
		for (; i < n; i++, to++)
			vh_guest_store_packed(to, 0, u->req[i].id, used_flags(at.wrap, 0));
	else
		for (; i < n; i++, to++)
			vh_guest_store_packed(to, u->used_len[i], u->req[i].id, used_flags(at.wrap, u->used_len[i]));
}

/* All but the first of n requests that take a slot each. @return slots */
static uint32_t
store_singles(const struct vh_bind *b, struct vh_pidx at, unsigned int n)
{
	/* requests up to the ring's end */
	unsigned int k = (unsigned int)b->size - at.idx;

	k = n < k ? n : k;
	vh_pidx_advance(&at, 1, b->size);
	store_run(b, at, 1, k);
	if (k < n) {
		vh_pidx_advance(&at, k - 1, b->size);
		store_run(b, at, k, n);
	}
	return n;
}

/* All but the first of n requests, or with `batch` none. @return slots of all n */
static uint32_t
store_chains(const struct vh_bind *b, struct vh_pidx at, unsigned int n, bool batch)
{
	const struct vh_burst *u = &b->ring->burst;
	uint32_t slots = u->req[0].nr_slots;
	unsigned int i;

	vh_pidx_advance(&at, slots, b->size);
	for (i = 1; i < n; i++) {
		if (!batch)
			store_used(b, at, u->req[i].id, u->read_only ? 0 : u->used_len[i]);
		vh_pidx_advance(&at, u->req[i].nr_slots, b->size);
		slots += u->req[i].nr_slots;
	}
	return slots;
}

void
vh_packed_publish(const struct vh_bind *b, unsigned int n)
{
	struct vh_ring *r = b->ring;
	const struct vh_burst *u = &r->burst;
	const struct vh_pidx first = used_pos(r);
	struct vh_pidx avail = avail_pos(r), used = first;
	/* chains left out mean "completely used", which is true of chains without writable pieces */
	bool batch = vh_bind_has(b, VH_B_IN_ORDER) && u->read_only, singles = u->slots == u->nr_reqs;
	uint32_t slots = n;

	if (!singles)
		slots = store_chains(b, first, n, batch);
	else if (!batch && n > 1)
		slots = store_singles(b, first, n);
	vh_pidx_advance(&used, slots, b->size);
	vh_pidx_advance(&avail, slots, b->size);
	set_position(r, avail, used);
	/* the driver looks here first; pairs with its acquire load of the flags (ORDER-7, ORDER-10) */
	store_used(b, first, u->req[batch ? n - 1 : 0].id, u->read_only ? 0 : u->used_len[0]);
}

/* Event test on slots: positions before the wrap count from -size. */
static bool
event_passed(struct vh_pidx event, struct vh_pidx now, uint16_t old, uint16_t size)
{
	uint16_t e = event.idx;

	if (event.wrap != now.wrap)
		e = (uint16_t)(e - size);
	if (now.idx <= old)
		old = (uint16_t)(old - size);
	return vh_idx_event_passed(e, now.idx, old);
}

bool
vh_packed_need_call(const struct vh_bind *b)
{
	struct vh_ring *r = b->ring;
	uint16_t old = r->signalled, flags;
	bool valid = r->signalled_valid;

	r->signalled = r->last_used;
	r->signalled_valid = b->call != NULL;
	if (b->call == NULL)
		return false;
	/* between the publication and the driver's words; pairs with the driver's fence between its words and its look
	 * at the used flags (ORDER-4) */
	vh_guest_fence();
	/* acquire: off_wrap is read behind it (ORDER-8). Bits 2-15 and value 3 are reserved, 3 is taken as ENABLE */
	flags = vh_guest_load16_acquire(&b->driver_event->flags) & 3;
	if (flags == VH_EVENT_DISABLE)
		return false;
	if (flags != VH_EVENT_DESC || !vh_bind_has(b, VH_B_EVENT_IDX) || !valid)
		return true;
	return event_passed(vh_pidx_unpack(vh_guest_load16(&b->driver_event->off_wrap)), used_pos(r), old, b->size);
}

void
vh_packed_notify(const struct vh_bind *b, bool enable)
{
	struct vh_packed_event __guest *e = b->device_event;
	uint16_t flags = VH_EVENT_DISABLE;

	if (enable)
		flags = vh_bind_has(b, VH_B_EVENT_IDX) ? VH_EVENT_DESC : VH_EVENT_ENABLE;
	if (flags == VH_EVENT_DESC)
		vh_guest_store16(&e->off_wrap, vh_pidx_pack(avail_pos(b->ring)));
	/* release: the position is there before the flags that refer to it (ORDER-9) */
	vh_guest_store16_release(&e->flags, flags);
	/* before the caller looks at the ring again (ORDER-5, NOTIF-10) */
	if (enable)
		vh_guest_fence();
}

/* Available slots come first, the rest of the ring follows: bisect. */
uint16_t
vh_packed_available(const struct vh_bind *b, bool from_used)
{
	const struct vh_ring *r = b->ring;
	uint32_t in_flight = outstanding(r, b->size), lo = 0, hi;

	if (in_flight > b->size)
		return 0;
	hi = b->size - in_flight;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct vh_pidx at = avail_pos(r);

		vh_pidx_advance(&at, mid, b->size);
		if (is_avail(vh_guest_load16_acquire(&b->pdesc[at.idx].flags), at.wrap))
			lo = mid + 1;
		else
			hi = mid;
	}
	return (uint16_t)(lo + (from_used ? in_flight : 0));
}

void
vh_packed_settle(const struct vh_bind *b)
{
	struct vh_ring *r = b->ring;

	if (outstanding(r, b->size) > b->size)
		set_position(r, avail_pos(r), avail_pos(r));
}

void
vh_packed_monitor(const struct vh_bind *b, struct vh_monitor *m)
{
	const struct vh_ring *r = b->ring;
	uint16_t idx = r->last_avail < b->size ? r->last_avail : 0;

	*m = (struct vh_monitor){
		.addr = &b->pdesc[idx].flags, .size = sizeof(le16_t),
		.mask = AVAIL_USED, .val = avail_bits(r->avail_wrap), .match = 1,
	};
}
