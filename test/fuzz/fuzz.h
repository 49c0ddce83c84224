/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Common ground of the fuzz targets: the input read piece by piece, a check that aborts whatever NDEBUG says, fds of
 * every kind, and a cheap leak test.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define REQUIRE(cond) do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

/** What is left of the input. Reading beyond the end gives zeros. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline size_t
take(struct input *in, void *to, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memset(to, 0, len);
	if (n > 0)
		memcpy(to, in->at, n);
	in->at += n;
	in->left -= n;
	return n;
}

static inline uint8_t
take_u8(struct input *in)
{
	uint8_t v;

	take(in, &v, sizeof(v));
	return v;
}

static inline uint16_t
take_u16(struct input *in)
{
	uint16_t v;

	take(in, &v, sizeof(v));
	return v;
}

/** Kinds of fds a peer may send. */
enum fd_kind {
	FD_EVENTFD,
	FD_MEMORY,
	FD_SOCKET,
	FD_DEV_NULL,
	FD_PIPE,
	FD_KINDS
};

static inline int
make_fd(enum fd_kind kind)
{
	int p[2];

	switch (kind) {
	case FD_EVENTFD:
		return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case FD_MEMORY:
		return memfd_create("fuzz", MFD_CLOEXEC);
	case FD_SOCKET:
		REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) == 0);
		close(p[1]);
		return p[0];
	case FD_DEV_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		REQUIRE(pipe2(p, O_CLOEXEC) == 0);
		close(p[0]);
		return p[1];
	}
}

/** One sendmsg with fds, without waiting. @return bytes sent, or -1 with errno */
static inline ssize_t
send_with_fds(int sock, const void *buf, size_t len, const int *fds, unsigned int nr)
{
	union {
		struct cmsghdr c;
		char space[CMSG_SPACE(sizeof(int) * 32)];
	} u;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	REQUIRE(nr <= 32);
	if (nr > 0) {
		memset(&u, 0, sizeof(u));
		u.c.cmsg_level = SOL_SOCKET;
		u.c.cmsg_type = SCM_RIGHTS;
		u.c.cmsg_len = CMSG_LEN(sizeof(int) * nr);
		memcpy(CMSG_DATA(&u.c), fds, sizeof(int) * nr);
		msg.msg_control = &u;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nr);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/** Lowest free fd number: higher after a run than before it means that something was left open. */
static inline int
lowest_free_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	close(fd);
	return fd;
}

#endif /* FUZZ_H */
