/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cold half of address translation: another region than last time, or a range over a region border.
 * May touch: its arguments; guest memory in vh_xlat_copy_in(). The data thread inside the ring's door.
 */
#include "translate.h"

#include <errno.h>

const struct vh_region vh_region_none = { 0 };

/*
 * Region that holds the byte at addr, NULL if none: the last one that does not begin behind it. The steps depend on the
 * number of regions alone, so that buffers all over memory cost no mispredicted branches.
 */
static const struct vh_region *
find(const struct vh_memmap *m, uint64_t addr)
{
	const struct vh_region *g = m->region;
	uint32_t n = m->nr;

	while (n > 1) {
		uint32_t half = n / 2;

		g = g[half].gpa <= addr ? g + half : g;
		n -= half;
	}
	return n != 0 && vh_region_holds(g, (iova_t){ addr }, 1) ? g : NULL;
}

int
vh_xlat_piece(struct vh_xlat *x, iova_t addr, uint64_t len, struct vh_piece *out)
{
	const struct vh_region *g = x->last;
	uint64_t rest;

	if (!vh_region_holds(g, addr, 1)) {
		g = find(x->map, addr.v);
		if (g == NULL)
			return -EAGAIN;
		x->last = g;
	}
	rest = g->size - (addr.v - g->gpa);
	out->hva = g->hva + (addr.v - g->gpa);
	out->len = len < rest ? len : rest;
	return 0;
}

bool
vh_xlat_seek(struct vh_xlat *x, iova_t addr, uint64_t len)
{
	const struct vh_region *g = find(x->map, addr.v);

	if (g == NULL || !vh_region_holds(g, addr, len))
		return false;
	x->last = g;
	return true;
}

int
vh_xlat_copy_in(struct vh_xlat *x, iova_t addr, void *dst, uint64_t len)
{
	uint8_t *to = dst;

	while (len > 0) {
		struct vh_piece p;
		int rc = vh_xlat_piece(x, addr, len, &p);

		if (rc != 0)
			return rc;
		vh_guest_copy_in(to, p.hva, p.len);
		/* cannot wrap: the caller has checked the range (XLAT-1) */
		addr.v += p.len;
		to += p.len;
		len -= p.len;
	}
	return 0;
}
