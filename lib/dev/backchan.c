/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests to the front-end on its second socket. One at a time; the waiter polls with a deadline and is woken by a
 * shutdown, so a front-end that never answers costs the caller the deadline and nobody else anything.
 * May touch: the channel's socket. Any thread but `vhost-io` and data threads.
 * spec: vhost-user "Back-end communication"; rules BKC-1, BKC-2, BKC-4, REQ-1
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "device.h"
#include "msg.h"
#include "sock.h"

struct vh_backchan {
	uint32_t refs; /* atomic */
	int fd;
	bool dead;     /* under lock */
	pthread_mutex_t lock;
};

struct vh_backchan *
vh_backchan_create(int fd)
{
	struct vh_backchan *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->fd = fd;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void
vh_backchan_get(struct vh_backchan *b)
{
	__atomic_fetch_add(&b->refs, 1, __ATOMIC_RELAXED);
}

void
vh_backchan_put(struct vh_backchan *b)
{
	if (__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	vh_fd_close_later(b->fd);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void
vh_backchan_shutdown(struct vh_backchan *b)
{
	/* never takes the lock: a waiter may hold it for the length of its deadline */
	shutdown(b->fd, SHUT_RDWR);
}

/* Exactly the answer that was asked for, or the channel is out of step for good (BKC-1). */
static bool
is_good_answer(const uint8_t *buf, ssize_t n, uint32_t request)
{
	uint32_t head[3];
	uint64_t value;

	if (n != VH_MSG_HEADER + 8)
		return false;
	memcpy(head, buf, sizeof(head));
	memcpy(&value, buf + VH_MSG_HEADER, sizeof(value));
	return head[0] == request && head[1] == (VH_MSG_VERSION | VH_MSG_REPLY) && head[2] == 8 &&
		value == 0;
}

static int
await_answer(struct vh_backchan *b, uint32_t request, uint32_t deadline_ms)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	uint64_t until = vh_now_ns() + deadline_ms * UINT64_C(1000000), now;
	uint8_t buf[VH_MSG_HEADER + 8];
	size_t got = 0;

	while (got < sizeof(buf) && (now = vh_now_ns()) < until) {
		struct vh_fds fds;
		unsigned int excess = 0;
		ssize_t n;

		if (poll(&p, 1, (int)((until - now) / 1000000) + 1) < 0 && errno != EINTR)
			break;
		vh_fds_init(&fds);
		n = vh_sock_recv(b->fd, buf + got, sizeof(buf) - got, &fds, &excess);
		vh_fds_close_later(&fds);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			break;
		got += n > 0 ? (size_t)n : 0;
	}
	return is_good_answer(buf, (ssize_t)got, request) ? 0 : -1;
}

int
vh_backchan_config_change(struct vh_backchan *b, bool need_reply, uint32_t deadline_ms)
{
	struct vh_reply r;
	int rc = -1;

	vh_encode_backend_request(&r, VH_BACKEND_CONFIG_CHANGE, need_reply);
	pthread_mutex_lock(&b->lock);
	if (!b->dead && vh_sock_send(b->fd, r.buf, r.len, NULL, 0) == (ssize_t)r.len)
		rc = need_reply ? await_answer(b, VH_BACKEND_CONFIG_CHANGE, deadline_ms) : 0;
	if (rc != 0 && need_reply)
		b->dead = true;
	pthread_mutex_unlock(&b->lock);
	return rc;
}
