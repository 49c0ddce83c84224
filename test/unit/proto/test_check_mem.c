/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SET_MEM_TABLE: tables real clients send, and each rule broken alone. Rules MEM-1..3, 5, 10..14, A011, A057..A060,
 * A076, V03, V04, V19, V20, V24, V26.
 */
#include "proto_test.h"

enum { PAGE = 4096 };

struct table {
	struct { uint32_t nr, padding; } head;
	struct vh_wire_region r[20];
};

static struct table
regions(uint32_t nr)
{
	struct table t = { .head = { .nr = nr } };
	uint32_t i;

	for (i = 0; i < nr && i < 20; i++) {
		t.r[i].gpa = (uint64_t)i << 30;
		t.r[i].size = 1u << 30;
		t.r[i].uva = UINT64_C(0x7f0000000000) + t.r[i].gpa;
		t.r[i].offset = t.r[i].gpa;
	}
	return t;
}

static void
table_frame(struct vh_frame *f, const struct table *t, uint32_t size, unsigned int fds)
{
	frame_init(f, VH_SET_MEM_TABLE, t, size);
	while (f->fds.nr < fds)
		frame_add_fd(f, memfd_create("ram", MFD_CLOEXEC));
}

static uint32_t
exact(uint32_t nr)
{
	return 8 + 32 * nr;
}

static void
accepted(const struct table *t, uint32_t size, unsigned int fds)
{
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;
	unsigned int i;
	int first;

	table_frame(&f, t, size, fds);
	first = fds > 0 ? f.fds.fd[0] : -1;
	assert_int_equal(check(&v, &f, &m, &fault), 0);
	assert_int_equal(m.mem.nr, t->head.nr);
	assert_int_equal(m.mem.fds.nr, fds);
	assert_int_equal(f.fds.nr, 0);
	if (fds > 0)
		assert_int_equal(m.mem.fds.fd[0], first);
	for (i = 0; i < t->head.nr; i++) {
		assert_int_equal(m.mem.region[i].gpa, t->r[i].gpa);
		assert_int_equal(m.mem.region[i].size, t->r[i].size);
		assert_int_equal(m.mem.region[i].uva, t->r[i].uva);
		assert_int_equal(m.mem.region[i].offset, t->r[i].offset);
	}
	vh_msg_release(&m);
	assert_int_equal(m.mem.fds.nr, 0);
}

static void
refused(const struct table *t, uint32_t size, unsigned int fds, enum vh_violation code, uint64_t observed,
		uint64_t limit)
{
	struct vh_view v = open_view();
	struct vh_frame f;

	table_frame(&f, t, size, fds);
	refused_as(&v, &f, code, observed, limit);
}

static void
one_region(const struct vh_wire_region *r, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	struct table t = { .head = { .nr = 1 }, .r = { *r } };

	if (code == VH_V_NONE)
		accepted(&t, exact(1), 1);
	else
		refused(&t, exact(1), 1, code, observed, limit);
}

static void
all_counts(void **state)
{
	uint32_t nr;

	for (nr = 0; nr <= VH_MAX_REGIONS; nr++) {
		struct table t = regions(nr);

		t.head.padding = 0xffffffff; /* not checked (MEM-14) */
		accepted(&t, exact(nr), nr);
	}
}

static void
longer_than_needed(void **state)
{
	struct table t = regions(1);

	t.r[1].size = 0; /* user-mode Linux always sends two slots: the tail is not looked at */
	accepted(&t, 72, 1);
	accepted(&t, VH_MAX_PAYLOAD, 1);
}

static void
pc_guest(void **state)
{
	/* RAM below and above the VGA hole and above 4 GiB, one memfd three times, not huge-page aligned */
	struct table t = { .head = { .nr = 3 }, .r = {
		{ 0, 0xa0000, 0x7f1000000000, 0 },
		{ 0xc0000, 0xbff40000, 0x7f10000c0000, 0xc0000 },
		{ 0x100000000, 0x40000000, 0x7f10c0000000, 0xc0000000 } } };

	accepted(&t, exact(3), 3);
}

static void
odd_but_legal(void **state)
{
	const struct vh_wire_region container = { 0x7f1234567000, 0x200000, 0x7f1234567000, 0x3000 };
	const struct vh_wire_region byte = { 1, 1, 1, 0 };
	const struct vh_wire_region high = { UINT64_MAX - PAGE, PAGE, UINT64_MAX - PAGE, 0 };
	const struct vh_wire_region sparse = { 0, UINT64_C(1) << 45, PAGE, 0 };

	one_region(&container, VH_V_NONE, 0, 0); /* GPA = UVA = a virtual address (MEM-8) */
	one_region(&byte, VH_V_NONE, 0, 0);      /* size, GPA, UVA need no alignment (MEM-3) */
	one_region(&high, VH_V_NONE, 0, 0);      /* the last byte but one of the space */
	one_region(&sparse, VH_V_NONE, 0, 0);    /* the quota is another rule's business */
}

static void
counts(void **state)
{
	struct table t = regions(9);

	refused(&t, exact(9), 8, VH_V_MEM_COUNT, 9, 8);
	t.head.nr = UINT32_MAX; /* 32 * nr + 8 wraps 32 bits to a small number */
	refused(&t, exact(8), 8, VH_V_MEM_COUNT, UINT32_MAX, 8);
	t.head.nr = 0x08000000;
	refused(&t, 8, 0, VH_V_MEM_COUNT, 0x08000000, 8);
}

