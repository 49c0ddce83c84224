/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory of the front-end: memfd regions, each framed by a pattern that nobody may touch.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fe.h"

#define PAGE 4096u
#define FIRST_GPA UINT64_C(0x100000)

static uint8_t
pattern(uint64_t at)
{
	return (uint8_t)(0xa5 ^ at ^ (at >> 8));
}

static void
fill_guard(uint8_t *p, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		p[i] = pattern(i);
}

static bool
guard_ok(const uint8_t *p, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (p[i] != pattern(i))
			return false;
	return true;
}

static int
open_file(uint64_t len, enum fe_mem_kind kind)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (kind == FE_MEM_HUGE)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	fd = memfd_create("guest-memory", flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)len) != 0 ||
	    (kind == FE_MEM_SEALED && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* Map region i of `fd` from file offset `base` and frame it. */
static int
map_region(struct fe_mem *m, unsigned int i, int fd, uint64_t base, uint64_t size, uint64_t gpa)
{
	struct fe_mem_region *g = &m->region[i];

	g->fd = fd;
	g->map_len = size + 2 * m->guard;
	g->map = mmap(NULL, g->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)base);
	if (g->map == MAP_FAILED) {
		g->map = NULL;
		return -errno;
	}
	g->va = g->map + m->guard;
	g->r = (struct fe_region){ .gpa = gpa, .size = size, .uva = (uintptr_t)g->va, .offset = base + m->guard };
	fill_guard(g->map, m->guard);
	fill_guard(g->va + size, m->guard);
	drv_mem_add(&m->mem, g->va, gpa, size);
	return 0;
}

int
fe_mem_create(struct fe_mem *m, unsigned int nr, uint64_t size, uint64_t gap, uint64_t guard, enum fe_mem_kind kind)
{
	uint64_t one = size + 2 * guard;
	int fd = -1;

	memset(m, 0, sizeof(*m));
	m->guard = guard;
	if (nr == 0 || nr > FE_MAX_REGIONS || size % PAGE != 0 || guard % PAGE != 0 || size == 0)
		return -EINVAL;
	for (unsigned int i = 0; i < nr; i++) {
		bool first = i == 0 || kind != FE_MEM_ONE_FILE;
		int rc;

		if (kind == FE_MEM_ONE_FILE)
			fd = first ? open_file(one * nr, kind) : dup(fd);
		else
			fd = open_file(one, kind);
		if (fd < 0) {
			rc = first ? fd : -errno;
			fe_mem_destroy(m);
			return rc;
		}
		m->nr++;
		rc = map_region(m, i, fd, kind == FE_MEM_ONE_FILE ? one * i : 0, size,
				FIRST_GPA + i * (size + gap));
		if (rc != 0) {
			fe_mem_destroy(m);
			return rc;
		}
	}
	return 0;
}

void
fe_mem_destroy(struct fe_mem *m)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		if (m->region[i].map != NULL)
			munmap(m->region[i].map, m->region[i].map_len);
		close(m->region[i].fd);
	}
	m->nr = m->mem.nr = 0;
}

void *
fe_mem_alloc(struct fe_mem *m, uint64_t bytes)
{
	uint64_t len = (bytes + PAGE - 1) / PAGE * PAGE;

	for (; m->at_region < m->nr; m->at_region++, m->at = 0) {
		struct fe_mem_region *g = &m->region[m->at_region];

		if (g->r.size - m->at >= len) {
			uint8_t *p = g->va + m->at;

			m->at += len;
			memset(p, 0, len);
			return p;
		}
	}
	return NULL;
}

void
fe_mem_reset(struct fe_mem *m)
{
	m->at_region = 0;
	m->at = 0;
}

bool
fe_mem_guards_ok(const struct fe_mem *m)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		const struct fe_mem_region *g = &m->region[i];

		if (!guard_ok(g->map, m->guard) || !guard_ok(g->va + g->r.size, m->guard))
			return false;
	}
	return true;
}
