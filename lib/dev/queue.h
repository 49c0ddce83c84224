/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What data paths need of a device: the violation funnel of a ring and interrupting the driver. Called inside the
 * ring's door by the thread that holds it: no lock, no log, no allocation (D8).
 */
#ifndef VH_QUEUE_H
#define VH_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "bind.h"
#include "violation.h"

/**
 * The funnel of a ring: report, and if the decision is to stop the ring (or worse) mark it broken and tell `vhost-io`,
 * which calls the application back and signals the err fd. f->queue and f->position are filled in here.
 * @return what the caller does with the request: VH_OBSERVE go on, VH_RETRY leave it unconsumed, VH_DROP hand it back
 *         with length 0, VH_STOP or VH_CLOSE: leave the ring, it is broken now
 */
enum vh_decision vh_queue_violation(const struct vh_bind *b, struct vh_fault *f);

/**
 * After a publish: notify test, eventfd, counter, application's guest_notified.
 * At most one eventfd signal per call.
 */
void vh_queue_call(const struct vh_bind *b);

#endif /* VH_QUEUE_H */
