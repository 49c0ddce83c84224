/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settings of a registered path. May touch: its arguments; the registry where said.
 */
#ifndef VH_ENDPOINT_H
#define VH_ENDPOINT_H

#include "ctl.h"

/** What this version implements and therefore may offer. */
#define VH_FEATURES_IMPLEMENTED (~(VH_F_LOG_ALL | VH_F_ACCESS_PLATFORM))
#define VH_PROTOCOL_IMPLEMENTED \
	(~(VH_PF_LOG_SHMFD | VH_PF_PAGEFAULT | VH_PF_HOST_NOTIFIER | VH_PF_INFLIGHT_SHMFD))

/** Offers of a path registered with flags (api.md 4). */
void vh_settings_defaults(struct vh_settings *s, uint64_t flags);
/** vhost-io: accept again after a pause. */
void vh_accept_fire(struct vh_timer *t);

#endif /* VH_ENDPOINT_H */
