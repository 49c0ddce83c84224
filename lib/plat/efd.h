/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signalling a peer's eventfd in a way that cannot sleep (FD-8): io_submit of an empty read of /dev/null with the
 * eventfd as completion fd; where native AIO is forbidden, O_NONBLOCK + poll + one write.
 * Signal: any thread, data threads included. spec: vhost-user SET_VRING_CALL; rules FD-7, FD-8
 */
#ifndef VH_EFD_H
#define VH_EFD_H

#include <stdbool.h>
#include <stdint.h>

#include "res.h"

/** Reference-counted eventfd of a peer; the last reference closes it (an eventfd's close cannot block). */
struct vh_efd {
	uint32_t refs; /* atomic */
	int fd;
};

/** Take over fd (the caller has checked that it is an eventfd). NULL: no memory, fd stays the caller's. */
struct vh_efd *vh_efd_create(int fd);
void vh_efd_get(struct vh_efd *e);
/** NULL is fine. */
void vh_efd_put(struct vh_efd *e);
/**
 * Add 1 to the counter. Never sleeps, whatever the peer does to the file flags (AIO path).
 * @return 0; -EAGAIN counter saturated or kernel queue full (the driver already has a pending event); other negative
 *         errno: not delivered
 */
int vh_efd_signal(struct vh_efd *e);
/**
 * The kernel's own test, which signals nobody. Control threads.
 * @return 1 fd is an eventfd; 0 it is not; -1 unknown, native AIO is forbidden
 */
int vh_efd_kernel_test(int fd);
/** True if the fallback is in use (a small race remains): shown in telemetry. */
bool vh_efd_fallback(void);

#endif /* VH_EFD_H */
