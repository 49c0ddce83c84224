/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plat/map.c: which files may be guest memory, and what a mapping is made of.
 * With the argument "huge": huge-page files, which need free 2 MiB pages; reported as skipped (77) where there are
 * none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balance.h"
#include "map.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

/* ThreadSanitizer leaves programs little address space of their own */
#ifdef __SANITIZE_THREAD__
#define SPARSE (16 * GIB)
#else
#define SPARSE TIB
#endif

static struct vh_mapping *
map_ok(int fd, uint64_t offset, uint64_t size, bool guard)
{
	struct vh_mapping *m = NULL;
	struct vh_file_id id;

	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_OK);
	assert_int_equal(vh_map_create(fd, &id, offset, size, guard, &m), VH_MAP_OK);
	assert_non_null(m);
	return m;
}

/* The line of /proc/self/maps and the flags of smaps that cover an address. */
struct vma {
	uintptr_t start, end;
	char mode[8];
	char flags[200];
};

static bool
find_vma(uintptr_t at, struct vma *v)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[4608];
	unsigned long start, end;
	bool in = false, found = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, v->mode) == 3) {
			in = at >= start && at < end;
			if (in) {
				v->start = start;
				v->end = end;
				found = true;
			}
		} else if (in && strncmp(line, "VmFlags:", 8) == 0) {
			snprintf(v->flags, sizeof(v->flags), "%.190s", line + 8);
			break;
		}
	}
	fclose(f);
	if (found && in)
		return true;
	return false;
}

/* Would an access end in SIGSEGV? Asked through write(2) of that byte, which answers EFAULT instead. */
static bool
is_inaccessible(uintptr_t at)
{
	int p[2];
	bool fault;

	assert_int_equal(pipe(p), 0);
	fault = write(p[1], (const void *)at, 1) < 0 && errno == EFAULT;
	close(p[0]);
	close(p[1]);
	return fault;
}

static void
maps_from_the_start_of_the_file(void **state)
{
	struct balance before = balance_now();
	int fd = balance_memfd(2 * MIB);
	struct vh_mapping *m;

	assert_int_equal(pwrite(fd, "hello", 5, 8192), 5);
	m = map_ok(fd, 8192, 5000, true);
	assert_int_equal(m->map_off, 0);
	assert_int_equal(m->len, 16 * KIB); /* 8192 + 5000, rounded to pages */
	assert_int_equal(m->fd, fd);
	assert_memory_equal((void *)(vh_guest_addr(m->base) + 8192), "hello", 5);
	((char *)vh_guest_addr(m->base))[4096] = 'w';
	assert_int_equal(vh_map_total_count(), 1);
	assert_int_equal(vh_map_total_bytes(), 16 * KIB);
	vh_mapping_get(m);
	vh_mapping_put(m);
	assert_int_equal(vh_map_total_count(), 1);
	vh_mapping_put(m);
	assert_int_equal(vh_map_total_count(), 0);
	assert_int_equal(vh_map_total_bytes(), 0);
	balance_wait(before);
}

static void
has_guards_and_no_dump_and_no_fork(void **state)
{
	struct vh_mapping *m = map_ok(balance_memfd(4 * MIB), 0, 3 * MIB, true);
	uintptr_t base = vh_guest_addr(m->base);
	struct vma v;

	assert_int_equal(base % (2 * MIB), 0); /* huge pages of shared memory can be used */
	assert_true(is_inaccessible(base - 1));
	assert_true(is_inaccessible(base - 64 * KIB));
	assert_true(is_inaccessible(base + m->len));
	assert_true(is_inaccessible(base + m->len + 64 * KIB - 1));
	assert_false(is_inaccessible(base));
	assert_false(is_inaccessible(base + m->len - 1));
	assert_true(find_vma(base, &v));
	assert_string_equal(v.mode, "rw-s");
	assert_int_equal(v.start, base);
	assert_int_equal(v.end, base + m->len);
	assert_non_null(strstr(v.flags, " dd")); /* not dumped */
	assert_non_null(strstr(v.flags, " dc")); /* not copied on fork */
	vh_mapping_put(m);
	m = map_ok(balance_memfd(MIB), 0, MIB, false);
	assert_int_equal(m->reserve_len - m->len, 4 * KIB); /* only what alignment takes */
	vh_mapping_put(m);
}

static void
sparse_files_cost_nothing(void **state)
{
	struct balance before = balance_now();
	int fd = balance_memfd(SPARSE), keep = dup(fd);
	struct vh_mapping *m = map_ok(fd, 0, SPARSE, true);
	struct stat st;

	((char *)vh_guest_addr(m->base))[SPARSE - 1] = 1;
	assert_int_equal(fstat(keep, &st), 0);
	assert_true(st.st_blocks * 512 <= (off_t)(2 * MIB)); /* the page just written, or a huge one */
	vh_mapping_put(m);
	close(keep);
	balance_wait(before);
}

