/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw system calls for places where a cancellation point must not be: applications cancel threads that may be
 * inside the library (L2). libc's close, poll, read and write are such points, syscall() is not.
 * May touch: system calls. Any thread.
 */
#ifndef VH_SYS_H
#define VH_SYS_H

#include <poll.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "res.h"

#if defined(__SANITIZE_THREAD__)
#define VH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VH_TSAN 1
#endif
#endif

/** close(2). Linux frees the number whatever it returns, so there is no result to look at. */
static inline void
vh_sys_close(int fd)
{
#ifdef VH_TSAN
	(void)close(fd); /* it follows fd numbers, and takes one that comes back for the one before */
#else
	(void)syscall(SYS_close, fd);
#endif
}

/** Write the 8-byte addend of an eventfd. @return 8, or -1 with errno */
static inline long
vh_sys_eventfd_add(int fd, uint64_t n)
{
	return syscall(SYS_write, fd, &n, sizeof(n));
}

/** Read and reset an eventfd. @return 8, or -1 with errno */
static inline long
vh_sys_eventfd_take(int fd)
{
	uint64_t n;

	return syscall(SYS_read, fd, &n, sizeof(n));
}

/** poll(2) of one fd without waiting. @return its revents, 0 if nothing */
static inline short
vh_sys_poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	struct timespec none = { 0 };

	return syscall(SYS_ppoll, &p, 1, &none, NULL, 0) == 1 ? p.revents : 0;
}

#endif /* VH_SYS_H */
