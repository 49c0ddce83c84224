/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a split ring. Descriptors are chained through private links, never through what is
 * in shared memory.
 */
#include <errno.h>
#include <string.h>

#include "drv_priv.h"

static uint16_t
mask(const struct drv_ring *r)
{
	return (uint16_t)(r->cfg.size - 1);
}

static uint16_t *
used_event(struct drv_ring *r)
{
	return &r->avail->ring[r->cfg.size];
}

static const uint16_t *
avail_event(const struct drv_ring *r)
{
	/* behind the last element of the used ring */
	return (const uint16_t *)(const void *)&r->used->ring[r->cfg.size];
}

/* All writes to memory that the device must not change go through these. */
static void
put_desc(struct drv_ring *r, uint16_t i, struct drv_desc d)
{
	r->desc[i] = d;
	if (r->cfg.shadow)
		((struct drv_desc *)r->shadow_desc)[i] = d;
}

static void
put_avail(struct drv_ring *r, uint16_t *where, uint16_t value)
{
	drv_store16(where, value);
	if (r->cfg.shadow)
		memcpy((uint8_t *)r->shadow_avail + ((uint8_t *)where - (uint8_t *)r->avail), &value, 2);
}

void
drv_split_reset(struct drv_ring *r)
{
	uint16_t n = r->cfg.size;

	for (uint16_t i = 0; i < n; i++)
		r->link[r->ids[i]] = r->ids[i + 1 == n ? 0 : i + 1];
	r->free_head = r->ids[0];
	r->next_avail = r->next_used = r->published = r->kicked = r->cfg.base;
	put_avail(r, &r->avail->idx, r->cfg.base);
	r->used->idx = r->cfg.base;
	drv_split_interrupts(r, true);
}

/* The table of `head`, linked in order. */
static void
fill_table(struct drv_ring *r, uint16_t head, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int n)
{
	struct drv_desc *t = drv_table(r, head, 0);

	for (unsigned int i = 0; i < n; i++)
		t[i] = (struct drv_desc){
			.addr = bufs[i].addr,
			.len = bufs[i].len,
			.flags = (uint16_t)((i < nr_readable ? 0 : DRV_DESC_WRITE) | (i + 1 < n ? DRV_DESC_NEXT : 0)),
			.next = (uint16_t)(i + 1 < n ? i + 1 : 0),
		};
}

/* Direct descriptors from the free list; returns the first free one behind them. */
static uint16_t
fill_direct(struct drv_ring *r, uint16_t head, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int n)
{
	uint16_t at = head;

	for (unsigned int i = 0; i < n; i++) {
		put_desc(r, at, (struct drv_desc){
			.addr = bufs[i].addr,
			.len = bufs[i].len,
			.flags = (uint16_t)((i < nr_readable ? 0 : DRV_DESC_WRITE) | (i + 1 < n ? DRV_DESC_NEXT : 0)),
			.next = (uint16_t)(i + 1 < n ? r->link[at] : 0),
		});
		at = r->link[at];
	}
	return at;
}

int
drv_split_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int nr_writable,
	      enum drv_how how, void *token)
{
	unsigned int n = nr_readable + nr_writable;
	uint16_t head = r->free_head, slots = how == DRV_INDIRECT ? 1 : (uint16_t)n;

	if (how == DRV_INDIRECT) {
		fill_table(r, head, bufs, nr_readable, n);
		put_desc(r, head, (struct drv_desc){ .addr = drv_gpa(r->cfg.mem, drv_table(r, head, 0)),
						     .len = n * 16, .flags = DRV_DESC_INDIRECT });
		r->free_head = r->link[head];
	} else {
		r->free_head = fill_direct(r, head, bufs, nr_readable, n);
	}
	r->nr_free = (uint16_t)(r->nr_free - slots);
	drv_book(r, head, slots, drv_writable(bufs, nr_readable, n), token);
	put_avail(r, &r->avail->ring[r->next_avail & mask(r)], head);
	r->next_avail++;
	return head;
}

void
drv_split_publish(struct drv_ring *r)
{
	r->published = r->next_avail;
	put_avail(r, &r->avail->idx, r->next_avail);
}

