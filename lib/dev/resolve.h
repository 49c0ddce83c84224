/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a ring's configuration to a binding: addresses, lengths, alignment, overlap, features. Pure but for the plan.
 * May touch: its arguments. Owner of the control side.
 */
#ifndef VH_RESOLVE_H
#define VH_RESOLVE_H

#include "device.h"

/** Fill want/bound/changed/start/parked of every ring of the plan. Changes nothing else. */
void vh_resolve_rings(struct vh_plan *p);
/** Build the protection of the rings to be bound if it differs from the one in force. @return 0 or -ENOMEM */
int vh_resolve_protect(struct vh_plan *p) VH_MUST_USE;

#endif /* VH_RESOLVE_H */
