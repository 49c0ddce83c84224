/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared mappings of peers' files: what kind of file it is, mapping between guard pages, unmapping in slices.
 * May touch: system calls; makes guest pointers but never follows one. `vhost-work` and ordinary callers.
 * spec: vhost-user FD-1..6
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "evloop.h"
#include "map.h"
#include "sys.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
/* at least as far as one packet's length overruns */
#define GUARD_MIN (64 * KIB)
/* start there, so that the kernel can map shared memory by huge pages (THP) */
#define THP_SIZE (2 * MIB)
/*
 * One munmap: while it runs, every thread that maps or unmaps waits for mmap_lock, EAL's included (T1). Empty address
 * space is taken down in larger steps, as 64 MiB at a time would take a second for the 32 TiB a device may have.
 */
#define SLICE_MIN (64 * MIB)
#define SLICE_MAX GIB
#define SLICE_QUICK_NS UINT64_C(500000)

static uint64_t total_bytes;
static uint32_t total_count;

/* ---- what is this fd? ---- */

static bool
is_local_fs(const char *type)
{
	static const char *const local[] = { "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs",
		"ramfs" };
	size_t i;

	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strcmp(type, local[i]) == 0)
			return true;
	return false;
}

/* Line "id parent major:minor root mountpoint options [tags] - type source options" of mountinfo. */
static bool
line_is_local(char *line, uint64_t mount_id)
{
	char *type, *end;

	if (strtoull(line, &end, 10) != mount_id || *end != ' ')
		return false;
	type = strstr(end, " - ");
	if (type == NULL)
		return false;
	type += 3;
	end = strchr(type, ' ');
	if (end == NULL)
		return false;
	*end = '\0';
	return is_local_fs(type);
}

/* A mount that is not ours (another namespace's) is in no line and so not local. */
static bool
mount_is_local(uint64_t mount_id)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t cap = 0;
	bool local = false;

	if (f == NULL)
		return false;
	while (!local && getline(&line, &cap, f) >= 0)
		local = line_is_local(line, mount_id);
	free(line);
	fclose(f);
	return local;
}

/* Type and mount as the kernel's own tables have them; the file system is not asked (FD-1). */
static bool
is_disk_file(int fd)
{
	struct statx st;
	const unsigned int need = STATX_TYPE | STATX_MNT_ID;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, need, &st) < 0 || (st.stx_mask & need) != need)
		return false;
	return S_ISREG(st.stx_mode) && mount_is_local(st.stx_mnt_id);
}

static bool
page_is_sane(uint64_t page)
{
	return page >= 4 * KIB && page <= GIB && (page & (page - 1)) == 0;
}

/* Only for files known to be local: these calls go to the file system. */
static enum vh_map_error
fill_id(int fd, struct vh_file_id *id)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return VH_MAP_FD_TYPE;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	id->size = (uint64_t)st.st_size;
	/* st_blksize is no mapping granularity: tmpfs with huge=always reports 2 MiB there */
	id->page = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : (uint64_t)sysconf(_SC_PAGESIZE);
	return page_is_sane(id->page) ? VH_MAP_OK : VH_MAP_FD_TYPE;
}

