/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both ring formats share: life of the private state, positions, bursts; dispatch to the format.
 * May touch: EAL heap (create, free); guest memory through split.c and packed.c.
 * Threads as ring.h says.
 */
#include "ring.h"

#include <rte_malloc.h>

#include "packed.h"
#include "split.h"
#include "wide.h"

struct vh_ring *
vh_ring_create(int node)
{
	return rte_zmalloc_socket("vhost ring", sizeof(struct vh_ring), VH_CACHE_LINE, node);
}

void
vh_ring_free(struct vh_ring *r)
{
	rte_free(r);
}

/* Empty burst behind the consumed requests; what was looked at still counts. */
static void
forget(struct vh_ring *r)
{
	struct vh_burst *u = &r->burst;

	u->nr_reqs = 0;
	u->nr_segs = 0;
	u->slots = 0;
	u->avail_valid = false;
	u->next_idx = r->last_avail;
	u->next_wrap = r->avail_wrap;
}

void
vh_ring_begin(const struct vh_bind *b)
{
	forget(b->ring);
	b->ring->burst.looked_at = 0;
}

int
vh_ring_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir)
{
	if (vh_unlikely(__atomic_load_n(&b->ring->broken, __ATOMIC_RELAXED) || want == 0))
		return 0;
	return vh_bind_has(b, VH_B_PACKED) ? vh_packed_fetch(b, want, dir) : vh_split_fetch(b, want, dir);
}

/* A remembered head that is handed back after all (the driver rewrote it) must not be taken for a later one there. */
static VH_COLD void
pass_stalled(const struct vh_bind *b, unsigned int n)
{
	struct vh_ring *r = b->ring;
	uint32_t i, slots = 0, ahead = (uint16_t)(r->stall_pos - r->last_avail);

	for (i = 0; i < n; i++)
		slots += r->burst.req[i].nr_slots;
	if (vh_bind_has(b, VH_B_PACKED) && r->stall_pos < r->last_avail)
		ahead = (uint32_t)b->size + r->stall_pos - r->last_avail;
	if (ahead < slots)
		r->stalled = false;
}

void
vh_ring_publish(const struct vh_bind *b, unsigned int n)
{
	struct vh_ring *r = b->ring;

	if (vh_unlikely(r->stalled))
		pass_stalled(b, n);
	if (n > 0) {
		if (vh_bind_has(b, VH_B_PACKED))
			vh_packed_publish(b, n);
		else
			vh_split_publish(b, n);
	}
	forget(r);
}

bool
vh_ring_need_call(const struct vh_bind *b)
{
	return vh_bind_has(b, VH_B_PACKED) ? vh_packed_need_call(b) : vh_split_need_call(b);
}

void
vh_ring_notify(const struct vh_bind *b, bool enable)
{
	if (vh_bind_has(b, VH_B_PACKED))
		vh_packed_notify(b, enable);
	else
		vh_split_notify(b, enable);
}

static uint16_t
available(const struct vh_bind *b, bool from_used)
{
	if (__atomic_load_n(&b->ring->broken, __ATOMIC_RELAXED))
		return 0;
	return vh_bind_has(b, VH_B_PACKED) ? vh_packed_available(b, from_used) : vh_split_available(b, from_used);
}

uint16_t
vh_ring_available(const struct vh_bind *b)
{
	return available(b, false);
}

uint16_t
vh_ring_available_from_used(const struct vh_bind *b)
{
	return available(b, true);
}

void
vh_ring_break(struct vh_ring *r)
{
	__atomic_store_n(&r->broken, true, __ATOMIC_RELAXED);
}

void
vh_ring_positions(const struct vh_ring *r, bool packed, uint16_t *avail, uint16_t *used)
{
	*avail = __atomic_load_n(&r->last_avail, __ATOMIC_RELAXED);
	*used = __atomic_load_n(&r->last_used, __ATOMIC_RELAXED);
	if (!packed)
		return;
	*avail = vh_pidx_pack((struct vh_pidx){ *avail, __atomic_load_n(&r->avail_wrap, __ATOMIC_RELAXED) });
	*used = vh_pidx_pack((struct vh_pidx){ *used, __atomic_load_n(&r->used_wrap, __ATOMIC_RELAXED) });
}

void
vh_ring_set_positions(struct vh_ring *r, bool packed, uint16_t avail, uint16_t used)
{
	struct vh_pidx a = packed ? vh_pidx_unpack(avail) : (struct vh_pidx){ .idx = avail };
	struct vh_pidx u = packed ? vh_pidx_unpack(used) : (struct vh_pidx){ .idx = used };

	__atomic_store_n(&r->last_avail, a.idx, __ATOMIC_RELAXED);
	__atomic_store_n(&r->avail_wrap, a.wrap, __ATOMIC_RELAXED);
	__atomic_store_n(&r->last_used, u.idx, __ATOMIC_RELAXED);
	__atomic_store_n(&r->used_wrap, u.wrap, __ATOMIC_RELAXED);
	r->signalled_valid = false;
	r->stalled = false;
}

bool
vh_ring_start(const struct vh_bind *b, uint16_t avail, uint16_t used)
{
	struct vh_ring *r = b->ring;
	bool packed = vh_bind_has(b, VH_B_PACKED), adopted = false, wide = vh_wide_usable();

	vh_ring_set_positions(r, packed, avail, used);
	if (packed)
		vh_packed_settle(b);
	else
		adopted = vh_split_adopt(b);
	r->fault.code = VH_V_NONE;
	vh_copy_prefer_wide(wide);
	/* 16-byte loads are atomic only where they are aligned */
	r->wide = wide && vh_guest_addr(b->desc) % sizeof(struct vh_split_desc) == 0;
	__atomic_store_n(&r->broken, false, __ATOMIC_RELAXED);
	vh_ring_begin(b);
	return adopted;
}

void
vh_ring_monitor(const struct vh_bind *b, struct vh_monitor *m)
{
	if (vh_bind_has(b, VH_B_PACKED))
		vh_packed_monitor(b, m);
	else
		vh_split_monitor(b, m);
}

struct vh_ring_lens
vh_ring_lens(uint16_t size, bool packed, bool event_idx)
{
	uint64_t event = event_idx ? sizeof(le16_t) : 0, n = size;
	struct vh_ring_lens split = {
		.desc = n * sizeof(struct vh_split_desc),
		.avail = sizeof(struct vh_avail) + n * sizeof(le16_t) + event,
		.used = sizeof(struct vh_used) + n * sizeof(struct vh_used_elem) + event,
	};
	struct vh_ring_lens both = {
		.desc = n * sizeof(struct vh_packed_desc),
		.avail = sizeof(struct vh_packed_event),
		.used = sizeof(struct vh_packed_event),
	};

	return packed ? both : split;
}
