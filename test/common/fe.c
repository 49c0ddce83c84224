/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front-end's socket: connect, send anything, receive with a deadline.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fe.h"

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
fe_init(struct fe *fe)
{
	memset(fe, 0, sizeof(*fe));
	fe->fd = fe->listener = -1;
	fe->timeout_ms = 2000;
}

static int
fill_address(struct sockaddr_un *sun, const char *path)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	strcpy(sun->sun_path, path);
	return 0;
}

int
fe_connect(struct fe *fe, const char *path)
{
	struct sockaddr_un sun;
	int64_t end = now_ms() + fe->timeout_ms;
	int rc = fill_address(&sun, path);

	while (rc == 0) {
		fe->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fe->fd < 0)
			return -errno;
		if (connect(fe->fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
			return 0;
		rc = errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN ? 0 : -errno;
		if (rc == 0 && now_ms() > end)
			rc = -ETIMEDOUT;
		close(fe->fd);
		fe->fd = -1;
		if (rc == 0)
			usleep(2000);
	}
	return rc;
}

int
fe_listen(struct fe *fe, const char *path)
{
	struct sockaddr_un sun;
	int rc = fill_address(&sun, path);

	if (rc != 0)
		return rc;
	fe->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fe->listener < 0)
		return -errno;
	unlink(path);
	if (bind(fe->listener, (struct sockaddr *)&sun, sizeof(sun)) != 0 || listen(fe->listener, 16) != 0)
		return -errno;
	return 0;
}

/* Wait for an event until `end`. @return 0, -ETIMEDOUT, -errno */
static int
wait_for(int fd, short events, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = end - now_ms();
	int rc = poll(&p, 1, left < 0 ? 0 : (int)left);

	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	return rc == 0 ? -ETIMEDOUT : 0;
}

int
fe_accept(struct fe *fe)
{
	int rc = wait_for(fe->listener, POLLIN, now_ms() + fe->timeout_ms);

	if (rc != 0)
		return rc;
	fe->fd = accept4(fe->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return fe->fd < 0 ? -errno : 0;
}

void
fe_close(struct fe *fe, bool listener_too)
{
	if (fe->fd >= 0)
		close(fe->fd);
	fe->fd = -1;
	if (!listener_too)
		return;
	if (fe->listener >= 0)
		close(fe->listener);
	fe->listener = -1;
}

bool
fe_peer_closed(struct fe *fe, int ms)
{
	int64_t end = now_ms() + ms;
	uint8_t sink[4096];

	for (;;) {
		ssize_t n = recv(fe->fd, sink, sizeof(sink), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return true;
		if (n < 0 && wait_for(fe->fd, POLLIN, end) == -ETIMEDOUT)
			return false;
	}
}

bool
fe_quiet(struct fe *fe, int ms)
{
	struct pollfd p = { .fd = fe->fd, .events = POLLIN };

	return poll(&p, 1, ms) == 0;
}

/* One sendmsg; fds ride on it if there are any. */
static ssize_t
send_part(int fd, const uint8_t *bytes, size_t len, const int *fds, unsigned int nfds)
{
	union {
		struct cmsghdr align;
		uint8_t room[CMSG_SPACE(FE_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int
fe_send_raw(struct fe *fe, const void *bytes, size_t len, const int *fds, unsigned int nfds)
{
	const uint8_t *at = bytes;
	int64_t end = now_ms() + fe->timeout_ms;

	if (nfds > FE_MAX_FDS)
		return -EINVAL;
	while (len > 0) {
		ssize_t n = send_part(fe->fd, at, fe->drip_us ? 1 : len, fds, nfds);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
			nfds = 0;
			if (fe->drip_us)
				usleep(fe->drip_us);
			continue;
		}
		if (errno == EAGAIN) {
			int rc = wait_for(fe->fd, POLLOUT, end);

			if (rc != 0)
				return rc;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int
fe_send_hdr(struct fe *fe, const struct fe_hdr *hdr, const void *payload, size_t len, const int *fds,
	    unsigned int nfds)
{
	uint8_t bytes[sizeof(*hdr) + FE_MAX_PAYLOAD];

	if (len > FE_MAX_PAYLOAD)
		return -EINVAL;
	memcpy(bytes, hdr, sizeof(*hdr));
	if (len > 0)
		memcpy(bytes + sizeof(*hdr), payload, len);
	fe->sent++;
	if (fe->cut_after != 0 && fe->sent > fe->cut_after)
		fe_close(fe, false);
	return fe_send_raw(fe, bytes, sizeof(*hdr) + len, fds, nfds);
}

int
fe_send(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
	unsigned int nfds)
{
	struct fe_hdr hdr = { request, FE_VERSION | flags, size };

	return fe_send_hdr(fe, &hdr, payload, size, fds, nfds);
}

static void
take_fds(struct msghdr *m, struct fe_msg *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		msg->nfds = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(msg->fds, CMSG_DATA(c), msg->nfds * sizeof(int));
	}
}

/* Exactly len bytes. */
static int
recv_exact(struct fe *fe, void *to, size_t len, struct fe_msg *msg, int64_t end)
{
	uint8_t *at = to;

	while (len > 0) {
		union {
			struct cmsghdr align;
			uint8_t room[CMSG_SPACE(sizeof(msg->fds))];
		} control;
		struct iovec iov = { .iov_base = at, .iov_len = len };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fe->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n == 0)
			return -ECONNRESET;
		if (n > 0) {
			take_fds(&m, msg);
			at += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			int rc = wait_for(fe->fd, POLLIN, end);

			if (rc != 0)
				return rc;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int
fe_recv(struct fe *fe, struct fe_msg *msg)
{
	int64_t end = now_ms() + fe->timeout_ms;
	int rc;

	msg->nfds = 0;
	msg->u64 = 0;
	rc = recv_exact(fe, &msg->hdr, sizeof(msg->hdr), msg, end);
	if (rc != 0)
		return rc;
	if (msg->hdr.size > FE_MAX_PAYLOAD)
		return -EMSGSIZE;
	rc = recv_exact(fe, msg->bytes, msg->hdr.size, msg, end);
	if (rc == 0)
		fe->received++;
	return rc;
}
