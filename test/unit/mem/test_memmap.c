/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mem/memmap.c: all or nothing, sharing with the table before, quotas, overlaps; fds and mappings in balance each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "balance.h"
#include "memmap.h"
#include "work.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)
#define MANY 300

static struct vh_policy policy;
static struct vh_fault fault;
static struct balance before;

static int
set_up(void **state)
{
	vh_policy_defaults(&policy);
	memset(&fault, 0, sizeof(fault));
	before = balance_now();
	return 0;
}

static int
tear_down(void **state)
{
	balance_wait(before);
	assert_int_equal(vh_map_total_count(), 0);
	assert_int_equal(vh_map_total_bytes(), 0);
	return 0;
}

static void
drop(struct vh_memmap *m)
{
	if (vh_memmap_put(m))
		vh_memmap_destroy(m);
}

/* Build with duplicates of the given fds: the caller's stay open. */
static int
build(struct vh_memmap *old, const struct vh_region_req *req, uint32_t n, const int *fds, struct vh_memmap **out)
{
	int copy[MANY];
	uint32_t i;

	assert_true(n <= MANY);
	for (i = 0; i < n; i++) {
		copy[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		assert_true(copy[i] >= 0);
	}
	*out = NULL;
	return vh_memmap_build(&policy, old, req, n, copy, out, &fault);
}

static struct vh_memmap *
build_ok(struct vh_memmap *old, const struct vh_region_req *req, uint32_t n, const int *fds)
{
	struct vh_memmap *m;

	assert_int_equal(build(old, req, n, fds, &m), 0);
	assert_non_null(m);
	return m;
}

static void
refused(const struct vh_region_req *req, uint32_t n, const int *fds, enum vh_violation code)
{
	struct vh_memmap *m;

	assert_int_equal(build(NULL, req, n, fds, &m), code);
	assert_null(m);
	assert_int_equal(fault.code, code);
	assert_int_equal(fault.queue, VH_NO_QUEUE);
	assert_int_equal(vh_map_total_count(), 0);
}

/* QEMU's usual table: one file, low memory and memory above 4 GiB, sent in descending order. */
static const struct vh_region_req two[2] = {
	{ .gpa = 4 * GIB, .size = 2 * MIB, .uva = 0x7f0000200000, .offset = 2 * MIB },
	{ .gpa = 0, .size = 2 * MIB, .uva = 0x7f0000000000, .offset = 0 },
};

static void
sorts_and_keeps_the_order_of_the_message(void **state)
{
	int fd = balance_memfd(4 * MIB), fds[2] = { fd, fd };
	struct vh_memmap *m;

	assert_int_equal(pwrite(fd, "high", 4, 2 * MIB + 100), 4);
	m = build_ok(NULL, two, 2, fds);
	assert_int_equal(m->nr, 2);
	assert_int_equal(m->refs, 1);
	assert_int_not_equal(m->generation, 0);
	assert_int_equal(m->region[0].gpa, 0);
	assert_int_equal(m->region[1].gpa, 4 * GIB);
	assert_int_equal(m->order[0], 1);
	assert_int_equal(m->order[1], 0);
	assert_int_equal(m->region[1].mapping->len, 4 * MIB); /* the file from its start (api.md 9.6) */
	assert_int_equal(m->bytes, 6 * MIB);
	assert_int_equal(vh_map_total_bytes(), 6 * MIB);
	assert_memory_equal((void *)(vh_guest_addr(m->region[1].hva) + 100), "high", 4);
	drop(m);
	close(fd);
}

static void
finds_user_addresses(void **state)
{
	int fd = balance_memfd(4 * MIB), fds[2] = { fd, fd };
	struct vh_memmap *m = build_ok(NULL, two, 2, fds);
	uva_t low = { 0x7f0000000000 }, end = { 0x7f0000200000 - 16 }, high = { 0x7f0000200010 };

	assert_ptr_equal(vh_memmap_from_uva(m, low, 2 * MIB), m->region[0].hva);
	assert_ptr_equal(vh_memmap_from_uva(m, high, 16), m->region[1].hva + 16);
	assert_ptr_equal(vh_memmap_from_uva(m, end, 16), m->region[0].hva + 2 * MIB - 16);
	assert_null(vh_memmap_from_uva(m, end, 17)); /* adjacent, but in another mapping (A078) */
	assert_null(vh_memmap_from_uva(m, low, UINT64_MAX));
	low.v--;
	assert_null(vh_memmap_from_uva(m, low, 1));
	low.v = UINT64_MAX;
	assert_null(vh_memmap_from_uva(m, low, 2));
	drop(m);
	close(fd);
}

static void
empty_table(void **state)
{
	struct vh_memmap *m = build_ok(NULL, NULL, 0, NULL), *again;
	uva_t a = { 0 };

	assert_int_equal(m->nr, 0);
	assert_null(vh_memmap_from_uva(m, a, 0));
	again = build_ok(m, NULL, 0, NULL);
	assert_ptr_equal(again, m);
	drop(again);
	drop(m);
}

static void
same_table_is_the_old_one(void **state)
{
	int fd = balance_memfd(4 * MIB), fds[2] = { fd, fd };
	struct vh_memmap *m = build_ok(NULL, two, 2, fds), *again;
	struct balance with_it = balance_now();

	again = build_ok(m, two, 2, fds);
	assert_ptr_equal(again, m);
	assert_int_equal(m->refs, 2);
	balance_wait(with_it); /* the new fds are closed, nothing new is mapped */
	drop(again);
	drop(m);
	close(fd);
}

/* Same numbers, another file: the reference keeps the old memory here (A075). */
static void
same_numbers_other_file_is_another_table(void **state)
{
	int a = balance_memfd(4 * MIB), b = balance_memfd(4 * MIB), old_fds[2] = { a, a }, fds[2] = { a, b };
	struct vh_memmap *m = build_ok(NULL, two, 2, old_fds), *n = build_ok(m, two, 2, fds);

	assert_ptr_not_equal(n, m);
	assert_int_not_equal(n->generation, m->generation);
	assert_ptr_equal(n->region[1].mapping, m->region[1].mapping); /* of file a */
	assert_ptr_not_equal(n->region[0].mapping, m->region[0].mapping);
	assert_int_equal(vh_map_total_count(), 3);
	drop(m);
	assert_int_equal(vh_map_total_count(), 2);
	((char *)vh_guest_addr(n->region[1].hva))[0] = 1; /* still there */
	drop(n);
	close(a);
	close(b);
}

static void
changed_tables_share_what_stays(void **state)
{
	int fd = balance_memfd(8 * MIB), fds[3] = { fd, fd, fd };
	struct vh_region_req three[3] = { two[0], two[1],
		{ .gpa = 8 * GIB, .size = MIB, .uva = 0x7f0001000000, .offset = 6 * MIB } };
	struct vh_memmap *m = build_ok(NULL, two, 2, fds), *n = build_ok(m, three, 3, fds), *o, *p;
	struct vh_region_req swapped[2] = { two[1], two[0] };

	assert_ptr_equal(n->region[0].hva, m->region[0].hva);
	assert_ptr_equal(n->region[1].hva, m->region[1].hva);
	assert_int_equal(vh_map_total_count(), 3);
	o = build_ok(n, two, 2, fds); /* unplugged again */
	assert_ptr_not_equal(o, n);
	drop(n);
	assert_int_equal(vh_map_total_count(), 2);
	p = build_ok(o, swapped, 2, fds); /* another order is another table, for the getter */
	assert_ptr_not_equal(p, o);
	assert_int_equal(p->order[0], 0);
	assert_ptr_equal(p->region[1].mapping, o->region[1].mapping);
	drop(m);
	drop(o);
	drop(p);
	close(fd);
}

/* ---- refusals ---- */

static void
second_region_fails_and_nothing_stays(void **state)
{
	int fd = balance_memfd(4 * MIB), small = balance_memfd(MIB), e = eventfd(0, 0), fds[2] = { fd, fd };
	struct vh_memmap *m = build_ok(NULL, two, 2, fds), *n;
	struct balance with_it = balance_now();
	int bad[2] = { fd, small }, worse[2] = { fd, e };

	assert_int_equal(build(m, two, 2, bad, &n), VH_V_MEM_SIZE);
	assert_int_equal(fault.observed, 2 * MIB);
	assert_int_equal(fault.limit, MIB);
	balance_wait(with_it);
	assert_int_equal(build(m, two, 2, worse, &n), VH_V_FD_TYPE);
	assert_int_equal(fault.observed, 1);
	balance_wait(with_it);
	assert_int_equal(m->refs, 1);
	assert_int_equal(vh_map_total_count(), 2);
	((char *)vh_guest_addr(m->region[0].hva))[0] = 1; /* the old one is in force */
	drop(m);
	close(fd);
	close(small);
	close(e);
}

static void
wrong_files(void **state)
{
	int fd = balance_memfd(4 * MIB), sealed = balance_memfd(4 * MIB), p[2], fds[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	fds[0] = fd;
	fds[1] = sealed;
	refused(two, 2, fds, VH_V_FD_MODE);
	assert_int_equal(fault.observed, 1);
	fds[1] = p[0];
	refused(two, 2, fds, VH_V_FD_TYPE);
	policy.require_seal = 1;
	fds[1] = fd;
	refused(two, 2, fds, VH_V_FD_MODE);
	assert_int_equal(fault.observed, 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	drop(build_ok(NULL, two, 2, fds));
	close(fd);
	close(sealed);
	close(p[0]);
	close(p[1]);
}

static void
wrapping_sums(void **state)
{
	struct vh_region_req r = { .gpa = 0, .size = UINT64_MAX, .uva = 0, .offset = 4096 };
	int fd = balance_memfd(4 * MIB);

	refused(&r, 1, &fd, VH_V_MEM_SIZE);
	r.size = MIB;
	r.offset = UINT64_MAX - 4095;
	refused(&r, 1, &fd, VH_V_MEM_SIZE);
	close(fd);
}

static void
overlaps(void **state)
{
	int a = balance_memfd(4 * MIB), b = balance_memfd(4 * MIB), same[2] = { a, a }, other[2] = { a, b };
	struct vh_region_req r[2] = { two[0], two[1] };

	r[0].gpa = 2 * MIB - 1;
	refused(r, 2, same, VH_V_MEM_OVERLAP);
	assert_int_equal(fault.observed, 1);
	assert_int_equal(fault.limit, 0);
	r[0].gpa = 2 * MIB; /* touching */
	drop(build_ok(NULL, r, 2, same));
	/* one user range over the other: only if both mean the same bytes of the same file */
	r[0].uva = r[1].uva + MIB;
	r[0].offset = MIB;
	drop(build_ok(NULL, r, 2, same));
	refused(r, 2, other, VH_V_MEM_OVERLAP);
	r[0].offset = 2 * MIB;
	refused(r, 2, same, VH_V_MEM_OVERLAP);
	close(a);
	close(b);
}

/* n regions of that size each, on one sparse file */
static void
lay_out(struct vh_region_req *r, int n, uint64_t size)
{
	int i;

	for (i = 0; i < n; i++)
		r[i] = (struct vh_region_req){ .gpa = size * (uint64_t)i, .size = size, .uva = size * (uint64_t)i };
}

/* Seven sparse regions of 15 TB (A071): refused by default, before anything is mapped. */
static void
seven_times_15_terabytes(void **state)
{
	int fd = balance_memfd(15 * TIB), fds[7] = { fd, fd, fd, fd, fd, fd, fd };
	struct vh_region_req r[7];

	lay_out(r, 7, 15 * TIB);
	refused(r, 7, fds, VH_V_MEM_QUOTA);
	assert_int_equal(fault.observed, 45 * TIB);
	assert_int_equal(fault.limit, 32 * TIB);
	close(fd);
}

static void
quotas(void **state)
{
	int fd = balance_memfd(15 * GIB), fds[3] = { fd, fd, fd };
	struct vh_region_req r[3];
	struct vh_memmap *m, *n, *none;

	lay_out(r, 3, 15 * GIB);
	policy.mem_quota = 32 * GIB;
	refused(r, 3, fds, VH_V_MEM_QUOTA);
	drop(build_ok(NULL, r, 2, fds));
	policy.mem_quota_process = 20 * GIB;
	refused(r, 2, fds, VH_V_MEM_QUOTA);
	assert_int_equal(fault.observed, 30 * GIB);
	assert_int_equal(fault.limit, 20 * GIB);
	/* what is mapped already is not counted again */
	m = build_ok(NULL, r, 1, fds);
	r[0].gpa = 100 * GIB;
	n = build_ok(m, r, 1, fds);
	assert_int_equal(vh_map_total_bytes(), 15 * GIB);
	assert_int_equal(build(NULL, &r[1], 1, fds, &none), VH_V_MEM_QUOTA); /* another device's */
	policy.mem_quota_process = 80 * GIB;
	policy.mem_maps = 2;
	assert_int_equal(build(NULL, &r[1], 2, fds, &none), VH_V_MEM_QUOTA);
	assert_int_equal(fault.observed, 3);
	assert_int_equal(fault.limit, 2);
	drop(m);
	drop(n);
	close(fd);
}

static void
hundreds_of_regions(void **state)
{
	static struct vh_region_req r[MANY];
	static int fds[MANY];
	int fd = balance_memfd(MANY * 64 * KIB);
	struct vh_memmap *m, *n;
	uint32_t i;

	for (i = 0; i < MANY; i++) {
		uint64_t at = (i * 7919u) % MANY; /* scattered: 7919 is prime and no divisor */

		r[i] = (struct vh_region_req){ .gpa = at * MIB, .size = 64 * KIB, .uva = GIB + at * MIB,
			.offset = at * 64 * KIB };
		fds[i] = fd;
	}
	m = build_ok(NULL, r, MANY, fds);
	for (i = 0; i < MANY; i++) {
		uva_t a = { r[i].uva + 5 };

		assert_int_equal(m->region[i].gpa, i * MIB);
		assert_int_equal(m->region[m->order[i]].gpa, r[i].gpa);
		assert_ptr_equal(vh_memmap_from_uva(m, a, 8), m->region[m->order[i]].hva + 5);
	}
	n = build_ok(m, r, MANY, fds);
	assert_ptr_equal(n, m);
	drop(n);
	r[17].uva += 16 * GIB;
	n = build_ok(m, r, MANY, fds);
	assert_int_equal(vh_map_total_count(), MANY);
	drop(m);
	drop(n);
	close(fd);
}

/* ---- threads: tables are built on several workers at once ---- */

static void *
build_many(void *arg)
{
	int fd = *(int *)arg, i;
	struct vh_memmap *m = NULL, *n;
	struct vh_region_req r[2] = { two[0], two[1] };
	struct vh_fault f;

	for (i = 0; i < 300; i++) {
		int fds[2] = { dup(fd), dup(fd) };

		r[0].gpa = (4 + (uint64_t)i % 3) * GIB;
		assert_int_equal(vh_memmap_build(&policy, m, r, 2, fds, &n, &f), 0);
		if (m != NULL)
			drop(m);
		m = n;
	}
	drop(m);
	return NULL;
}

static void
built_by_several_threads(void **state)
{
	int fd = balance_memfd(4 * MIB), i;
	pthread_t t[3];

	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, build_many, &fd), 0);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sorts_and_keeps_the_order_of_the_message),
		TEST(finds_user_addresses),
		TEST(empty_table),
		TEST(same_table_is_the_old_one),
		TEST(same_numbers_other_file_is_another_table),
		TEST(changed_tables_share_what_stays),
		TEST(second_region_fails_and_nothing_stays),
		TEST(wrong_files),
		TEST(wrapping_sums),
		TEST(overlaps),
		TEST(seven_times_15_terabytes),
		TEST(quotas),
		TEST(hundreds_of_regions),
		TEST(built_by_several_threads),
	};

	/* threads that close are there before anything is counted */
	if (vh_work_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
