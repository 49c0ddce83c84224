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

static const struct vh_desc_form form = { .flags = 32, .id = 48 };

/** Heads of a burst with their first descriptors, private. */
struct chunk {
	uint16_t head[VH_CHUNK];
	struct vh_desc_words d[VH_CHUNK];
};

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

/* Number of the entry behind d in its table. @return 0 or a violation */
static int
follow(const struct vh_chain *c, const struct vh_desc *d, const struct vh_table *t, struct loop_guard *g)
{
	if (d->next >= t->nr)
		return vh_chain_violation(c->b, VH_V_DESC_NEXT, c->position, d->next, t->nr);
	if (loops(g, d->next, t->nr))
		return vh_chain_violation(c->b, VH_V_CHAIN_LOOP, c->position, g->steps, t->nr);
	return 0;
}

/*
 * From the head d to the end of the chain. An INDIRECT descriptor is the last of the ring's part; the walk goes on in
 * its table. Behind a content fault only the structure is looked at, and a table not at all.
 */
static int
walk(struct vh_chain *c, uint16_t head, struct vh_desc d)
{
	struct vh_table ring = { .hva = (const uint8_t __guest *)c->b->desc, .nr = c->b->size }, table;
	const struct vh_table *t = &ring;
	struct loop_guard g = { .mark = head, .renew = 1 };
	struct vh_desc_words w;

	for (;;) {
		int rc = vh_chain_count(c);

		if (rc != 0 || c->fault == VH_V_CHAIN_LEN)
			return rc;
		if ((d.flags & VH_DESC_INDIRECT) != 0) {
			if (t == &table)
				return vh_chain_violation(c->b, VH_V_DESC_FLAGS, c->position, d.flags, 0);
			rc = vh_chain_table(c, &d, &table);
			t = &table;
			g = (struct loop_guard){ .mark = 0, .renew = 1 };
			d.next = 0;
			if (c->fault != VH_V_NONE)
				return rc;
		} else {
			rc = vh_chain_add(c, &d);
			if (rc != 0 || (d.flags & VH_DESC_NEXT) == 0)
				return rc;
			rc = follow(c, &d, t, &g);
		}
		if (rc != 0)
			return rc;
		rc = vh_chain_entry(c, t, d.next, &w);
		if (rc != 0)
			return rc;
		d = vh_desc_from_split(w);
	}
}

static VH_NOINLINE int
take_chain(struct vh_chain *c, uint16_t position, uint16_t head, struct vh_desc_words w)
{
	int rc;

	if (vh_chain_stalled(c->b, position))
		return -EAGAIN;
	vh_chain_open(c, position);
	rc = walk(c, head, vh_desc_from_split(w));
	return rc != 0 ? rc : vh_chain_close(c, head, 1);
}

/* Everything of n heads that will be needed, before anything is decided. @return heads inside the ring */
static unsigned int
load_chunk(const struct vh_bind *b, uint16_t position, unsigned int n, struct chunk *k)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		k->head[i] = vh_guest_load16(&b->avail->ring[(uint16_t)(position + i) & b->mask]);
	for (i = 0; i < n; i++) {
		if (vh_unlikely(k->head[i] >= b->size))
			return i;
		k->d[i] = vh_guest_load_desc(&b->desc[k->head[i]]);
	}
	return n;
}

/* Up to n requests from the position on. @return 0, or why the one at the new position was not taken */
static int
take_chunk(struct vh_chain *c, unsigned int n)
{
	struct chunk k VH_UNINIT;
	uint16_t position = c->u->next_idx;
	unsigned int i = 0, good = load_chunk(c->b, position, n, &k);
	bool tables = false;
	int rc = 0;

	while (i < good) {
		i = vh_chain_take_plain(c, k.d, k.head, i, good, form);
		if (i == good)
			break;
		if (!tables) {
			vh_chain_prefetch_tables(c, k.d + i, good - i, form);
			tables = true;
		}
		if (vh_chain_take_table(c, k.d[i], k.head[i], form, true)) {
			i++;
			continue;
		}
		rc = take_chain(c, (uint16_t)(position + i), k.head[i], k.d[i]);
		if (rc != 0)
			break;
		i++;
	}
	position = (uint16_t)(position + i);
	c->u->next_idx = position;
	if (rc == 0 && good < n)
		rc = vh_chain_violation(c->b, VH_V_DESC_INDEX, position, k.head[i], c->b->size);
	return rc;
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

int
vh_split_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir)
{
	struct vh_burst *u = &b->ring->burst;
	unsigned int target = u->nr_reqs + want;
	struct vh_chain c;
	int rc = look(b);

	if (rc != 0 || u->avail_idx == u->next_idx)
		return rc;
	vh_chain_init(&c, b, dir);
	while (rc == 0 && u->nr_reqs < target) {
		unsigned int n = target - u->nr_reqs, left = vh_idx_distance(u->avail_idx, u->next_idx);

		n = n < left ? n : left;
		if (n == 0)
			break;
		rc = take_chunk(&c, n < VH_CHUNK ? n : VH_CHUNK);
	}
	vh_chain_done(&c);
	return rc == VH_CHAIN_FULL ? 0 : rc;
}

void
vh_split_publish(const struct vh_bind *b, unsigned int n)
{
	struct vh_ring *r = b->ring;
	const struct vh_burst *u = &r->burst;
	uint16_t used = r->last_used;
	unsigned int i;

	if (vh_bind_has(b, VH_B_IN_ORDER) && u->read_only)
		/* elements left out mean "completely used", which is true of chains without writable pieces */
		vh_guest_store_used(&b->used->ring[used & b->mask], u->req[n - 1].id, 0);
	else
		for (i = 0; i < n; i++)
			vh_guest_store_used(&b->used->ring[(uint16_t)(used + i) & b->mask], u->req[i].id,
				u->read_only ? 0 : u->used_len[i]);
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