enum vh_map_error
vh_map_identify(int fd, bool allow_disk_files, struct vh_file_id *id)
{
	int flags = fcntl(fd, F_GETFL), seals;
	enum vh_map_error rc;

	if (flags < 0 || (flags & O_PATH) != 0)
		return VH_MAP_FD_TYPE;
	seals = fcntl(fd, F_GET_SEALS); /* succeeds exactly for shared-memory and huge-page files */
	if (seals < 0 && !(allow_disk_files && is_disk_file(fd)))
		return VH_MAP_FD_TYPE;
	rc = fill_id(fd, id);
	if (rc != VH_MAP_OK)
		return rc;
	if (seals < 0)
		seals = 0;
	if ((flags & O_ACCMODE) != O_RDWR || (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0)
		return VH_MAP_FD_MODE;
	id->shrink_sealed = (seals & F_SEAL_SHRINK) != 0;
	return VH_MAP_OK;
}

/* ---- mapping ---- */

/* n up to a multiple of the power of two a; false if that wraps. */
static bool
round_up(uint64_t n, uint64_t a, uint64_t *out)
{
	if (__builtin_add_overflow(n, a - 1, out))
		return false;
	*out &= ~(a - 1);
	return true;
}

/*
 * Length of the file mapping and of the address space reserved for it. Neither can wrap for a file's sizes, which are
 * below 2^63, but nothing here relies on that.
 */
static bool
lengths(const struct vh_file_id *id, uint64_t end, uint64_t guard, uint64_t align, uint64_t *len,
		uint64_t *reserve)
{
	uint64_t extra = 2 * guard + align;

	return round_up(end, id->page, len) && !__builtin_add_overflow(*len, extra, reserve) &&
		*reserve <= SIZE_MAX / 2;
}

static void *
reserve_space(uint64_t len)
{
	void *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

/*
 * MAP_NORESERVE: on huge pages we take part in the reservation of the file's owner but make none of our own, so a
 * sparse file is neither refused nor takes the host's pool (FD-6). Inaccessible at first: in a process under
 * mlockall(MCL_FUTURE), such as Open vSwitch, mmap would else fill the peer's holes with our memory.
 */
static bool
map_into(struct vh_mapping *m, uint64_t guard, uint64_t align)
{
	uintptr_t at = ((uintptr_t)m->reserve + guard + align - 1) & ~(uintptr_t)(align - 1);
	void *p = mmap((void *)at, m->len, PROT_NONE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, m->fd, 0);

	if (p == MAP_FAILED)
		return false;
	if (mprotect(p, m->len, PROT_READ | PROT_WRITE) < 0)
		return false;
	m->base = vh_guest_from_mapping(p);
	/* a kernel that refuses one of these for huge pages only makes dumps larger, or a child's table */
	(void)madvise(p, m->len, MADV_DONTDUMP);
	(void)madvise(p, m->len, MADV_DONTFORK);
	return true;
}

static struct vh_mapping *
new_mapping(int fd, const struct vh_file_id *id)
{
	struct vh_mapping *m = calloc(1, sizeof(*m));

	if (m != NULL) {
		m->refs = 1;
		m->fd = fd;
		m->id = *id;
	}
	return m;
}

static enum vh_map_error
fail(struct vh_mapping *m)
{
	int saved = errno;

	if (m != NULL && m->reserve != NULL)
		(void)munmap(m->reserve, m->reserve_len);
	free(m);
	errno = saved;
	return VH_MAP_FAILED;
}

enum vh_map_error
vh_map_create(int fd, const struct vh_file_id *id, uint64_t offset, uint64_t size, bool guard_pages,
		struct vh_mapping **out)
{
	uint64_t end, guard, align;
	struct vh_mapping *m;

	if (size == 0 || __builtin_add_overflow(offset, size, &end) || end > id->size)
		return VH_MAP_TOO_SMALL;
	align = id->page;
	if (end >= THP_SIZE && align < THP_SIZE)
		align = THP_SIZE;
	guard = !guard_pages ? 0 : id->page > GUARD_MIN ? id->page : GUARD_MIN;
	m = new_mapping(fd, id);
	if (m == NULL || !lengths(id, end, guard, align, &m->len, &m->reserve_len)) {
		errno = ENOMEM;
		return fail(m);
	}
	m->reserve = reserve_space(m->reserve_len);
	if (m->reserve == NULL || !map_into(m, guard, align))
		return fail(m);
	__atomic_add_fetch(&total_bytes, m->len, __ATOMIC_RELAXED);
	__atomic_add_fetch(&total_count, 1, __ATOMIC_RELAXED);
	*out = m;
	return VH_MAP_OK;
}

/* ---- unmapping ---- */

/*
 * Always from the low end, so that no call splits a mapping (that could fail). The slice doubles while calls are quick
 * and starts over at the first that was not: a multiple of the file's page in any case.
 */
static void
unmap_slices(uintptr_t start, uint64_t len, uint64_t page)
{
	uint64_t least = page > SLICE_MIN ? page : SLICE_MIN, slice = least, began, n;

	for (; len > 0; start += n, len -= n) {
		n = len < slice ? len : slice;
		began = vh_now_ns();
		(void)munmap((void *)start, n);
		if (vh_now_ns() - began > SLICE_QUICK_NS)
			slice = least;
		else if (slice < SLICE_MAX)
			slice *= 2;
	}
}

static void
unmap(const struct vh_mapping *m)
{
	uintptr_t start = (uintptr_t)m->reserve, base = vh_guest_addr(m->base), end = base + m->len;

	unmap_slices(start, base - start, 1);
	unmap_slices(base, m->len, m->id.page);
	unmap_slices(end, start + m->reserve_len - end, 1);
}

void
vh_mapping_get(struct vh_mapping *m)
{
	__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
}

void
vh_mapping_put(struct vh_mapping *m)
{
	if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	unmap(m);
	vh_sys_close(m->fd);
	__atomic_sub_fetch(&total_bytes, m->len, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&total_count, 1, __ATOMIC_RELAXED);
	free(m);
}

uint64_t
vh_map_total_bytes(void)
{
	return __atomic_load_n(&total_bytes, __ATOMIC_RELAXED);
}

uint32_t
vh_map_total_count(void)
{
	return __atomic_load_n(&total_count, __ATOMIC_RELAXED);
}
