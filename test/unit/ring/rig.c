/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rig: memory table filled by hand, rings at the start of region 0.
 */
#include "rig.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_vect.h>

#define PAGE 4096u

static uint32_t generations;

/* Order of the regions in host memory, each behind an inaccessible page. */
static const struct {
	uint64_t gpa, size;
	unsigned int place;
} layout[RIG_REGIONS] = {
	{ RIG_GPA0, RIG_SIZE0, 3 },
	{ RIG_GPA1, RIG_SIZE1, 0 },
	{ RIG_GPA2, RIG_SIZE2, 1 },
	{ RIG_GPA3, RIG_SIZE3, 2 },
};

static void
map_regions(struct rig *g)
{
	uint8_t *at;
	unsigned int place, i;

	g->mapping_len = PAGE;
	for (i = 0; i < RIG_REGIONS; i++)
		g->mapping_len += layout[i].size + PAGE;
	g->mapping = mmap(NULL, g->mapping_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(g->mapping != MAP_FAILED);
	g->map = calloc(1, sizeof(*g->map) + RIG_REGIONS * sizeof(g->map->region[0]));
	g->map->refs = 1;
	g->map->nr = RIG_REGIONS;
	g->map->generation = ++generations;
	at = (uint8_t *)g->mapping + PAGE;
	for (place = 0; place < RIG_REGIONS; place++) {
		for (i = 0; layout[i].place != place; i++)
			;
		if (mprotect(at, layout[i].size, PROT_READ | PROT_WRITE) != 0)
			abort();
		g->map->region[i] = (struct vh_region){
			.gpa = layout[i].gpa, .size = layout[i].size, .hva = vh_guest_from_mapping(at),
		};
		at += layout[i].size + PAGE;
	}
}

/* Three areas one behind the other, aligned as the contract demands and no better. */
static void
place_ring(struct rig *g, uint32_t flags)
{
	struct vh_ring_lens n = vh_ring_lens(g->size, g->packed, (flags & VH_B_EVENT_IDX) != 0);
	uint8_t *start = rig_host(g, RIG_GPA0) + 16, *at = start;

	g->bind.pdesc = (void *)at;
	g->area[0] = (struct vh_protect_range){ (uintptr_t)at, n.desc };
	at += n.desc;
	g->bind.avail = (void *)at;
	g->area[1] = (struct vh_protect_range){ (uintptr_t)at, n.avail };
	at += (n.avail + 3) & ~UINT64_C(3);
	g->bind.used = (void *)at;
	g->area[2] = (struct vh_protect_range){ (uintptr_t)at, n.used };
	at += n.used;
	assert(at < rig_host(g, RIG_BUFS));
	memset(start, 0, (size_t)(at - start));
	g->protect = vh_protect_build(g->area, 3);
}

static void
bind_ring(struct rig *g, uint32_t flags)
{
	g->bind.ring = g->ring;
	g->bind.map = g->map;
	g->bind.flags = flags;
	g->bind.size = g->size;
	g->bind.mask = (uint16_t)(g->size - 1);
	g->bind.qid = 1;
	g->bind.hdr_len = 12;
	g->bind.protect = g->protect;
	/* any value: the ring layer only asks whether there is one */
	g->bind.call = (struct vh_efd *)g;
	g->bind.policy = &g->policy;
}

void
rig_ring(struct rig *g, uint16_t size, uint32_t flags, uint16_t base)
{
	vh_protect_put(g->protect);
	g->size = size;
	g->packed = (flags & VH_B_PACKED) != 0;
	place_ring(g, flags);
	bind_ring(g, flags);
	g->at = vh_pidx_unpack(base);
	g->avail_idx = base;
	if (!g->packed) {
		((struct vh_avail *)(uintptr_t)g->bind.avail)->idx = base;
		g->bind.used->idx = base;
	}
	/* without EAL nothing is allowed; what is allowed is asked for at start */
	rte_vect_set_max_simd_bitwidth(g->wide ? RTE_VECT_SIMD_256 : RTE_VECT_SIMD_128);
	(void)vh_ring_start(&g->bind, base, base);
}

void
rig_open(struct rig *g, uint16_t size, uint32_t flags)
{
	memset(g, 0, sizeof(*g));
	map_regions(g);
	vh_policy_defaults(&g->policy);
	g->ring = aligned_alloc(VH_CACHE_LINE, sizeof(*g->ring));
	memset(g->ring, 0, sizeof(*g->ring));
	g->wide = true;
	rig_ring(g, size, flags, (flags & VH_B_PACKED) != 0 ? 0x8000 : 0);
}

void
rig_close(struct rig *g)
{
	vh_protect_put(g->protect);
	free(g->ring);
	free(g->map);
	munmap(g->mapping, g->mapping_len);
}

uint8_t *
rig_host(const struct rig *g, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < RIG_REGIONS; i++)
		if (gpa - g->map->region[i].gpa < g->map->region[i].size)
			return (uint8_t *)g->map->region[i].hva + (gpa - g->map->region[i].gpa);
	abort();
}