bool
drv_split_need_kick(struct drv_ring *r)
{
	uint16_t old = r->kicked;

	r->kicked = r->published;
	if (r->published == old)
		return false;
	if (r->cfg.event_idx)
		return drv_event_due(drv_load16(avail_event(r)), r->published, old);
	return (drv_load16(&r->used->flags) & DRV_NO_NOTIFY) == 0;
}

bool
drv_split_pending(const struct drv_ring *r)
{
	return drv_load16(&r->used->idx) != r->next_used;
}

/* The chain's descriptors go to the front of the free list; in order they already lie behind its end. */
static void
give_back(struct drv_ring *r, uint16_t head)
{
	uint16_t last = head, slots = r->meta[head].slots;

	r->nr_free = (uint16_t)(r->nr_free + slots);
	if (r->cfg.in_order)
		return;
	for (uint16_t i = 1; i < slots; i++)
		last = r->link[last];
	r->link[last] = r->free_head;
	r->free_head = head;
}

/* Hand out the oldest chains up to `id` (IN_ORDER). @return how many, < 0 on a fault */
static int
collect_batch(struct drv_ring *r, uint16_t id, uint32_t len, uint16_t moved, struct drv_done *done, unsigned int max)
{
	uint32_t batch = drv_batch(r, id);

	if (batch == 0)
		return drv_fail(r, DRV_FAULT_ID_IDLE);
	if (batch > moved)
		return drv_fail(r, DRV_FAULT_ORDER);
	if (batch > max)
		return 0;
	for (uint32_t i = 1; i <= batch; i++) {
		uint16_t at = (uint16_t)r->fifo[r->fifo_head];

		give_back(r, at);
		drv_unbook(r, at, i < batch ? r->meta[at].writable : len, done);
		done++->skipped = i < batch;
	}
	r->next_used = (uint16_t)(r->next_used + batch);
	return (int)batch;
}

static int
collect_one(struct drv_ring *r, uint16_t moved, struct drv_done *done, unsigned int max)
{
	const struct drv_used_elem *e = &r->used->ring[r->next_used & mask(r)];
	uint32_t id = __atomic_load_n(&e->id, __ATOMIC_RELAXED);
	uint32_t len = __atomic_load_n(&e->len, __ATOMIC_RELAXED);

	if (id >= r->cfg.size)
		return drv_fail(r, DRV_FAULT_ID_RANGE);
	if (!r->meta[id].in_flight)
		return drv_fail(r, DRV_FAULT_ID_IDLE);
	if (len > r->meta[id].writable)
		return drv_fail(r, DRV_FAULT_LEN);
	if (r->cfg.in_order)
		return collect_batch(r, (uint16_t)id, len, moved, done, max);
	give_back(r, (uint16_t)id);
	drv_unbook(r, (uint16_t)id, len, done);
	r->next_used++;
	return 1;
}

int
drv_split_collect(struct drv_ring *r, struct drv_done *done, unsigned int max)
{
	uint16_t idx = drv_load16(&r->used->idx);
	unsigned int n = 0;

	if ((uint16_t)(idx - r->next_used) > r->in_flight)
		return drv_fail(r, DRV_FAULT_IDX);
	while (n < max && r->next_used != idx) {
		int k = collect_one(r, (uint16_t)(idx - r->next_used), done + n, max - n);

		if (k < 0)
			return k;
		if (k == 0)
			break;
		n += (unsigned int)k;
	}
	return (int)n;
}

void
drv_split_interrupts(struct drv_ring *r, bool on)
{
	if (r->cfg.event_idx)
		put_avail(r, used_event(r), on ? r->next_used : (uint16_t)(r->next_used + 0x8000));
	else
		put_avail(r, &r->avail->flags, on ? (uint16_t)0 : (uint16_t)DRV_NO_INTERRUPT);
}

void
drv_poke_avail_idx(struct drv_ring *r, uint16_t idx)
{
	put_avail(r, &r->avail->idx, idx);
}

void
drv_poke_head(struct drv_ring *r, uint16_t head)
{
	put_avail(r, &r->avail->ring[r->next_avail & mask(r)], head);
	r->next_avail++;
}

void
drv_poke_desc(struct drv_ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	put_desc(r, i, (struct drv_desc){ .addr = addr, .len = len, .flags = flags, .next = next });
}