static void
limit_of_the_view(void **state)
{
	struct table t = regions(3);
	struct vh_view v = open_view();
	struct vh_frame f;

	v.max_regions = 2;
	table_frame(&f, &t, exact(3), 3);
	refused_as(&v, &f, VH_V_MEM_COUNT, 3, 2);
	v.max_regions = 512; /* never beyond what a request can hold */
	t = regions(9);
	table_frame(&f, &t, exact(9), 8);
	refused_as(&v, &f, VH_V_MEM_COUNT, 9, 8);
}

static void
too_short(void **state)
{
	uint32_t nr, size;

	for (nr = 1; nr <= VH_MAX_REGIONS; nr++) {
		struct table t = regions(nr);

		for (size = 8; size < exact(nr); size += size + 1 == exact(nr) ? 1 : 7)
			refused(&t, size, nr, VH_V_BAD_SIZE, size, exact(nr));
	}
}

static void
fd_per_region(void **state)
{
	uint32_t nr, fds;

	for (nr = 0; nr <= VH_MAX_REGIONS; nr++) {
		struct table t = regions(nr);

		for (fds = 0; fds <= VH_MAX_MSG_FDS; fds++)
			if (fds != nr)
				refused(&t, exact(nr), fds, VH_V_MEM_COUNT, fds, nr);
	}
}

static void
empty_region(void **state)
{
	const struct vh_wire_region r = { 0x1000, 0, 0x1000, 0 };

	one_region(&r, VH_V_MEM_RANGE, 0, 1);
}

static void
wrapping(void **state)
{
	/* ending exactly at 2^64 is a wrap */
	const struct vh_wire_region gpa = { UINT64_MAX - 0xfff, 0x1000, 0x1000, 0 };
	const struct vh_wire_region uva = { 0x1000, 0x1000, UINT64_MAX - 0xfff, 0 };
	const struct vh_wire_region off = { 0x1000, 0x1000, 0x1000, UINT64_MAX - 0xfff };
	const struct vh_wire_region all = { 1, UINT64_MAX, 0, 0 };
	/* offset + size does not wrap, the page behind it would */
	const struct vh_wire_region tail = { 0, 0x1001, 0, UINT64_MAX - 0x1fff };
	const struct vh_wire_region page = { 0, UINT64_MAX - 1, 0, 0 };

	one_region(&gpa, VH_V_MEM_RANGE, UINT64_MAX - 0xfff, UINT64_MAX - 0x1000);
	one_region(&uva, VH_V_MEM_RANGE, UINT64_MAX - 0xfff, UINT64_MAX - 0x1000);
	one_region(&off, VH_V_MEM_RANGE, UINT64_MAX - 0xfff, UINT64_MAX - 0x1000);
	one_region(&all, VH_V_MEM_RANGE, 1, 0);
	one_region(&tail, VH_V_MEM_RANGE, UINT64_MAX - 0x1fff, UINT64_MAX - 0x1001);
	one_region(&page, VH_V_MEM_RANGE, 0, 1);
}

static void
offset_alignment(void **state)
{
	static const uint64_t bad[] = { 1, 8, 512, 4095, 4097, 0x200001 };
	unsigned int i;

	assert_int_equal(sysconf(_SC_PAGESIZE), PAGE);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct vh_wire_region r = { 0x1000, 0x1000, 0x1000, bad[i] };

		one_region(&r, VH_V_MEM_RANGE, bad[i], PAGE);
	}
}

static void
overlaps(void **state)
{
	struct table t = regions(3);

	t.r[2].gpa = t.r[0].gpa; /* the same */
	refused(&t, exact(3), 3, VH_V_MEM_OVERLAP, t.r[2].gpa, t.r[0].gpa);
	t.r[2].gpa = t.r[1].gpa + t.r[1].size - 1; /* by one byte, above */
	refused(&t, exact(3), 3, VH_V_MEM_OVERLAP, t.r[2].gpa, t.r[1].gpa);
	t = regions(3);
	t.r[1].gpa = 0x80000000;
	t.r[2].gpa = 0x80000000 - t.r[2].size + 1; /* by one byte, below */
	refused(&t, exact(3), 3, VH_V_MEM_OVERLAP, t.r[2].gpa, t.r[1].gpa);
	t = regions(2);
	t.r[1].gpa = 0x1000; /* inside */
	t.r[1].size = 1;
	refused(&t, exact(2), 2, VH_V_MEM_OVERLAP, 0x1000, 0);
	t = regions(2);
	t.r[0].gpa = 0x1000; /* around */
	t.r[0].size = 1;
	t.r[1].gpa = 0;
	refused(&t, exact(2), 2, VH_V_MEM_OVERLAP, 0, 0x1000);
}

/* Front-end addresses may overlap as far as numbers can tell: an exact alias needs the files (MEM-6, MEM-7). */
static void
aliases_are_not_decided_here(void **state)
{
	struct table t = regions(2);

	t.r[1].uva = t.r[0].uva;
	t.r[1].offset = t.r[0].offset;
	accepted(&t, exact(2), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_counts), CASE(longer_than_needed), CASE(pc_guest), CASE(odd_but_legal), CASE(counts),
		CASE(limit_of_the_view), CASE(too_short), CASE(fd_per_region), CASE(empty_region), CASE(wrapping),
		CASE(offset_alignment), CASE(overlaps), CASE(aliases_are_not_decided_here),
	};

	return cmocka_run_group_tests_name("proto/check_mem", tests, NULL, NULL);
}
