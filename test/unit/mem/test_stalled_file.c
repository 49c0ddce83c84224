/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors of a user-space file system that never answers, as a front-end can pass them (A025, A070, FD-1): told
 * apart and refused at once, closed without holding up anybody. The file system is a thread of this test; mounting it
 * needs root and /dev/fuse, without which the test fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "balance.h"
#include "evloop.h"
#include "fds.h"
#include "memmap.h"
#include "work.h"

#define MS UINT64_C(1000000)
/* far above what a call takes, far below for ever */
#define LIMIT (500 * MS)
#define FILE_NODE 2

static char dir[] = "/tmp/vh-stall-XXXXXX";
static int dev = -1;
static uint32_t stalled;  /* atomic: answer nothing any more */
static uint32_t swallowed; /* atomic: requests that got no answer */
static pthread_t server;

/* ---- the file system ---- */

static void
answer(uint64_t unique, int error, const void *body, size_t len)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + len), .error = error, .unique = unique };
	struct iovec v[2] = { { &h, sizeof(h) }, { NULL, len } };

	memcpy(&v[1].iov_base, &body, sizeof(body));
	(void)!writev(dev, v, len > 0 ? 2 : 1);
}

static struct fuse_attr
attributes(uint64_t node)
{
	struct fuse_attr a = { .ino = node, .nlink = 1, .mode = S_IFREG | 0600, .size = 1 << 20, .blksize = 4096 };

	if (node != FILE_NODE)
		a.mode = S_IFDIR | 0700;
	return a;
}

static void
handle(const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE, .attr = attributes(FILE_NODE) };
	struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };
	struct fuse_open_out open_out = { 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		answer(in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer(in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(in->unique, 0, &open_out, sizeof(open_out));
		break;
	case FUSE_FORGET:
		break;
	default:
		answer(in->unique, -ENOSYS, NULL, 0);
		break;
	}
}

static void *
serve(void *arg)
{
	static char buf[1 << 16];

	while (read(dev, buf, sizeof(buf)) > 0) {
		if (__atomic_load_n(&stalled, __ATOMIC_ACQUIRE) == 0)
			handle((const struct fuse_in_header *)buf);
		else
			__atomic_add_fetch(&swallowed, 1, __ATOMIC_ACQ_REL);
	}
	return NULL;
}

static int
mount_it(void **state)
{
	char opts[64];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_error("needs root, for a mount namespace: %s\n", strerror(errno));
		return -1;
	}
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0 || mkdtemp(dir) == NULL) {
		print_error("needs /dev/fuse: %s\n", strerror(errno));
		return -1;
	}
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (mount("stall", dir, "fuse", MS_NOSUID | MS_NODEV, opts) < 0) {
		print_error("cannot mount: %s\n", strerror(errno));
		return -1;
	}
	return pthread_create(&server, NULL, serve, NULL);
}

/* Ends every request that waits, with ENOTCONN. */
static int
unmount_it(void **state)
{
	umount2(dir, MNT_FORCE | MNT_DETACH);
	pthread_join(server, NULL);
	close(dev);
	return rmdir(dir);
}

static int
open_file(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* ---- tests ---- */

static int files[16];
static uint32_t done;

static void *
call_fstat(void *arg)
{
	struct stat st;

	(void)fstat(files[0], &st);
	return NULL;
}

/* First the proof that the trap is set: an ordinary fstat does not come back. */
static void
the_file_system_is_stalled(void **state)
{
	pthread_t t;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		files[i] = open_file();
	__atomic_store_n(&stalled, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_create(&t, NULL, call_fstat, NULL), 0);
	pthread_detach(t);
	assert_true(balance_reached(&swallowed, 1));
}

static void
is_told_apart_at_once(void **state)
{
	uint64_t start = vh_now_ns();
	struct vh_file_id id;

	assert_int_equal(vh_map_identify(files[0], false, &id), VH_MAP_FD_TYPE);
	assert_int_equal(vh_map_identify(files[0], true, &id), VH_MAP_FD_TYPE);
	assert_false(vh_fd_is_eventfd(files[0]));
	assert_false(vh_fd_is_unix_stream(files[0]));
	assert_true(vh_now_ns() - start < LIMIT);
}

static void
count(struct vh_job *j)
{
	__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

/* The table is refused and the fd given away in no time; one worker at most hangs in the close. */
static void
table_is_refused_at_once(void **state)
{
	struct vh_region_req r[2] = { { .gpa = 0, .size = 4096, .uva = 0 },
		{ .gpa = 4096, .size = 4096, .uva = 4096 } };
	uint64_t start = vh_now_ns();
	struct vh_policy policy;
	struct vh_memmap *m = NULL;
	struct vh_fault fault;
	uint32_t before = __atomic_load_n(&swallowed, __ATOMIC_ACQUIRE);
	int fds[2] = { balance_memfd(4096), files[1] };

	vh_policy_defaults(&policy);
	policy.allow_disk_files = 1;
	assert_int_equal(vh_memmap_build(&policy, NULL, r, 2, fds, &m, &fault), VH_V_FD_TYPE);
	assert_int_equal(fault.observed, 1);
	assert_true(vh_now_ns() - start < LIMIT);
	assert_int_equal(vh_map_total_count(), 0);
	/* its close does hang, somewhere else */
	assert_true(balance_reached(&swallowed, before + 1));
}

static void
many_closes_hold_one_worker(void **state)
{
	uint64_t start = vh_now_ns();
	struct vh_job jobs[50];
	struct vh_fds s = { .nr = 0 };
	int i, e = eventfd(0, EFD_CLOEXEC);

	memset(jobs, 0, sizeof(jobs));
	for (i = 2; i < 10; i++)
		s.fd[s.nr++] = files[i];
	vh_fds_close_later(&s);
	for (i = 10; i < 16; i++)
		vh_fd_close_later(files[i]);
	assert_true(vh_now_ns() - start < LIMIT);
	usleep(300000); /* longer than replacing would take */
	for (i = 0; i < 50; i++) {
		jobs[i].run = count;
		assert_int_equal(vh_work_post(&jobs[i]), 0);
	}
	assert_true(balance_reached(&done, 50));
	vh_fd_close_later(e); /* well-behaved ones do not wait behind them */
	for (i = 0; i < 5000 && fcntl(e, F_GETFD) >= 0; i++)
		usleep(1000);
	assert_int_equal(fcntl(e, F_GETFD), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_system_is_stalled),
		cmocka_unit_test(is_told_apart_at_once),
		cmocka_unit_test(table_is_refused_at_once),
		cmocka_unit_test(many_closes_hold_one_worker),
	};

	alarm(100); /* should anything wait for the file system after all */
	return cmocka_run_group_tests(tests, mount_it, unmount_it);
}
