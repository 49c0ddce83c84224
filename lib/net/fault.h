/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Net's way into the ring's violation funnel. Cold.
 * May touch: the binding's queue. The thread inside the ring's door.
 */
#ifndef VH_NET_FAULT_H
#define VH_NET_FAULT_H

#include <stdint.h>

#include "queue.h"
#include "ring.h"

/** Report a violation of one request. @return the decision */
enum vh_decision vh_net_report(const struct vh_bind *b, enum vh_violation code, uint64_t observed, uint64_t limit);
/** A fetch ended with rc != 0: report what the ring found, once per stall. */
void vh_net_fetch_ended(const struct vh_bind *b, int rc);

#endif /* VH_NET_FAULT_H */
