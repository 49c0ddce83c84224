/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Common ground of the protocol tests: no test leaves an fd behind, messages to bytes, a view that offers everything.
 */
#ifndef PROTO_TEST_H
#define PROTO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "msg.h"
#include "virtio.h"
#include "work.h"

static inline int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int fds_before;

static inline int
remember_fds(void **state)
{
	int rc = vh_work_start(); /* its own fds are no leak; where threads cannot be had, closing is synchronous */

	assert_true(rc <= 0);
	fds_before = count_fds();
	return 0;
}

/* Closing happens on workers: they get two seconds. */
static inline int
no_fd_leaked(void **state)
{
	int i, now = 0;

	for (i = 0; i < 200; i++) {
		now = count_fds();
		if (now == fds_before)
			return 0;
		usleep(10000);
	}
	fprintf(stderr, "%d fds before the test, %d after it\n", fds_before, now);
	return -1;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, remember_fds, no_fd_leaked)

/* ---- messages ---- */

struct bytes {
	uint8_t b[VH_MSG_HEADER + 1024];
	size_t len;
};

static inline struct bytes
message(uint32_t request, uint32_t flags, uint32_t size, const void *payload)
{
	struct bytes m = { .len = VH_MSG_HEADER };
	uint32_t h[3] = { request, flags, size };

	memcpy(m.b, h, sizeof(h));
	if (payload != NULL && size <= 1024) {
		memcpy(m.b + VH_MSG_HEADER, payload, size);
		m.len += size;
	}
	return m;
}

static inline void
send_fds(int sock, const void *buf, size_t len, const int *fds, unsigned int nr)
{
	union {
		struct cmsghdr c;
		char space[CMSG_SPACE(sizeof(int) * VH_KERNEL_MAX_FDS)];
	} u;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr > 0) {
		memset(&u, 0, sizeof(u));
		u.c.cmsg_level = SOL_SOCKET;
		u.c.cmsg_type = SCM_RIGHTS;
		u.c.cmsg_len = CMSG_LEN(sizeof(int) * nr);
		memcpy(CMSG_DATA(&u.c), fds, sizeof(int) * nr);
		msg.msg_control = &u;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nr);
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), len);
}

/* ---- validation ---- */

static inline struct vh_view
open_view(void)
{
	struct vh_view v = {
		.offered = UINT64_MAX,
		.protocol_offered = UINT64_MAX,
		.have_mem = true,
		.max_rings = VH_MAX_RINGS,
		.max_regions = VH_MAX_REGIONS,
	};

	return v;
}

static inline void
frame_init(struct vh_frame *f, uint32_t request, const void *payload, uint32_t size)
{
	memset(f, 0, sizeof(*f));
	f->request = request;
	f->flags = VH_MSG_VERSION;
	f->size = size;
	if (payload != NULL)
		memcpy(f->payload, payload, size);
}

static inline void
frame_add_fd(struct vh_frame *f, int fd)
{
	assert_true(fd >= 0);
	f->fds.fd[f->fds.nr++] = fd;
}

/* Both stages as the connection runs them. */
static inline int
check(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	int rc;

	memset(fault, 0, sizeof(*fault));
	memset(m, 0, sizeof(*m));
	rc = vh_frame_check(v, f, fault);
	return rc != 0 ? rc : vh_msg_check(v, f, m, fault);
}

/* A message that must be refused: with this code, these numbers, and nothing taken from the frame. */
static inline void
refused_as(const struct vh_view *v, struct vh_frame *f, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	struct vh_fault fault;
	struct vh_msg m;
	unsigned int fds = f->fds.nr;

	assert_int_equal(check(v, f, &m, &fault), code);
	assert_int_equal(fault.code, code);
	assert_int_equal(fault.message, f->request);
	assert_int_equal(fault.observed, observed);
	assert_int_equal(fault.limit, limit);
	assert_int_equal(f->fds.nr, fds);
	assert_int_equal(m.request, 0);
	vh_msg_release(&m);
	vh_frame_release(f);
	assert_int_equal(f->fds.nr, 0);
}

#endif /* PROTO_TEST_H */
