/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix stream sockets, never blocking: listen, connect, accept, receive with fds, send with fds.
 * All fds are close-on-exec. spec: vhost-user "Communication"; rules HDR-6..9, HDR-12
 */
#ifndef VH_SOCK_H
#define VH_SOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fds.h"
#include "res.h"

/** socket(AF_UNIX, STREAM|NONBLOCK|CLOEXEC). >= 0 fd or negative errno. */
int vh_sock_create(void);
/** bind + listen. path at most VH_MAX_PATH bytes. 0 or negative errno (nothing is unlinked). */
int vh_sock_listen(int fd, const char *path, int backlog) VH_MUST_USE;
/** 0 connected; -EAGAIN backlog full; other negative errno. Never blocks. */
int vh_sock_connect(int fd, const char *path) VH_MUST_USE;
/** New connection or negative errno (-EAGAIN none waiting). */
int vh_sock_accept(int fd);
/**
 * One recvmsg of up to len bytes. Every fd received is appended to fds; surplus ones are closed and counted.
 * @param excess set to the number of fds that did not fit, or to VH_KERNEL_MAX_FDS on MSG_CTRUNC
 * @return bytes > 0; 0 end of file; -EAGAIN; other negative errno. EINTR is retried
 */
ssize_t vh_sock_recv(int fd, void *buf, size_t len, struct vh_fds *fds, unsigned int *excess);
/** One sendmsg, NOSIGNAL | DONTWAIT. @return bytes sent; -EAGAIN; other negative errno */
ssize_t vh_sock_send(int fd, const void *buf, size_t len, const int *fds, unsigned int nr_fds);

#endif /* VH_SOCK_H */