/* Open vSwitch locks all its memory, future mappings too: still nothing may be populated. In a child: it sticks. */
static int
child_locked(void)
{
	struct vh_mapping *m = NULL;
	struct vh_file_id id;
	int fd = balance_memfd(512 * MIB), keep = dup(fd);
	struct stat st;

	/* not more than the machine has: should this ever fail, it is to fail as a test */
	if (mlockall(MCL_FUTURE) < 0)
		return 2;
	if (vh_map_identify(fd, false, &id) != VH_MAP_OK || vh_map_create(fd, &id, 0, 512 * MIB, true, &m) != VH_MAP_OK)
		return 3;
	*(volatile char *)vh_guest_addr(m->base) = 1;
	return fstat(keep, &st) == 0 && st.st_blocks * 512 <= (off_t)(2 * MIB) ? 1 : 4;
}

static void
populates_nothing_under_mlockall(void **state)
{
	struct rlimit lim;
	int status;
	pid_t pid;

	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &lim), 0);
	if (geteuid() != 0 && lim.rlim_cur != RLIM_INFINITY)
		fail_msg("needs root or an unlimited RLIMIT_MEMLOCK");
	pid = fork();
	if (pid == 0)
		_exit(child_locked());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void
refuses_more_than_the_file_has(void **state)
{
	struct balance before = balance_now();
	int fd = balance_memfd(MIB);
	struct vh_mapping *m = NULL;
	struct vh_file_id id;

	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_OK);
	assert_int_equal(id.size, MIB);
	assert_int_equal(vh_map_create(fd, &id, 0, MIB + 1, true, &m), VH_MAP_TOO_SMALL);
	assert_int_equal(vh_map_create(fd, &id, 4096, MIB, true, &m), VH_MAP_TOO_SMALL);
	assert_int_equal(vh_map_create(fd, &id, UINT64_MAX - 4095, 8192, true, &m), VH_MAP_TOO_SMALL);
	assert_int_equal(vh_map_create(fd, &id, 0, UINT64_MAX, true, &m), VH_MAP_TOO_SMALL);
	assert_int_equal(vh_map_create(fd, &id, 0, 0, true, &m), VH_MAP_TOO_SMALL);
	/* a size that lied, as a file system of the peer's could: lengths must not wrap */
	id.size = UINT64_MAX;
	assert_int_equal(vh_map_create(fd, &id, 0, UINT64_MAX, true, &m), VH_MAP_FAILED);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(vh_map_create(fd, &id, 0, UINT64_MAX / 2, true, &m), VH_MAP_FAILED);
	assert_int_equal(vh_map_create(fd, &id, 0, 200 * TIB, true, &m), VH_MAP_FAILED);
	assert_null(m);
	assert_int_equal(vh_map_total_count(), 0);
	close(fd);
	balance_wait(before);
}

static void
refuses_what_is_no_memory_file(void **state)
{
	struct vh_file_id id;
	int p[2], fd[8], i;

	assert_int_equal(pipe(p), 0);
	fd[0] = eventfd(0, 0);
	fd[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	fd[2] = p[0];
	fd[3] = p[1];
	fd[4] = open("/tmp", O_RDONLY);
	fd[5] = open("/dev/zero", O_RDWR);
	fd[6] = open("/dev/null", O_RDWR);
	fd[7] = open("/proc/self/mem", O_RDWR);
	for (i = 0; i < 8; i++) {
		assert_true(fd[i] >= 0);
		assert_int_equal(vh_map_identify(fd[i], false, &id), VH_MAP_FD_TYPE);
		assert_int_equal(vh_map_identify(fd[i], true, &id), VH_MAP_FD_TYPE);
		close(fd[i]);
	}
	assert_int_equal(vh_map_identify(-1, true, &id), VH_MAP_FD_TYPE);
}

static int
reopen(int fd, int flags)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, flags);
}

static void
refuses_files_it_cannot_write(void **state)
{
	struct vh_file_id id;
	struct vh_mapping *m = NULL;
	int fd = balance_memfd(MIB), ro = reopen(fd, O_RDONLY), wo = reopen(fd, O_WRONLY), path = reopen(fd, O_PATH);

	assert_true(ro >= 0 && wo >= 0 && path >= 0);
	assert_int_equal(vh_map_identify(ro, false, &id), VH_MAP_FD_MODE);
	assert_int_equal(vh_map_identify(wo, false, &id), VH_MAP_FD_MODE);
	assert_int_equal(vh_map_identify(path, false, &id), VH_MAP_FD_TYPE);
	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_OK);
	assert_false(id.shrink_sealed);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_OK);
	assert_true(id.shrink_sealed);
	/* sealed between the check and the mapping: refused, not a crash */
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	assert_int_equal(vh_map_create(fd, &id, 0, MIB, true, &m), VH_MAP_FAILED);
	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_FD_MODE);
	close(fd);
	fd = balance_memfd(MIB);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_FD_MODE);
	close(fd);
	close(ro);
	close(wo);
	close(path);
}

