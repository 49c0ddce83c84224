/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles per request of fetch + publish, one thread, everything in the cache: the instruction cost of the ring layer.
 * The driver's side is prepared outside the measured time. Usage: bench_ring [rounds [text that the printed name has]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "rig.h"

#define N 256
#define BURST 32
#define TABLE (RIG_GPA0 + 0x100000)

enum shape {
	SINGLE,
	TWO,      /* header and data apart */
	INDIRECT, /* a table of two */
	SPREAD,   /* buffers in two regions in turn */
};

static const char *const shape_name[] = { "single", "chain of 2", "indirect 2", "2 regions" };

static void
post(struct rig *g, uint16_t i, enum shape shape, uint16_t flags)
{
	uint64_t addr = RIG_BUFS + (uint64_t)(i % 64) * 2048;
	uint16_t a = (uint16_t)(2 * i % N), b = (uint16_t)(a + 1);

	switch (shape) {
	case SPREAD:
		if (i % 2 != 0)
			addr = RIG_GPA2 + (uint64_t)(i % 16) * 2048;
		/* fall through */
	case SINGLE:
		rig_one(g, (uint16_t)(i % N), addr, 1536, flags);
		return;
	case TWO:
		if (g->packed) {
			rig_slot(g, addr, 12, a, flags | VH_DESC_NEXT);
			rig_slot(g, addr + 12, 1524, a, flags);
			return;
		}
		rig_desc(g, a, addr, 12, flags | VH_DESC_NEXT, b);
		rig_desc(g, b, addr + 12, 1524, flags, 0);
		rig_post(g, a);
		return;
	case INDIRECT:
		rig_entry(g, TABLE + i % N * 32u, 0, addr, 12, flags | VH_DESC_NEXT, 1);
		rig_entry(g, TABLE + i % N * 32u, 1, addr + 12, 1524, flags, 0);
		rig_one(g, (uint16_t)(i % N), TABLE + i % N * 32u, 32, VH_DESC_INDIRECT);
	}
}

/* Only cells whose name has it. */
static const char *only = "";

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
run(struct rig *g, uint32_t flags, enum shape shape, enum vh_dir dir, unsigned int rounds)
{
	uint64_t *fetch, *publish;
	struct vh_burst *u = &g->ring->burst;
	unsigned int round, i;
	char name[64];
	uint16_t n = 0;

	snprintf(name, sizeof(name), "%-6s %-8s %-5s %-10s", (flags & VH_B_PACKED) != 0 ? "packed" : "split",
		(flags & VH_B_IN_ORDER) != 0 ? "in-order" : "", dir == VH_DIR_READ ? "read" : "write",
		shape_name[shape]);
	if (strstr(name, only) == NULL)
		return;
	fetch = calloc(rounds, sizeof(*fetch));
	publish = calloc(rounds, sizeof(*publish));
	rig_ring(g, N, flags | VH_B_INDIRECT, (flags & VH_B_PACKED) != 0 ? 0x8000 : 0);
	for (round = 0; round < rounds; round++) {
		uint64_t t0, t1, t2;
		int rc;

		for (i = 0; i < BURST; i++)
			post(g, n++, shape, dir == VH_DIR_WRITE ? VH_DESC_WRITE : 0);
		t0 = rte_rdtsc_precise();
		vh_ring_begin(&g->bind);
		rc = vh_ring_fetch(&g->bind, BURST, dir);
		t1 = rte_rdtsc_precise();
		if (rc != 0 || u->nr_reqs != BURST)
			abort();
		for (i = 0; i < BURST; i++)
			u->used_len[i] = 64;
		t2 = rte_rdtsc_precise();
		vh_ring_publish(&g->bind, BURST);
		publish[round] = rte_rdtsc_precise() - t2;
		fetch[round] = t1 - t0;
	}
	qsort(fetch, rounds, sizeof(*fetch), by_value);
	qsort(publish, rounds, sizeof(*publish), by_value);
	printf("%s  fetch %5.1f  publish %5.1f  both %5.1f cycles/request\n", name, (double)fetch[rounds / 2] / BURST,
		(double)publish[rounds / 2] / BURST, (double)(fetch[rounds / 2] + publish[rounds / 2]) / BURST);
	free(fetch);
	free(publish);
}

int
main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : 20000;
	struct rig g;
	int format, dir, shape;

	if (argc > 2)
		only = argv[2];
	rig_open(&g, N, 0);
	for (format = 0; format < 2; format++)
		for (dir = 0; dir < 2; dir++)
			for (shape = SINGLE; shape <= SPREAD; shape++)
				run(&g, format ? VH_B_PACKED : 0, (enum shape)shape, (enum vh_dir)dir, rounds);
	run(&g, VH_B_IN_ORDER, SINGLE, VH_DIR_READ, rounds);
	run(&g, VH_B_IN_ORDER | VH_B_PACKED, SINGLE, VH_DIR_READ, rounds);
	rig_close(&g);
	return 0;
}
