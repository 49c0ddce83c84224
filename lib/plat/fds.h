/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owned sets of file descriptors, and what kind an fd is without calling into its own file system.
 * Whoever holds a struct vh_fds owns what is in it (HDR-10).
 * spec: vhost-user FD-1, FD-7, FD-12
 */
#ifndef VH_FDS_H
#define VH_FDS_H

#include <stdbool.h>

#include "limits.h"
#include "res.h"

struct vh_fds {
	int fd[VH_MAX_MSG_FDS];
	unsigned int nr;
};

static inline void
vh_fds_init(struct vh_fds *s)
{
	s->nr = 0;
}

/** Take fd i out of the set: the caller owns it now; those behind it move up. -1 if there is none. */
int vh_fds_take(struct vh_fds *s, unsigned int i);
/** Move all of src behind those of dst (which must be empty); src is empty afterwards. */
void vh_fds_move(struct vh_fds *dst, struct vh_fds *src);
/** Close everything here and now: only for fds known not to block (eventfds), or on `vhost-work`. */
void vh_fds_close(struct vh_fds *s);
/** Close everything on `vhost-work` threads, which it starts if need be; never blocks the caller. */
void vh_fds_close_later(struct vh_fds *s);
/** Close one fd on a `vhost-work` thread. */
void vh_fd_close_later(int fd);

/** An eventfd: /proc/self/fd/N reads anon_inode:[eventfd] (FD-7); without /proc by io_submit's own test. */
bool vh_fd_is_eventfd(int fd);
/** A connected unix stream socket (FD-12). */
bool vh_fd_is_unix_stream(int fd);

#endif /* VH_FDS_H */
