/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chains and tables for tests that run on both formats. Behind cmocka.h.
 */
#ifndef CHAINS_H
#define CHAINS_H

#include "rig.h"

#define N 512
#define TABLE (RIG_GPA0 + 0x100000)

#define R 0
#define W VH_DESC_WRITE

/* The format under test: 0 or VH_B_PACKED. */
static uint32_t format;

static inline void
open_rig(struct rig *g, uint32_t flags)
{
	rig_open(g, N, format | flags);
}

/* A chain of n buffers; split: descriptors from first on. */
static inline void
chain(struct rig *g, uint16_t first, const struct vh_desc *d, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)(d[i].flags | (i + 1 < n ? VH_DESC_NEXT : 0));

		if (g->packed)
			rig_slot(g, d[i].addr, d[i].len, (uint16_t)(first + i), flags);
		else
			rig_desc(g, (uint16_t)(first + i), d[i].addr, d[i].len, flags, (uint16_t)(first + i + 1));
	}
	if (!g->packed)
		rig_post(g, first);
}

static inline void
chain_of(struct rig *g, uint16_t first, uint16_t n, uint64_t addr, uint32_t len, uint16_t flags)
{
	uint16_t i;
	struct vh_desc d[N];

	for (i = 0; i < n; i++)
		d[i] = (struct vh_desc){ addr + (uint64_t)i * len, len, flags, 0 };
	chain(g, first, d, n);
}

/* id that is handed back for chain(g, first, …, n) */
static inline uint16_t
id_of(const struct rig *g, uint16_t first, uint16_t n)
{
	return g->packed ? (uint16_t)(first + n - 1) : first;
}

static inline void
table_of(struct rig *g, uint64_t table, uint16_t n, uint64_t addr, uint32_t len, uint16_t flags)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		rig_entry(g, table, i, addr + (uint64_t)i * len, len,
			(uint16_t)(flags | (i + 1 < n ? VH_DESC_NEXT : 0)), (uint16_t)(i + 1));
}

static inline const struct vh_req *
req(const struct rig *g, unsigned int i)
{
	assert_true(i < g->ring->burst.nr_reqs);
	return &g->ring->burst.req[i];
}

static inline const struct vh_seg *
seg(const struct rig *g, unsigned int i, unsigned int k)
{
	assert_true(k < req(g, i)->nr_segs);
	return &g->ring->burst.seg[req(g, i)->seg + k];
}

static int
use_split(void **st)
{
	format = 0;
	return 0;
}

static int
use_packed(void **st)
{
	format = VH_B_PACKED;
	return 0;
}

#endif /* CHAINS_H */
