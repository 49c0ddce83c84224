/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parts of apply: staging per kind of message, replies, what has no plan.
 * May touch: devices. `vhost-io`.
 */
#ifndef VH_APPLY_H
#define VH_APPLY_H

#include <inttypes.h>

#include "ctl.h"
#include "ring.h"

/** Stage features, protocol features, status, reset. c->plan is begun. @return 0 or negative errno */
int vh_stage_device(struct vh_conn *c) VH_MUST_USE;
/** Stage a message that names a ring. */
int vh_stage_ring(struct vh_conn *c) VH_MUST_USE;
/** Readiness of device and rings is forgotten without telling the application (RESET_OWNER, K8). */
void vh_forget_readiness(struct vh_device *dev);
/** Arm one announcement; repeats within the interval collapse into one (RARP-1). */
void vh_arm_rarp(struct vh_device *dev, const uint8_t mac[6]);
/** Explicit replies that need no waiting. */
void vh_apply_reply(struct vh_conn *c);

#endif /* VH_APPLY_H */
