/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's common part: layout, bookkeeping, dispatch. Formats are in drv_split.c and drv_packed.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drv_priv.h"

#define PAGE 4096u

void
drv_mem_add(struct drv_mem *m, void *va, uint64_t gpa, uint64_t len)
{
	if (m->nr == DRV_MAX_AREAS)
		abort();
	m->area[m->nr++] = (struct drv_area){ .va = va, .gpa = gpa, .len = len };
}

uint64_t
drv_gpa(const struct drv_mem *m, const void *va)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		uint64_t off = (uintptr_t)va - (uintptr_t)m->area[i].va;

		if (off < m->area[i].len)
			return m->area[i].gpa + off;
	}
	return UINT64_MAX;
}

void *
drv_va(const struct drv_mem *m, uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		uint64_t off = gpa - m->area[i].gpa;

		if (off < m->area[i].len && len <= m->area[i].len - off)
			return (uint8_t *)m->area[i].va + off;
	}
	return NULL;
}

const char *
drv_fault_name(enum drv_fault fault)
{
	switch (fault) {
	case DRV_OK:
		return "no fault";
	case DRV_FAULT_IDX:
		return "used index beyond what is in flight";
	case DRV_FAULT_ID_RANGE:
		return "used id out of range";
	case DRV_FAULT_ID_IDLE:
		return "used id not in flight";
	case DRV_FAULT_LEN:
		return "used length above the writable bytes";
	case DRV_FAULT_ORDER:
		return "used out of order";
	case DRV_FAULT_RING:
		return "driver's ring memory changed";
	}
	return "unknown";
}

int
drv_fail(struct drv_ring *r, enum drv_fault fault)
{
	if (r->fault == DRV_OK)
		r->fault = fault;
	return -EPROTO;
}

static size_t
page_up(size_t n)
{
	return (n + PAGE - 1) / PAGE * PAGE;
}

/* Offsets of the driver area, the device area, the tables, the end. */
static void
layout(const struct drv_cfg *cfg, size_t off[4])
{
	size_t n = cfg->size;

	off[0] = page_up(n * 16);
	off[1] = off[0] + page_up(cfg->packed ? sizeof(struct drv_pevent) : 6 + 2 * n);
	off[2] = off[1] + page_up(cfg->packed ? sizeof(struct drv_pevent) : 6 + 8 * n);
	off[3] = off[2] + page_up(n * cfg->max_table * 16);
}

size_t
drv_ring_bytes(const struct drv_cfg *cfg)
{
	size_t off[4];

	layout(cfg, off);
	return off[3];
}

static int
alloc_private(struct drv_ring *r)
{
	size_t n = r->cfg.size;

	r->link = calloc(n, sizeof(*r->link));
	r->ids = calloc(n, sizeof(*r->ids));
	r->fifo = calloc(n, sizeof(*r->fifo));
	r->meta = calloc(n, sizeof(*r->meta));
	if (r->cfg.shadow) {
		r->shadow_desc = calloc(n, 16);
		r->shadow_avail = calloc(1, 6 + 2 * n);
	}
	if (!r->link || !r->ids || !r->fifo || !r->meta || (r->cfg.shadow && (!r->shadow_desc || !r->shadow_avail)))
		return -ENOMEM;
	return 0;
}

int
drv_ring_init(struct drv_ring *r, const struct drv_cfg *cfg, void *memory)
{
	size_t off[4];
	uint8_t *base = memory;

	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	if (cfg->size == 0 || cfg->size > 32768 || (!cfg->packed && (cfg->size & (cfg->size - 1)) != 0))
		return -EINVAL;
	layout(cfg, off);
	if (drv_va(cfg->mem, drv_gpa(cfg->mem, memory), off[3]) != memory)
		return -EFAULT;
	r->desc = cfg->packed ? NULL : memory;
	r->pdesc = cfg->packed ? memory : NULL;
	r->avail = cfg->packed ? NULL : (void *)(base + off[0]);
	r->used = cfg->packed ? NULL : (void *)(base + off[1]);
	r->driver_event = cfg->packed ? (void *)(base + off[0]) : NULL;
	r->device_event = cfg->packed ? (void *)(base + off[1]) : NULL;
	r->tables = cfg->max_table ? base + off[2] : NULL;
	if (alloc_private(r) != 0) {
		drv_ring_fini(r);
		return -ENOMEM;
	}
	drv_ring_reset(r);
	return 0;
}

/* Ids in an order that depends on the seed; 0 keeps 0, 1, 2 ... */
static void
shuffle(uint16_t *v, unsigned int n, unsigned int seed)
{
	uint32_t x = seed;

	for (unsigned int i = 0; i < n; i++)
		v[i] = (uint16_t)i;
	for (unsigned int i = n - 1; seed != 0 && i > 0; i--) {
		unsigned int j;
		uint16_t t = v[i];

		x = x * 1664525u + 1013904223u;
		j = (x >> 8) % (i + 1);
		v[i] = v[j];
		v[j] = t;
	}
}

