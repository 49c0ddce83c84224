/* SPDX-License-Identifier: BSD-3-Clause */
/* The matrix: which cells exist, their names, which of them were asked for. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const uint32_t frames[] = { 64, 256, 512, 1518, 9000, BENCH_TSO };
static const uint16_t bursts[] = { 1, 8, 32 };

const char *
cell_name(const struct cell *c, char *buf)
{
	char size[16];

	if (c->frame == BENCH_TSO)
		strcpy(size, "tso64k");
	else
		snprintf(size, sizeof(size), "%u", c->frame);
	snprintf(buf, CELL_NAME, "%s.%s.%s.%s.%s.%s.b%u.%s", c->packed ? "packed" : "split",
		 c->mergeable ? "mrg" : "nomrg", c->in_order ? "ino" : "noino", c->indirect ? "ind" : "dir",
		 c->enqueue ? "enq" : "deq", size, c->burst, c->dual ? "2t" : "1t");
	return buf;
}

/* Frames above one buffer need mergeable buffers; segmentation is the guest's transmit direction only. */
static bool
exists(const struct cell *c)
{
	if (c->frame > 2000 && !c->mergeable)
		return false;
	return c->frame != BENCH_TSO || !c->enqueue;
}

static unsigned int
add_sizes(struct cell *cells, unsigned int n, struct cell c)
{
	for (unsigned int f = 0; f < sizeof(frames) / sizeof(frames[0]); f++) {
		for (unsigned int b = 0; b < sizeof(bursts) / sizeof(bursts[0]); b++) {
			c.frame = frames[f];
			c.burst = bursts[b];
			if (exists(&c))
				cells[n++] = c;
		}
	}
	return n;
}

unsigned int
cells_all(struct cell **cells)
{
	unsigned int n = 0;

	*cells = calloc(64 * 18, sizeof(**cells));
	if (*cells == NULL)
		return 0;
	/* the bits that change the negotiated set are the high ones */
	for (unsigned int bits = 0; bits < 64; bits++) {
		struct cell c = { .dual = bits >> 5 & 1, .packed = bits >> 4 & 1, .mergeable = bits >> 3 & 1,
				  .in_order = bits >> 2 & 1, .indirect = bits >> 1 & 1, .enqueue = bits & 1 };

		n = add_sizes(*cells, n, c);
	}
	return n;
}

/* Short form: every negotiated set and both directions, fewer sizes; two threads with small frames only. */
static bool
is_quick(const struct cell *c)
{
	if (c->burst != 32)
		return false;
	if (c->dual)
		return c->frame == 64 && !c->indirect;
	return c->frame == 64 || c->frame == 1518 || c->frame > 2000;
}

static bool
matches(const char *name, const char *patterns)
{
	char copy[1024], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", patterns);
	for (char *p = strtok_r(copy, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save))
		if (fnmatch(p, name, 0) == 0)
			return true;
	return false;
}

unsigned int
cells_select(struct cell *cells, unsigned int n)
{
	unsigned int kept = 0;
	char name[CELL_NAME];

	for (unsigned int i = 0; i < n; i++) {
		if (opt.quick && !is_quick(&cells[i]))
			continue;
		if (opt.cells != NULL && !matches(cell_name(&cells[i], name), opt.cells))
			continue;
		cells[kept++] = cells[i];
	}
	return kept;
}

const struct cell *
cell_find(const struct cell *cells, unsigned int n, const char *name)
{
	char buf[CELL_NAME];

	for (unsigned int i = 0; i < n; i++)
		if (strcmp(cell_name(&cells[i], buf), name) == 0)
			return &cells[i];
	return NULL;
}
