/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plat/sock.c: never blocks, takes fds out of all control messages, closes and counts what is too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance.h"
#include "sock.h"
#include "sys.h"

static char dir[] = "/tmp/vh-sock-XXXXXX";
static char path[64];

static int
set_up(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	return 0;
}

static int
tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void
make_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

static void
accepts_and_connects(void **state)
{
	struct balance before = balance_now();
	int l = vh_sock_create(), c = vh_sock_create(), a;

	assert_true(l >= 0 && c >= 0);
	assert_int_equal(vh_sock_connect(c, path), -ENOENT);
	assert_int_equal(vh_sock_listen(l, path, 1), 0);
	assert_int_equal(vh_sock_accept(l), -EAGAIN);
	assert_int_equal(vh_sock_connect(c, path), 0);
	a = vh_sock_accept(l);
	assert_true(a >= 0);
	assert_int_equal(fcntl(a, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(l, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(a);
	close(c);
	close(l);
	c = vh_sock_create();
	assert_int_equal(vh_sock_connect(c, path), -ECONNREFUSED);
	assert_int_equal(vh_sock_listen(c, path, 1), -EADDRINUSE); /* nothing is unlinked */
	close(c);
	unlink(path);
	balance_wait(before);
}

static void
refuses_bad_paths(void **state)
{
	char name[VH_MAX_PATH + 2];
	int fd = vh_sock_create();

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(vh_sock_listen(fd, name, 1), -EINVAL);
	assert_int_equal(vh_sock_connect(fd, name), -EINVAL);
	assert_int_equal(vh_sock_connect(fd, ""), -EINVAL);
	close(fd);
}

/* More connections than the backlog takes: an answer at once, not a wait. */
static void
full_backlog_is_eagain(void **state)
{
	int l = vh_sock_create(), c[16], i, rc = 0;

	assert_int_equal(vh_sock_listen(l, path, 1), 0);
	for (i = 0; i < 16; i++) {
		c[i] = vh_sock_create();
		rc = vh_sock_connect(c[i], path);
		if (rc != 0)
			break;
	}
	assert_int_equal(rc, -EAGAIN);
	for (; i >= 0; i--)
		close(c[i]);
	close(l);
	unlink(path);
}

static void
empty_and_closed_peers(void **state)
{
	struct vh_fds fds;
	unsigned int excess;
	char buf[8];
	int fd[2];

	make_pair(fd);
	vh_fds_init(&fds);
	assert_int_equal(vh_sock_recv(fd[0], buf, sizeof(buf), &fds, &excess), -EAGAIN);
	close(fd[1]);
	assert_int_equal(vh_sock_recv(fd[0], buf, sizeof(buf), &fds, &excess), 0);
	assert_int_equal(vh_sock_send(fd[0], buf, 1, NULL, 0), -EPIPE); /* and no signal */
	close(fd[0]);
}

static void
send_stops_at_a_full_buffer(void **state)
{
	char buf[4096] = { 0 };
	ssize_t n = 0;
	int fd[2], i;

	make_pair(fd);
	for (i = 0; i < 100000 && n >= 0; i++)
		n = vh_sock_send(fd[0], buf, sizeof(buf), NULL, 0);
	assert_int_equal(n, -EAGAIN);
	close(fd[0]);
	close(fd[1]);
}

/* Sends n duplicates of a pipe end with one byte. */
static void
send_fds(int sock, unsigned int n)
{
	int p[2], list[VH_KERNEL_MAX_FDS];
	unsigned int i;
	char byte = 'x';

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	for (i = 0; i < n; i++)
		list[i] = p[1];
	assert_int_equal(vh_sock_send(sock, &byte, 1, list, n), 1);
	close(p[0]);
	close(p[1]);
}

static void
takes_fds(void **state)
{
	struct balance before = balance_now();
	struct vh_fds fds;
	unsigned int excess, i;
	char byte;
	int fd[2];

	make_pair(fd);
	vh_fds_init(&fds);
	send_fds(fd[0], 8);
	assert_int_equal(vh_sock_recv(fd[1], &byte, 1, &fds, &excess), 1);
	assert_int_equal(excess, 0);
	assert_int_equal(fds.nr, 8);
	for (i = 0; i < fds.nr; i++)
		assert_int_equal(fcntl(fds.fd[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	vh_fds_close(&fds);
	close(fd[0]);
	close(fd[1]);
	balance_wait(before);
}

static void
surplus_is_closed_and_counted(void **state)
{
	struct balance before;
	struct vh_fds fds;
	unsigned int excess;
	char byte;
	int fd[2];

	make_pair(fd);
	before = balance_now();
	vh_fds_init(&fds);
	send_fds(fd[0], VH_KERNEL_MAX_FDS);
	assert_int_equal(vh_sock_recv(fd[1], &byte, 1, &fds, &excess), 1);
	assert_int_equal(fds.nr, VH_MAX_MSG_FDS);
	assert_int_equal(excess, VH_KERNEL_MAX_FDS - VH_MAX_MSG_FDS);
	vh_fds_close(&fds);
	balance_wait(before);
	/* appended behind what is there: one place is left */
	fds.nr = VH_MAX_MSG_FDS - 1;
	send_fds(fd[0], 2);
	assert_int_equal(vh_sock_recv(fd[1], &byte, 1, &fds, &excess), 1);
	assert_int_equal(excess, 1);
	assert_int_equal(fds.nr, VH_MAX_MSG_FDS);
	close(fds.fd[VH_MAX_MSG_FDS - 1]);
	balance_wait(before);
	close(fd[0]);
	close(fd[1]);
}

/* A socket with SO_PASSCRED gets credentials in front of the fds: other control messages are walked over. */
static void
walks_over_other_control_messages(void **state)
{
	struct balance before;
	struct vh_fds fds;
	unsigned int excess;
	int fd[2], on = 1;
	char byte;

	make_pair(fd);
	before = balance_now();
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	vh_fds_init(&fds);
	send_fds(fd[0], 3);
	assert_int_equal(vh_sock_recv(fd[1], &byte, 1, &fds, &excess), 1);
	assert_int_equal(excess, 0);
	assert_int_equal(fds.nr, 3);
	vh_fds_close(&fds);
	/* with them, so many fds no longer fit: lost ones are reported, those received are ours */
	send_fds(fd[0], VH_KERNEL_MAX_FDS);
	assert_int_equal(vh_sock_recv(fd[1], &byte, 1, &fds, &excess), 1);
	assert_true(excess >= VH_KERNEL_MAX_FDS - VH_MAX_MSG_FDS);
	vh_fds_close(&fds);
	balance_wait(before);
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_and_connects),
		cmocka_unit_test(refuses_bad_paths),
		cmocka_unit_test(full_backlog_is_eagain),
		cmocka_unit_test(empty_and_closed_peers),
		cmocka_unit_test(send_stops_at_a_full_buffer),
		cmocka_unit_test(takes_fds),
		cmocka_unit_test(surplus_is_closed_and_counted),
		cmocka_unit_test(walks_over_other_control_messages),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
