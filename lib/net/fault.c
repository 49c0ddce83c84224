/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Violations met by net. May touch: the binding's queue. The thread inside the ring's door.
 */
#include "fault.h"

VH_COLD enum vh_decision
vh_net_report(const struct vh_bind *b, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	struct vh_fault f = { .code = code, .position = b->ring->last_avail, .observed = observed, .limit = limit };

	return vh_queue_violation(b, &f);
}

VH_COLD void
vh_net_fetch_ended(const struct vh_bind *b, int rc)
{
	struct vh_ring *r = b->ring;

	if (rc > 0 || r->fault.code != VH_V_NONE)
		(void)vh_queue_violation(b, &r->fault);
	r->fault.code = VH_V_NONE;
}
