/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Build and search the ranges that no writable buffer may touch (RING-9).
 * May touch: its arguments, the C heap. Build, get, put: control threads; search: any thread.
 */
#include "protect.h"

#include <stdlib.h>
#include <string.h>

static int
by_start(const void *a, const void *b)
{
	uintptr_t x = ((const struct vh_protect_range *)a)->start;
	uintptr_t y = ((const struct vh_protect_range *)b)->start;

	return (x > y) - (x < y);
}

/* Sorted ranges in place: empty ones out, overlapping or touching ones joined. @return how many are left */
static uint32_t
merge(struct vh_protect_range *r, uint32_t n)
{
	uint32_t i, out = 0;

	for (i = 0; i < n; i++) {
		struct vh_protect_range *last = out > 0 ? &r[out - 1] : NULL;

		if (r[i].len == 0)
			continue;
		if (last != NULL && r[i].start - last->start <= last->len) {
			uint64_t end = r[i].start - last->start + r[i].len;

			last->len = end > last->len ? end : last->len;
		} else {
			r[out++] = r[i];
		}
	}
	return out;
}

static void
mark_pages(struct vh_protect *p, const struct vh_protect_range *r)
{
	uintptr_t page = r->start >> VH_PROTECT_SHIFT;
	uintptr_t last = (r->start + r->len - 1) >> VH_PROTECT_SHIFT;

	/* 4096 pages in a row set every bit of the filter: no need to go on */
	if (last - page > VH_PROTECT_BITS)
		last = page + VH_PROTECT_BITS;
	for (; page <= last; page++)
		p->filter[(page % VH_PROTECT_BITS) / 64] |= UINT64_C(1) << (page % 64);
}

struct vh_protect *
vh_protect_build(const struct vh_protect_range *range, uint32_t n)
{
	struct vh_protect *p = calloc(1, sizeof(*p) + n * sizeof(p->range[0]));
	uint32_t i;

	if (p == NULL)
		return NULL;
	if (n > 0)
		memcpy(p->range, range, n * sizeof(p->range[0]));
	qsort(p->range, n, sizeof(p->range[0]), by_start);
	p->refs = 1;
	p->nr = merge(p->range, n);
	if (p->nr > 0) {
		p->lo = p->range[0].start;
		p->hi = p->range[p->nr - 1].start + p->range[p->nr - 1].len;
	}
	for (i = 0; i < p->nr; i++)
		mark_pages(p, &p->range[i]);
	return p;
}

void
vh_protect_get(struct vh_protect *p)
{
	if (p != NULL)
		__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}

void
vh_protect_put(struct vh_protect *p)
{
	/* acq_rel: whoever frees has seen the last use of everybody else */
	if (p != NULL && __atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) == 1)
		free(p);
}

bool
vh_protect_search(const struct vh_protect *p, uintptr_t start, uint64_t len)
{
	uint32_t lo = 0, hi = p->nr;

	/* the first range that ends behind start is the only one to ask: they are sorted and apart */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->range[mid].start + p->range[mid].len <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->nr && p->range[lo].start < start + len;
}
