/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a packed ring. The flags of the first slot of a batch are held back until publish:
 * the device looks at slots in order, so one release store shows the whole batch.
 */
#include <errno.h>
#include <string.h>

#include "drv_priv.h"

static uint16_t
wrap_bits(bool wrap)
{
	return (uint16_t)(wrap ? DRV_DESC_AVAIL : DRV_DESC_USED);
}

static void
advance(const struct drv_ring *r, uint16_t *slot, bool *wrap, uint32_t n)
{
	uint32_t at = *slot + n;

	if (at >= r->cfg.size) {
		at -= r->cfg.size;
		*wrap = !*wrap;
	}
	*slot = (uint16_t)at;
}

static void
put_event(struct drv_ring *r, uint16_t off_wrap, uint16_t flags)
{
	r->driver_event->off_wrap = off_wrap;
	drv_store16(&r->driver_event->flags, flags);
	if (r->cfg.shadow)
		memcpy(r->shadow_avail, &(struct drv_pevent){ off_wrap, flags }, 4);
}

void
drv_packed_reset(struct drv_ring *r)
{
	uint16_t base = r->cfg.base == 0 ? 0x8000 : r->cfg.base;

	r->next_avail = r->next_used = r->kicked = base & 0x7fff;
	r->avail_wrap = r->used_wrap = (base & 0x8000) != 0;
	/* Slots must look not available from this position on. */
	for (uint16_t i = 0; i < r->cfg.size; i++) {
		bool wrap = i >= r->next_avail ? r->avail_wrap : !r->avail_wrap;

		r->pdesc[i].flags = wrap ? 0 : DRV_DESC_AVAIL | DRV_DESC_USED;
	}
	drv_packed_interrupts(r, true);
}

/* Flags last; the first slot of a batch waits for drv_packed_publish. */
static void
put_slot(struct drv_ring *r, uint16_t slot, struct drv_pdesc d)
{
	uint16_t flags = d.flags;

	r->pdesc[slot].addr = d.addr;
	r->pdesc[slot].len = d.len;
	r->pdesc[slot].id = d.id;
	if (!r->pending) {
		r->pending = true;
		r->pending_slot = slot;
		r->pending_flags = flags;
		return;
	}
	r->pdesc[slot].flags = flags;
}

static void
fill_table(struct drv_ring *r, uint16_t id, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int n)
{
	struct drv_pdesc *t = drv_table(r, id, 0);

	for (unsigned int i = 0; i < n; i++)
		t[i] = (struct drv_pdesc){ .addr = bufs[i].addr, .len = bufs[i].len,
					   .flags = i < nr_readable ? 0 : DRV_DESC_WRITE };
}

static void
fill_direct(struct drv_ring *r, uint16_t id, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int n)
{
	uint16_t slot = r->next_avail;
	bool wrap = r->avail_wrap;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = wrap_bits(wrap);

		flags |= (uint16_t)((i < nr_readable ? 0 : DRV_DESC_WRITE) | (i + 1 < n ? DRV_DESC_NEXT : 0));
		put_slot(r, slot, (struct drv_pdesc){ .addr = bufs[i].addr, .len = bufs[i].len,
						      .id = id, .flags = flags });
		advance(r, &slot, &wrap, 1);
	}
}

int
drv_packed_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int nr_writable,
	       enum drv_how how, void *token)
{
	unsigned int n = nr_readable + nr_writable;
	uint16_t slots = how == DRV_INDIRECT ? 1 : (uint16_t)n;
	uint16_t id = r->cfg.in_order ? r->next_avail : r->ids[--r->nr_ids];

	if (how == DRV_INDIRECT) {
		fill_table(r, id, bufs, nr_readable, n);
		put_slot(r, r->next_avail, (struct drv_pdesc){
			.addr = drv_gpa(r->cfg.mem, drv_table(r, id, 0)), .len = n * 16, .id = id,
			.flags = (uint16_t)(DRV_DESC_INDIRECT | wrap_bits(r->avail_wrap)) });
	} else {
		fill_direct(r, id, bufs, nr_readable, n);
	}
	advance(r, &r->next_avail, &r->avail_wrap, slots);
	r->nr_free = (uint16_t)(r->nr_free - slots);
	drv_book(r, id, slots, drv_writable(bufs, nr_readable, n), token);
	return id;
}

void
drv_packed_publish(struct drv_ring *r)
{
	if (r->pending)
		drv_store16(&r->pdesc[r->pending_slot].flags, r->pending_flags);
	r->pending = false;
}

