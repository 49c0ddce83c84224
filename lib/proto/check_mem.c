/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 2b of SET_MEM_TABLE: numbers only. What needs the files (their size and kind, exact aliases in front-end
 * addresses) is decided where they are mapped, in mem/.
 * May touch: its arguments. Any thread.
 * spec: vhost-user SET_MEM_TABLE; rules MEM-1..3, MEM-5, MEM-10..14
 */
#include <unistd.h>

#include "check.h"

static struct vh_wire_region
region_at(const struct vh_frame *f, uint32_t i)
{
	struct vh_wire_region r;

	/* check_count() proved that all of them lie in the payload */
	memcpy(&r, f->payload + sizeof(struct vh_wire_mem_table) + i * sizeof(r), sizeof(r));
	return r;
}

static int
check_count(const struct vh_view *v, const struct vh_frame *f, uint32_t nr, struct vh_fault *fault)
{
	/* nr < 2^32 entries of 32 bytes: no overflow in 64 bits */
	uint64_t need = sizeof(struct vh_wire_mem_table) + (uint64_t)nr * sizeof(struct vh_wire_region);
	uint32_t most = v->max_regions < VH_MAX_REGIONS ? v->max_regions : VH_MAX_REGIONS;

	if (nr > most)
		return vh_refuse(fault, f, VH_V_MEM_COUNT, nr, most);
	if (f->size < need)
		return vh_refuse(fault, f, VH_V_BAD_SIZE, f->size, need);
	if (f->fds.nr != nr)
		return vh_refuse(fault, f, VH_V_MEM_COUNT, f->fds.nr, nr);
	return 0;
}

/* The mapping begins at offset, which is page-aligned, and ends at the next page boundary behind the region. */
static bool
mapping_wraps(uint64_t offset, uint64_t size, uint64_t page)
{
	uint64_t end;

	return __builtin_add_overflow(offset, size, &end) || __builtin_add_overflow(end, page - 1, &end);
}

static int
check_region(const struct vh_frame *f, const struct vh_wire_region *r, struct vh_fault *fault)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (r->size == 0)
		return vh_refuse(fault, f, VH_V_MEM_RANGE, 0, 1);
	if (vh_range_wraps(r->gpa, r->size))
		return vh_refuse(fault, f, VH_V_MEM_RANGE, r->gpa, UINT64_MAX - r->size);
	if (vh_range_wraps(r->uva, r->size))
		return vh_refuse(fault, f, VH_V_MEM_RANGE, r->uva, UINT64_MAX - r->size);
	if (mapping_wraps(r->offset, r->size, page))
		return vh_refuse(fault, f, VH_V_MEM_RANGE, r->offset, UINT64_MAX - r->size);
	if (r->offset % page != 0)
		return vh_refuse(fault, f, VH_V_MEM_RANGE, r->offset, page);
	return 0;
}

/* At most 8 regions: comparing each with each costs nothing. */
static int
check_overlap(const struct vh_frame *f, const struct vh_wire_region *r, uint32_t before, struct vh_fault *fault)
{
	uint32_t i;

	for (i = 0; i < before; i++) {
		struct vh_wire_region o = region_at(f, i);

		if (vh_ranges_overlap(r->gpa, r->size, o.gpa, o.size))
			return vh_refuse(fault, f, VH_V_MEM_OVERLAP, r->gpa, o.gpa);
	}
	return 0;
}

int
vh_check_mem_table(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	struct vh_wire_mem_table table;
	uint32_t i;
	int rc;

	memcpy(&table, f->payload, sizeof(table));
	rc = check_count(v, f, table.nr, fault);
	for (i = 0; rc == 0 && i < table.nr; i++) {
		struct vh_wire_region r = region_at(f, i);

		rc = check_region(f, &r, fault);
		if (rc == 0)
			rc = check_overlap(f, &r, i, fault);
		m->mem.region[i].gpa = r.gpa;
		m->mem.region[i].size = r.size;
		m->mem.region[i].uva = r.uva;
		m->mem.region[i].offset = r.offset;
	}
	if (rc != 0)
		return rc;
	m->mem.nr = table.nr;
	vh_fds_move(&m->mem.fds, &f->fds);
	return 0;
}