void
drv_ring_reset(struct drv_ring *r)
{
	uint16_t n = r->cfg.size;
	void *memory = r->cfg.packed ? (void *)r->pdesc : (void *)r->desc;

	memset(memory, 0, drv_ring_bytes(&r->cfg));
	memset(r->meta, 0, n * sizeof(*r->meta));
	r->fifo_head = r->fifo_tail = 0;
	r->nr_free = n;
	r->in_flight = 0;
	r->nr_ids = n;
	r->pending = false;
	r->interrupts = true;
	r->fault = DRV_OK;
	r->offered = r->collected = r->kicked_offered = 0;
	shuffle(r->ids, n, r->cfg.in_order ? 0 : r->cfg.seed);
	if (r->cfg.shadow) {
		memset(r->shadow_desc, 0, (size_t)n * 16);
		memset(r->shadow_avail, 0, 6 + 2 * (size_t)n);
	}
	if (r->cfg.packed)
		drv_packed_reset(r);
	else
		drv_split_reset(r);
}

void
drv_ring_fini(struct drv_ring *r)
{
	free(r->link);
	free(r->ids);
	free(r->fifo);
	free(r->meta);
	free(r->shadow_desc);
	free(r->shadow_avail);
	r->link = r->ids = NULL;
	r->fifo = NULL;
	r->meta = NULL;
	r->shadow_desc = r->shadow_avail = NULL;
}

struct drv_ring_addr
drv_ring_addr(const struct drv_ring *r)
{
	if (r->cfg.packed)
		return (struct drv_ring_addr){ r->pdesc, r->driver_event, r->device_event };
	return (struct drv_ring_addr){ r->desc, r->avail, r->used };
}

void
drv_book(struct drv_ring *r, uint16_t id, uint16_t slots, uint32_t writable, void *token)
{
	r->meta[id] = (struct drv_meta){ .token = token, .writable = writable, .slots = slots, .in_flight = true };
	r->fifo[r->fifo_tail] = id;
	r->fifo_tail = r->fifo_tail + 1 == r->cfg.size ? 0 : r->fifo_tail + 1;
	r->in_flight++;
	r->offered++;
}

void
drv_unbook(struct drv_ring *r, uint16_t id, uint32_t len, struct drv_done *done)
{
	r->meta[id].in_flight = false;
	*done = (struct drv_done){ .token = r->meta[id].token, .len = len, .id = id };
	r->fifo_head = r->fifo_head + 1 == r->cfg.size ? 0 : r->fifo_head + 1;
	r->in_flight--;
	r->collected++;
}

uint32_t
drv_batch(const struct drv_ring *r, uint16_t id)
{
	uint32_t at = r->fifo_head;

	for (uint32_t n = 1; n <= r->in_flight; n++) {
		if (r->fifo[at] == id)
			return n;
		at = at + 1 == r->cfg.size ? 0 : at + 1;
	}
	return 0;
}

uint32_t
drv_writable(const struct drv_buf *bufs, unsigned int from, unsigned int to)
{
	uint64_t sum = 0;

	for (unsigned int i = from; i < to; i++)
		sum += bufs[i].len;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

bool
drv_event_due(uint16_t event, uint16_t new_idx, uint16_t old)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old);
}

bool
drv_room(const struct drv_ring *r, unsigned int elements, enum drv_how how)
{
	return how == DRV_INDIRECT ? r->nr_free > 0 && elements <= r->cfg.max_table : elements <= r->nr_free;
}

int
drv_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int nr_readable, unsigned int nr_writable,
	enum drv_how how, void *token)
{
	unsigned int n = nr_readable + nr_writable;

	if (n == 0 || (how == DRV_INDIRECT && n > r->cfg.max_table))
		return -EINVAL;
	if (!drv_room(r, n, how))
		return -ENOSPC;
	return r->cfg.packed ? drv_packed_add(r, bufs, nr_readable, nr_writable, how, token) :
			       drv_split_add(r, bufs, nr_readable, nr_writable, how, token);
}

void
drv_publish(struct drv_ring *r)
{
	if (r->cfg.packed)
		drv_packed_publish(r);
	else
		drv_split_publish(r);
}

bool
drv_need_kick(struct drv_ring *r)
{
	drv_full_fence();
	return r->cfg.packed ? drv_packed_need_kick(r) : drv_split_need_kick(r);
}

bool
drv_used_pending(const struct drv_ring *r)
{
	return r->cfg.packed ? drv_packed_pending(r) : drv_split_pending(r);
}

int
drv_collect(struct drv_ring *r, struct drv_done *done, unsigned int max)
{
	if (r->fault != DRV_OK)
		return -EPROTO;
	return r->cfg.packed ? drv_packed_collect(r, done, max) : drv_split_collect(r, done, max);
}

void
drv_interrupts(struct drv_ring *r, bool on)
{
	r->interrupts = on;
	if (r->cfg.packed)
		drv_packed_interrupts(r, on);
	else
		drv_split_interrupts(r, on);
	drv_full_fence();
}

enum drv_fault
drv_check_ring(struct drv_ring *r)
{
	size_t n = r->cfg.size;

	if (!r->cfg.shadow)
		return r->fault;
	if (r->cfg.packed ? memcmp(r->driver_event, r->shadow_avail, 4) != 0 :
	    memcmp(r->desc, r->shadow_desc, n * 16) != 0 || memcmp(r->avail, r->shadow_avail, 6 + 2 * n) != 0)
		(void)drv_fail(r, DRV_FAULT_RING);
	return r->fault;
}

void *
drv_table(const struct drv_ring *r, uint16_t id, uint16_t entry)
{
	return r->tables + ((size_t)id * r->cfg.max_table + entry) * 16;
}