bool
drv_packed_need_kick(struct drv_ring *r)
{
	uint16_t flags = drv_load16(&r->device_event->flags) & 3;
	uint16_t off_wrap = r->device_event->off_wrap, new_idx = r->next_avail, old = r->kicked;
	uint16_t event = off_wrap & 0x7fff;

	if (r->offered == r->kicked_offered)
		return false;
	r->kicked_offered = r->offered;
	r->kicked = new_idx;
	if (flags != DRV_EVENT_DESC || !r->cfg.event_idx)
		return flags != DRV_EVENT_DISABLE;
	if (((off_wrap & 0x8000) != 0) != r->avail_wrap)
		event = (uint16_t)(event - r->cfg.size);
	if (new_idx <= old)
		old = (uint16_t)(old - r->cfg.size);
	return drv_event_due(event, new_idx, old);
}

bool
drv_packed_pending(const struct drv_ring *r)
{
	uint16_t flags = drv_load16(&r->pdesc[r->next_used].flags);
	bool avail = (flags & DRV_DESC_AVAIL) != 0, used = (flags & DRV_DESC_USED) != 0;

	return r->in_flight != 0 && avail == used && used == r->used_wrap;
}

static void
finish(struct drv_ring *r, uint16_t id, uint32_t len, struct drv_done *done)
{
	uint16_t slots = r->meta[id].slots;

	if (!r->cfg.in_order)
		r->ids[r->nr_ids++] = id;
	drv_unbook(r, id, len, done);
	r->nr_free = (uint16_t)(r->nr_free + slots);
	advance(r, &r->next_used, &r->used_wrap, slots);
}

/* One used descriptor: one chain, or with IN_ORDER all chains up to the one it names. */
static int
collect_one(struct drv_ring *r, struct drv_done *done, unsigned int max)
{
	const struct drv_pdesc *d = &r->pdesc[r->next_used];
	uint16_t id = __atomic_load_n(&d->id, __ATOMIC_RELAXED);
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_RELAXED);
	uint32_t len = __atomic_load_n(&d->len, __ATOMIC_RELAXED);
	uint32_t batch = 1;

	/* The length counts only with the WRITE flag. */
	if ((flags & DRV_DESC_WRITE) == 0)
		len = 0;
	if (id >= r->cfg.size)
		return drv_fail(r, DRV_FAULT_ID_RANGE);
	if (!r->meta[id].in_flight)
		return drv_fail(r, DRV_FAULT_ID_IDLE);
	if (len > r->meta[id].writable)
		return drv_fail(r, DRV_FAULT_LEN);
	if (!r->cfg.in_order) {
		finish(r, id, len, done);
		return 1;
	}
	batch = drv_batch(r, id);
	if (batch > max)
		return 0;
	for (uint32_t i = 1; i <= batch; i++) {
		uint16_t at = (uint16_t)r->fifo[r->fifo_head];

		finish(r, at, i < batch ? r->meta[at].writable : len, done);
		done++->skipped = i < batch;
	}
	return (int)batch;
}

int
drv_packed_collect(struct drv_ring *r, struct drv_done *done, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && drv_packed_pending(r)) {
		int k = collect_one(r, done + n, max - n);

		if (k < 0)
			return k;
		if (k == 0)
			break;
		n += (unsigned int)k;
	}
	return (int)n;
}

void
drv_packed_interrupts(struct drv_ring *r, bool on)
{
	uint16_t at = (uint16_t)(r->next_used | (r->used_wrap ? 0x8000 : 0));

	if (!on)
		put_event(r, at, DRV_EVENT_DISABLE);
	else
		put_event(r, at, r->cfg.event_idx ? DRV_EVENT_DESC : DRV_EVENT_ENABLE);
}

void
drv_poke_pdesc(struct drv_ring *r, uint16_t slot, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	struct drv_pdesc *d = &r->pdesc[slot];

	d->addr = addr;
	d->len = len;
	d->id = id;
	drv_store16(&d->flags, flags);
}

uint16_t
drv_packed_flags(const struct drv_ring *r, uint16_t ahead)
{
	uint16_t slot = r->next_avail;
	bool wrap = r->avail_wrap;

	if (ahead >= r->cfg.size) {
		ahead = (uint16_t)(ahead - r->cfg.size);
		wrap = !wrap;
	}
	advance(r, &slot, &wrap, ahead);
	return wrap_bits(wrap);
}

void
drv_poke_skip(struct drv_ring *r, uint16_t n)
{
	advance(r, &r->next_avail, &r->avail_wrap, n);
}
