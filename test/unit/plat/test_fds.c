/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plat/fds.c: sets own what is in them; eventfds and stream sockets are told from all else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balance.h"
#include "efd.h"
#include "fds.h"

static void
take_and_move(void **state)
{
	struct vh_fds a = { .fd = { 10, 11, 12 }, .nr = 3 }, b;

	assert_int_equal(vh_fds_take(&a, 3), -1);
	assert_int_equal(vh_fds_take(&a, 1), 11);
	assert_int_equal(a.nr, 2);
	vh_fds_init(&b);
	vh_fds_move(&b, &a);
	assert_int_equal(a.nr, 0);
	assert_int_equal(b.nr, 2);
	assert_int_equal(vh_fds_take(&b, 0), 10);
	assert_int_equal(vh_fds_take(&b, 0), 12);
	assert_int_equal(vh_fds_take(&b, 0), -1);
}

static void
fill(struct vh_fds *s)
{
	int p[2], sock[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	*s = (struct vh_fds){ .fd = { p[0], p[1], sock[0], sock[1], eventfd(0, 0), open("/etc/passwd", O_RDONLY),
		balance_memfd(4096), socket(AF_INET, SOCK_STREAM, 0) }, .nr = 8 };
}

static void
close_now_and_later(void **state)
{
	struct balance before;
	struct vh_fds s;
	int fd;

	/* starts the workers, which a first close does by itself, so that what they hold open is counted */
	fd = eventfd(0, 0);
	vh_fd_close_later(fd);
	while (fcntl(fd, F_GETFD) >= 0)
		usleep(100);
	before = balance_now();
	fill(&s);
	vh_fds_close(&s);
	assert_int_equal(s.nr, 0);
	assert_int_equal(balance_now().fds, before.fds);
	fill(&s);
	vh_fds_close_later(&s);
	assert_int_equal(s.nr, 0);
	balance_wait(before);
	vh_fd_close_later(-1);
}

struct zoo {
	int fd[16];
	unsigned int nr;
};

/* One of each kind that is not an eventfd. */
static void
make_zoo(struct zoo *z)
{
	sigset_t none;
	int p[2];

	sigemptyset(&none);
	assert_int_equal(pipe(p), 0);
	*z = (struct zoo){ .fd = { p[0], p[1], open("/dev/null", O_RDWR), open("/dev/zero", O_RDWR),
		open("/tmp", O_RDONLY),
		epoll_create1(0), timerfd_create(CLOCK_MONOTONIC, 0), signalfd(-1, &none, 0), balance_memfd(4096),
		socket(AF_UNIX, SOCK_DGRAM, 0), socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0),
		open("/etc/passwd", O_RDONLY), open("/tmp", O_PATH) }, .nr = 14 };
}

static void
close_zoo(struct zoo *z)
{
	while (z->nr > 0)
		close(z->fd[--z->nr]);
}

static void
knows_eventfds(void **state)
{
	int e = eventfd(0, 0), sem = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK), handle;
	char link[40];
	struct zoo z;
	unsigned int i;

	assert_true(vh_fd_is_eventfd(e));
	assert_true(vh_fd_is_eventfd(sem));
	assert_int_equal(vh_efd_kernel_test(e), 1);
	make_zoo(&z);
	for (i = 0; i < z.nr; i++) {
		assert_true(z.fd[i] >= 0);
		assert_false(vh_fd_is_eventfd(z.fd[i]));
		assert_int_equal(vh_efd_kernel_test(z.fd[i]), 0);
	}
	assert_false(vh_fd_is_eventfd(-1));
	assert_false(vh_fd_is_eventfd(1000));
	/* a handle without access reads like an eventfd in /proc */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", e);
	handle = open(link, O_PATH);
	assert_true(handle >= 0);
	assert_false(vh_fd_is_eventfd(handle));
	close(handle);
	close(e);
	close(sem);
	close_zoo(&z);
}

/* In a child without /proc: 1 if eventfds are still told from the rest, by the kernel's own test. */
static int
child_without_proc(void)
{
	int e = eventfd(0, EFD_NONBLOCK);
	uint64_t v;
	struct zoo z;
	unsigned int i;

	make_zoo(&z);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("none", "/proc", "tmpfs", 0, NULL) < 0 || access("/proc/self", F_OK) == 0)
		return 2;
	if (!vh_fd_is_eventfd(e) || read(e, &v, sizeof(v)) >= 0)
		return 3; /* the test must not signal it */
	for (i = 0; i < z.nr; i++)
		if (vh_fd_is_eventfd(z.fd[i]))
			return 4;
	return 1;
}

static void
knows_eventfds_without_proc(void **state)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		fail_msg("needs root, to hide /proc in a mount namespace");
	pid = fork();
	if (pid == 0)
		_exit(child_without_proc());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void
knows_unix_streams(void **state)
{
	int s[2], d[2];
	struct zoo z;
	unsigned int i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, d), 0);
	assert_true(vh_fd_is_unix_stream(s[0]));
	assert_false(vh_fd_is_unix_stream(d[0]));
	close(s[1]);
	assert_true(vh_fd_is_unix_stream(s[0])); /* hung up, but of the right kind */
	make_zoo(&z);
	for (i = 0; i < z.nr; i++)
		assert_false(vh_fd_is_unix_stream(z.fd[i]));
	close_zoo(&z);
	close(s[0]);
	close(d[0]);
	close(d[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take_and_move),
		cmocka_unit_test(close_now_and_later),
		cmocka_unit_test(knows_eventfds),
		cmocka_unit_test(knows_eventfds_without_proc),
		cmocka_unit_test(knows_unix_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
