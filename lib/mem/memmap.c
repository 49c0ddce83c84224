/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building and dropping guest memory tables: identify all files, check all rules, map what is new, then assemble.
 * May touch: system calls through plat/map.h; no guest memory. Build and destroy: threads that may block.
 * spec: vhost-user SET_MEM_TABLE; rules MEM-4..9, MEM-15, MEM-16, FD-1..6
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "memmap.h"

/* One region under construction. */
struct part {
	struct vh_file_id id;
	struct vh_mapping *mapping; /* counted; NULL = not mapped yet */
	bool shared;                /* mapping is one of the old table's */
	bool identified;            /* id is valid, so the fd's file is a local one */
};

struct build {
	const struct vh_policy *policy;
	const struct vh_memmap *old;
	const struct vh_region_req *req;
	uint32_t n;
	int *fds;           /* -1 where the mapping has taken it */
	struct part *part;
	struct vh_fault *fault;
};

static uint32_t last_generation;

static uint32_t
new_generation(void)
{
	uint32_t g;

	do {
		g = __atomic_add_fetch(&last_generation, 1, __ATOMIC_RELAXED);
	} while (g == 0);
	return g;
}

static int
refuse(const struct build *b, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	memset(b->fault, 0, sizeof(*b->fault));
	b->fault->code = code;
	b->fault->queue = VH_NO_QUEUE;
	b->fault->observed = observed;
	b->fault->limit = limit;
	return (int)code;
}

/* ---- checks; nothing is mapped yet ---- */

/* The whole [0, offset + size) of the file is mapped (api.md 9.6). proto/ refuses a sum that wraps; so does this. */
static int
check_size(const struct build *b, uint32_t i)
{
	const struct vh_region_req *r = &b->req[i];
	uint64_t end;

	if (__builtin_add_overflow(r->offset, r->size, &end))
		end = UINT64_MAX;
	if (end > b->part[i].id.size)
		return refuse(b, VH_V_MEM_SIZE, end, b->part[i].id.size);
	return 0;
}

static int
identify(const struct build *b, uint32_t i)
{
	struct part *p = &b->part[i];
	enum vh_map_error e = vh_map_identify(b->fds[i], b->policy->allow_disk_files, &p->id);

	if (e == VH_MAP_FD_TYPE)
		return refuse(b, VH_V_FD_TYPE, i, b->n);
	p->identified = true;
	if (e != VH_MAP_OK || (b->policy->require_seal && !p->id.shrink_sealed))
		return refuse(b, VH_V_FD_MODE, i, b->n);
	return check_size(b, i);
}