/* An unlinked file on a disk, wherever there is one. */
static int
disk_file(void)
{
	char names[][32] = { "./vh-map-XXXXXX", "/var/tmp/vh-map-XXXXXX", "/root/vh-map-XXXXXX" };
	size_t i;
	int fd;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = mkstemp(names[i]);
		if (fd < 0)
			continue;
		unlink(names[i]);
		if (fcntl(fd, F_GET_SEALS) < 0)
			return fd;
		close(fd);
	}
	fail_msg("no place for a file on a disk: neither here nor in /var/tmp nor in /root");
	return -1;
}

static void
disk_files_only_where_allowed(void **state)
{
	char shm[] = "/dev/shm/vh-map-XXXXXX";
	struct vh_mapping *m = NULL;
	struct vh_file_id id;
	int fd = disk_file(), s = mkstemp(shm);

	assert_true(fd >= 0 && s >= 0);
	unlink(shm);
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(ftruncate(s, MIB), 0);
	assert_int_equal(vh_map_identify(s, false, &id), VH_MAP_OK); /* tmpfs: QEMU's memory-backend-file */
	close(s);
	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_FD_TYPE);
	assert_int_equal(vh_map_identify(fd, true, &id), VH_MAP_OK);
	assert_int_equal(id.size, MIB);
	assert_int_equal(id.page, sysconf(_SC_PAGESIZE));
	assert_int_equal(vh_map_create(fd, &id, 0, MIB, true, &m), VH_MAP_OK);
	vh_mapping_put(m);
}

/* ---- huge pages ---- */

static bool
has_huge_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned int n = 0;

	if (f == NULL)
		return false;
	if (fscanf(f, "%u", &n) != 1)
		n = 0;
	fclose(f);
	return n >= 4;
}

static void
check_huge(int fd)
{
	struct vh_mapping *m;
	struct vh_file_id id;

	assert_int_equal(ftruncate(fd, 8 * MIB), 0);
	assert_int_equal(vh_map_identify(fd, false, &id), VH_MAP_OK);
	assert_int_equal(id.page, 2 * MIB);
	assert_int_equal(id.size, 8 * MIB);
	m = map_ok(fd, 0, 3 * MIB, true);
	assert_int_equal(m->len, 4 * MIB); /* whole huge pages */
	assert_int_equal(vh_guest_addr(m->base) % (2 * MIB), 0);
	*(volatile char *)vh_guest_addr(m->base) = 1;
	assert_true(is_inaccessible(vh_guest_addr(m->base) - 1));
	assert_true(is_inaccessible(vh_guest_addr(m->base) + m->len));
	vh_mapping_put(m);
}

static void
huge_page_files(void **state)
{
	struct balance before = balance_now();
	char name[] = "/dev/hugepages/vh-map-XXXXXX";
	int fd;

	fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	assert_true(fd >= 0);
	check_huge(fd);
	fd = mkstemp(name);
	if (fd >= 0) {
		unlink(name);
		check_huge(fd);
	}
	balance_wait(before);
}

/* A sparse file far larger than the pool: mapped without taking part in it (FD-6). */
static void
sparse_huge_page_files_reserve_nothing(void **state)
{
	struct vh_mapping *m;
	int fd;

	fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd < 0)
		fail_msg("this kernel has no huge pages");
	assert_int_equal(ftruncate(fd, TIB), 0);
	m = map_ok(fd, 0, TIB, true);
	vh_mapping_put(m);
}

/* ---- threads ---- */

static void *
get_and_put(void *arg)
{
	int i;

	for (i = 0; i < 20000; i++) {
		vh_mapping_get(arg);
		vh_mapping_put(arg);
	}
	vh_mapping_put(arg);
	return NULL;
}

static void
references_from_many_threads(void **state)
{
	struct balance before = balance_now();
	struct vh_mapping *m = map_ok(balance_memfd(MIB), 0, MIB, true);
	pthread_t t[3];
	int i;

	for (i = 0; i < 3; i++) {
		vh_mapping_get(m);
		assert_int_equal(pthread_create(&t[i], NULL, get_and_put, m), 0);
	}
	vh_mapping_put(m);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(vh_map_total_count(), 0);
	balance_wait(before);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest huge[] = {
		cmocka_unit_test(huge_page_files),
		cmocka_unit_test(sparse_huge_page_files_reserve_nothing),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_from_the_start_of_the_file),
		cmocka_unit_test(has_guards_and_no_dump_and_no_fork),
		cmocka_unit_test(sparse_files_cost_nothing),
		cmocka_unit_test(populates_nothing_under_mlockall),
		cmocka_unit_test(refuses_more_than_the_file_has),
		cmocka_unit_test(refuses_what_is_no_memory_file),
		cmocka_unit_test(refuses_files_it_cannot_write),
		cmocka_unit_test(disk_files_only_where_allowed),
		cmocka_unit_test(references_from_many_threads),
	};

	if (argc > 1 && strcmp(argv[1], "huge") == 0) {
		if (has_huge_pages())
			return cmocka_run_group_tests(huge, NULL, NULL);
		fprintf(stderr, "huge-page files were not tested: no free 2 MiB pages on this machine\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
