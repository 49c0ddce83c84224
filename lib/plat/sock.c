/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix stream sockets, never blocking.
 * May touch: system calls on our own sockets. Any thread but data threads.
 * spec: vhost-user "Communication"; rules HDR-6..9, HDR-12
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sock.h"

int
vh_sock_create(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

static int
fill_address(struct sockaddr_un *un, const char *path)
{
	size_t len = strlen(path);

	if (len == 0 || len > VH_MAX_PATH)
		return -EINVAL;
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len);
	return 0;
}

int
vh_sock_listen(int fd, const char *path, int backlog)
{
	struct sockaddr_un un;
	int rc = fill_address(&un, path);

	if (rc < 0)
		return rc;
	if (bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
		return -errno;
	if (listen(fd, backlog) < 0)
		return -errno;
	return 0;
}

int
vh_sock_connect(int fd, const char *path)
{
	struct sockaddr_un un;
	int rc = fill_address(&un, path);

	if (rc < 0)
		return rc;
	do {
		rc = connect(fd, (const struct sockaddr *)&un, sizeof(un));
	} while (rc < 0 && errno == EINTR);
	/* a non-blocking unix socket answers at once; EAGAIN means that the listener's backlog is full */
	return rc == 0 || errno == EISCONN ? 0 : -errno;
}

int
vh_sock_accept(int fd)
{
	int c;

	do {
		c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (c < 0 && (errno == EINTR || errno == ECONNABORTED));
	return c >= 0 ? c : -errno;
}

/* Room for all that the kernel can deliver at once, so that surplus fds are ours to close and count. */
union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(VH_KERNEL_MAX_FDS * sizeof(int))];
};

static unsigned int
take_fds(const struct cmsghdr *c, struct vh_fds *fds)
{
	size_t i, n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	unsigned int excess = 0;
	int fd;

	for (i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (fds->nr < VH_MAX_MSG_FDS) {
			fds->fd[fds->nr++] = fd;
		} else {
			vh_fd_close_later(fd);
			excess++;
		}
	}
	return excess;
}

static unsigned int
take_all_fds(struct msghdr *msg, struct vh_fds *fds)
{
	struct cmsghdr *c;
	unsigned int excess = 0;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len >= CMSG_LEN(0))
			excess += take_fds(c, fds);
	}
	return excess;
}

ssize_t
vh_sock_recv(int fd, void *buf, size_t len, struct vh_fds *fds, unsigned int *excess)
{
	union fd_space space;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes) };
	ssize_t n;

	*excess = 0;
	do {
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	*excess = take_all_fds(&msg, fds);
	if (msg.msg_flags & MSG_CTRUNC)
		*excess = VH_KERNEL_MAX_FDS;
	return n;
}

ssize_t
vh_sock_send(int fd, const void *buf, size_t len, const int *fds, unsigned int nr_fds)
{
	union fd_space space;
	struct iovec iov = { .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nr_fds > VH_KERNEL_MAX_FDS)
		return -EINVAL;
	memcpy(&iov.iov_base, &buf, sizeof(buf)); /* sendmsg only reads it, but its type cannot say so */
	if (nr_fds > 0) {
		memset(&space, 0, sizeof(space));
		space.align.cmsg_level = SOL_SOCKET;
		space.align.cmsg_type = SCM_RIGHTS;
		space.align.cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(&space.align), fds, nr_fds * sizeof(int));
		msg.msg_control = space.bytes;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return n;
}
