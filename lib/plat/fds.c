/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owned sets of file descriptors; kinds of fds found out without calling into their file system; closing on a worker.
 * May touch: system calls. Any thread but data threads.
 * Rules: FD-1, FD-7, FD-12, HDR-10
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "efd.h"
#include "fds.h"
#include "sys.h"
#include "work.h"

int
vh_fds_take(struct vh_fds *s, unsigned int i)
{
	int fd;

	if (i >= s->nr)
		return -1;
	fd = s->fd[i];
	s->nr--;
	memmove(&s->fd[i], &s->fd[i + 1], (s->nr - i) * sizeof(fd));
	return fd;
}

void
vh_fds_move(struct vh_fds *dst, struct vh_fds *src)
{
	memcpy(dst->fd, src->fd, src->nr * sizeof(src->fd[0]));
	dst->nr = src->nr;
	src->nr = 0;
}

void
vh_fds_close(struct vh_fds *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		vh_sys_close(s->fd[i]);
	s->nr = 0;
}

struct close_job {
	struct vh_job job;
	int fd;
};

static void
run_close(struct vh_job *j)
{
	struct close_job *c = (struct close_job *)j;

	vh_sys_close(c->fd);
	free(c);
}

/* The file type without asking the file system (FD-1); -1 if that cannot be had, 0 for anonymous inodes. */
static int
fd_file_type(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0 || !(st.stx_mask & STATX_TYPE))
		return -1;
	return st.stx_mode & S_IFMT;
}

static int
socket_option(int fd, int option)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

/*
 * Can closing it take for ever at the peer's wish? A file of a user-space or network file system can, and a network
 * socket that lingers. What the kernel implements by itself ends in bounded time.
 */
static bool
close_is_bounded(int fd)
{
	if (fcntl(fd, F_GET_SEALS) >= 0)
		return true;
	switch (fd_file_type(fd)) {
	case 0:
	case S_IFIFO:
		return true;
	case S_IFSOCK:
		return socket_option(fd, SO_DOMAIN) == AF_UNIX;
	default:
		return false;
	}
}

void
vh_fd_close_later(int fd)
{
	/* doubtful closes go one after the other: peers' files that never answer hold up one worker, not eight */
	static const char doubtful;
	struct close_job *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL || vh_work_start() < 0) {
		/* without memory or threads a possible wait is better than an fd that is lost */
		vh_sys_close(fd);
		free(c);
		return;
	}
	c->job.run = run_close;
	c->job.key = close_is_bounded(fd) ? NULL : &doubtful;
	c->fd = fd;
	vh_work_post_always(&c->job);
}

void
vh_fds_close_later(struct vh_fds *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		vh_fd_close_later(s->fd[i]);
	s->nr = 0;
}

/* 1 eventfd, 0 something else, -1 unknown: no /proc */
static int
proc_says_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]"; /* no path can read so: paths begin with a slash */
	char link[32], text[sizeof(want)];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, text, sizeof(text));
	if (n < 0)
		return -1;
	return n == (ssize_t)sizeof(want) - 1 && memcmp(text, want, sizeof(want) - 1) == 0;
}

bool
vh_fd_is_eventfd(int fd)
{
	int flags = fcntl(fd, F_GETFL), rc;

	/* O_PATH handles have the same name in /proc but can neither be read nor signalled */
	if (flags < 0 || (flags & O_PATH) != 0)
		return false;
	rc = proc_says_eventfd(fd);
	if (rc < 0)
		rc = fd_file_type(fd) == 0 && vh_efd_kernel_test(fd) != 0;
	return rc == 1;
}

bool
vh_fd_is_unix_stream(int fd)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);

	return socket_option(fd, SO_DOMAIN) == AF_UNIX && socket_option(fd, SO_TYPE) == SOCK_STREAM &&
		socket_option(fd, SO_ACCEPTCONN) == 0 && getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}