static bool
same_file(const struct vh_file_id *a, const struct vh_file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* A user address that lies in both maps to one place of one file (MEM-6). */
static bool
is_exact_alias(const struct build *b, uint32_t i, uint32_t j)
{
	return same_file(&b->part[i].id, &b->part[j].id) &&
		b->req[i].offset - b->req[i].uva == b->req[j].offset - b->req[j].uva;
}

static bool
collide(const struct build *b, uint32_t i, uint32_t j)
{
	const struct vh_region_req *x = &b->req[i], *y = &b->req[j];

	if (vh_ranges_overlap(x->gpa, x->size, y->gpa, y->size))
		return true;
	return vh_ranges_overlap(x->uva, x->size, y->uva, y->size) && !is_exact_alias(b, i, j);
}

/* Pair by pair: aliases make a sorted sweep subtle, and hundreds of regions are some ten thousand compares. */
static int
check_overlap(const struct build *b)
{
	uint32_t i, j;

	for (i = 1; i < b->n; i++)
		for (j = 0; j < i; j++)
			if (collide(b, i, j))
				return refuse(b, VH_V_MEM_OVERLAP, i, j);
	return 0;
}

static int
check_all(const struct build *b)
{
	uint32_t i;
	int rc;

	for (i = 0; i < b->n; i++) {
		rc = identify(b, i);
		if (rc != 0)
			return rc;
	}
	return check_overlap(b);
}

/* ---- what of the old table can stay ---- */

static bool
region_matches(const struct vh_region *r, const struct vh_region_req *q, const struct vh_file_id *id)
{
	return r->gpa == q->gpa && r->size == q->size && r->uva == q->uva && r->offset == q->offset &&
		same_file(&r->mapping->id, id);
}

static bool
is_unchanged(const struct build *b)
{
	uint32_t i;

	if (b->old == NULL || b->old->nr != b->n)
		return false;
	for (i = 0; i < b->n; i++)
		if (!region_matches(&b->old->region[b->old->order[i]], &b->req[i], &b->part[i].id))
			return false;
	return true;
}

/* Length of the mapping; cannot wrap, as offset + size is within the file and page a power of two up to 1 GiB. */
static uint64_t
mapped_len(const struct build *b, uint32_t i)
{
	uint64_t page = b->part[i].id.page;

	return (b->req[i].offset + b->req[i].size + page - 1) & ~(page - 1);
}

/* A region that moved in guest or user addresses, or was split, still maps the same part of its file. */
static void
share_old(const struct build *b, uint32_t i)
{
	struct part *p = &b->part[i];
	uint32_t k;

	for (k = 0; b->old != NULL && k < b->old->nr; k++) {
		struct vh_mapping *m = b->old->region[k].mapping;

		if (same_file(&m->id, &p->id) && m->len == mapped_len(b, i)) {
			vh_mapping_get(m);
			p->mapping = m;
			p->shared = true;
			return;
		}
	}
}

/* ---- quotas (MEM-9, A071, A082) ---- */

static int
check_quota(const struct build *b)
{
	uint64_t all = 0, fresh = 0, len;
	uint32_t i, maps = vh_map_total_count();

	for (i = 0; i < b->n; i++) {
		len = mapped_len(b, i);
		if (__builtin_add_overflow(all, len, &all) || all > b->policy->mem_quota)
			return refuse(b, VH_V_MEM_QUOTA, all, b->policy->mem_quota);
		if (!b->part[i].shared) {
			fresh += len; /* cannot wrap: at most all */
			maps++;
		}
	}
	if (fresh == 0)
		return 0;
	if (maps > b->policy->mem_maps)
		return refuse(b, VH_V_MEM_QUOTA, maps, b->policy->mem_maps);
	if (__builtin_add_overflow(fresh, vh_map_total_bytes(), &fresh) || fresh > b->policy->mem_quota_process)
		return refuse(b, VH_V_MEM_QUOTA, fresh, b->policy->mem_quota_process);
	return 0;
}

/* Workers map at the same time, each after a check that did not see the others. */
static int
recheck_quota(const struct build *b)
{
	uint64_t bytes = vh_map_total_bytes();
	uint32_t maps = vh_map_total_count();

	if (maps > b->policy->mem_maps)
		return refuse(b, VH_V_MEM_QUOTA, maps, b->policy->mem_maps);
	if (bytes > b->policy->mem_quota_process)
		return refuse(b, VH_V_MEM_QUOTA, bytes, b->policy->mem_quota_process);
	return 0;
}

/* ---- mapping ---- */

static int
map_part(const struct build *b, uint32_t i)
{
	struct part *p = &b->part[i];

	if (p->mapping != NULL)
		return 0;
	switch (vh_map_create(b->fds[i], &p->id, b->req[i].offset, b->req[i].size, b->policy->guard_pages,
			&p->mapping)) {
	case VH_MAP_OK:
		b->fds[i] = -1;
		return recheck_quota(b);
	case VH_MAP_TOO_SMALL:
		return refuse(b, VH_V_MEM_SIZE, b->req[i].offset + b->req[i].size, p->id.size);
	default:
		return refuse(b, VH_V_MEM_MAP, i, (uint64_t)errno);
	}
}

static int
map_all(const struct build *b)
{
	uint32_t i;
	int rc;

	for (i = 0; i < b->n; i++)
		share_old(b, i);
	rc = check_quota(b);
	for (i = 0; i < b->n && rc == 0; i++)
		rc = map_part(b, i);
	return rc;
}

static void
unmap_parts(const struct build *b)
{
	uint32_t i;

	for (i = 0; i < b->n; i++)
		if (b->part[i].mapping != NULL)
			vh_mapping_put(b->part[i].mapping);
}

/* Local files are closed here, what was not identified elsewhere: such a close may take for ever. */
static void
close_fds(const struct build *b)
{
	uint32_t i;

	for (i = 0; i < b->n; i++) {
		struct vh_fds one = { .fd = { b->fds[i] }, .nr = 1 };

		if (b->fds[i] < 0)
			continue;
		if (b->part != NULL && b->part[i].identified)
			vh_fds_close(&one);
		else
			vh_fds_close_later(&one);
	}
}

/* ---- the table ---- */

static struct vh_memmap *
alloc_table(uint32_t n)
{
	size_t regions = sizeof(struct vh_memmap) + (size_t)n * sizeof(struct vh_region);
	struct vh_memmap *m;

	if (n > UINT16_MAX)
		return NULL;
	m = calloc(1, regions + (size_t)n * sizeof(m->order[0]));
	if (m == NULL)
		return NULL;
	m->refs = 1;
	m->nr = n;
	m->order = (uint16_t *)((char *)m + regions);
	return m;
}

/* Sorted by guest address by insertion: tables come nearly sorted. */
static uint32_t
place(struct vh_memmap *m, uint32_t filled, uint64_t gpa)
{
	uint32_t at = filled, k;

	while (at > 0 && m->region[at - 1].gpa > gpa)
		at--;
	memmove(&m->region[at + 1], &m->region[at], (filled - at) * sizeof(m->region[0]));
	for (k = 0; k < filled; k++)
		if (m->order[k] >= at)
			m->order[k]++;
	m->order[filled] = (uint16_t)at;
	return at;
}

static void
fill_table(const struct build *b, struct vh_memmap *m)
{
	const struct vh_region_req *q;
	struct vh_region *r;
	uint32_t i;

	for (i = 0; i < b->n; i++) {
		q = &b->req[i];
		r = &m->region[place(m, i, q->gpa)];
		r->gpa = q->gpa;
		r->size = q->size;
		r->uva = q->uva;
		r->offset = q->offset;
		r->mapping = b->part[i].mapping;
		r->hva = vh_guest_at(uint8_t, r->mapping->base, q->offset - r->mapping->map_off);
		m->bytes += r->mapping->len;
	}
	m->generation = new_generation();
}

static int
build_new(const struct build *b, struct vh_memmap **out)
{
	struct vh_memmap *m = alloc_table(b->n);
	int rc;

	if (m == NULL)
		return -ENOMEM;
	rc = map_all(b);
	if (rc != 0) {
		unmap_parts(b);
		free(m);
		return rc;
	}
	fill_table(b, m);
	*out = m;
	return 0;
}

int
vh_memmap_build(const struct vh_policy *policy, struct vh_memmap *old, const struct vh_region_req *req, uint32_t n,
		int *fds, struct vh_memmap **out, struct vh_fault *fault)
{
	struct build b = { .policy = policy, .old = old, .req = req, .n = n, .fds = fds, .fault = fault };
	int rc;

	b.part = calloc((size_t)n + 1, sizeof(*b.part));
	if (b.part == NULL) {
		close_fds(&b);
		return -ENOMEM;
	}
	rc = check_all(&b);
	if (rc == 0 && is_unchanged(&b)) {
		vh_memmap_get(old);
		*out = old;
	} else if (rc == 0) {
		rc = build_new(&b, out);
	}
	close_fds(&b);
	free(b.part);
	return rc;
}

void
vh_memmap_get(struct vh_memmap *m)
{
	__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
}

bool
vh_memmap_put(struct vh_memmap *m)
{
	return __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

void
vh_memmap_destroy(struct vh_memmap *m)
{
	uint32_t i;

	for (i = 0; i < m->nr; i++)
		vh_mapping_put(m->region[i].mapping);
	free(m);
}

uint8_t __guest *
vh_memmap_from_uva(const struct vh_memmap *m, uva_t uva, uint64_t len)
{
	uint32_t i;

	for (i = 0; i < m->nr; i++) {
		const struct vh_region *r = &m->region[i];

		if (vh_range_inside(uva.v, len, r->uva, r->size))
			return vh_guest_at(uint8_t, r->hva, uva.v - r->uva);
	}
	return NULL;
}