bool
rig_inside(const struct rig *g, const uint8_t *hva, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < RIG_REGIONS; i++) {
		const struct vh_region *r = &g->map->region[i];

		if (hva >= r->hva && hva < r->hva + r->size)
			return len <= (uint64_t)(r->hva + r->size - hva);
	}
	return false;
}

bool
rig_in_ring(const struct rig *g, const uint8_t *hva, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		if ((uintptr_t)hva < g->area[i].start + g->area[i].len && (uintptr_t)hva + len > g->area[i].start)
			return true;
	return false;
}

void
rig_new_generation(struct rig *g)
{
	g->map->generation = ++generations;
}

void
rig_no_timer(struct rig *g)
{
	g->ring->stall_until += UINT64_C(1) << 42;
}

void
rig_desc(struct rig *g, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vh_split_desc *d = (struct vh_split_desc *)(uintptr_t)g->bind.desc;

	assert(i < g->size);
	d[i] = (struct vh_split_desc){ addr, len, flags, next };
}

static struct vh_avail *
avail(const struct rig *g)
{
	return (struct vh_avail *)(uintptr_t)g->bind.avail;
}

void
rig_post(struct rig *g, uint16_t head)
{
	avail(g)->ring[g->avail_idx & (g->size - 1)] = head;
	rig_set_avail_idx(g, (uint16_t)(g->avail_idx + 1));
}

void
rig_set_avail_idx(struct rig *g, uint16_t idx)
{
	g->avail_idx = idx;
	__atomic_store_n(&avail(g)->idx, idx, __ATOMIC_RELEASE);
}

uint16_t
rig_used_idx(const struct rig *g)
{
	return __atomic_load_n(&g->bind.used->idx, __ATOMIC_ACQUIRE);
}

struct vh_used_elem
rig_used(const struct rig *g, uint16_t pos)
{
	return g->bind.used->ring[pos & (g->size - 1)];
}

void
rig_raw_slot(struct rig *g, uint16_t slot, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	struct vh_packed_desc *d = &g->bind.pdesc[slot];

	d->addr = addr;
	d->len = len;
	d->id = id;
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
}

void
rig_slot(struct rig *g, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	flags |= g->at.wrap ? VH_DESC_AVAIL : VH_DESC_USED;
	rig_raw_slot(g, g->at.idx, addr, len, id, flags);
	vh_pidx_advance(&g->at, 1, g->size);
}

struct vh_packed_desc
rig_read_slot(const struct rig *g, uint16_t slot)
{
	return g->bind.pdesc[slot];
}

void
rig_one(struct rig *g, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags)
{
	if (g->packed) {
		rig_slot(g, addr, len, i, flags);
	} else {
		rig_desc(g, i, addr, len, flags, 0);
		rig_post(g, i);
	}
}

void
rig_entry(struct rig *g, uint64_t table, uint32_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vh_split_desc s = { addr, len, flags, next };
	struct vh_packed_desc p = { addr, len, next, flags };
	const uint8_t *from = g->packed ? (const uint8_t *)&p : (const uint8_t *)&s;
	unsigned int k;

	/* byte by byte: a table may cross regions */
	for (k = 0; k < sizeof(s); k++)
		*rig_host(g, table + i * sizeof(s) + k) = from[k];
}

int
rig_fetch(struct rig *g, unsigned int want, enum vh_dir dir)
{
	vh_ring_begin(&g->bind);
	return vh_ring_fetch(&g->bind, want, dir);
}
