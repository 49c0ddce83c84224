/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token bucket that delays instead of refusing.
 * May touch: its arguments. `vhost-io`.
 */
#include "ctl.h"

uint64_t
vh_bucket_take(struct vh_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
	uint64_t cost, room;

	if (rate == 0)
		return 0;
	cost = UINT64_C(1000000000) / rate;
	room = cost * burst;
	/* level is the time up to which tokens are spent; it may run ahead of now by at most the burst */
	if (b->level_ns < now_ns)
		b->level_ns = now_ns;
	if (b->level_ns + cost > now_ns + room)
		return b->level_ns + cost - room;
	b->level_ns += cost;
	return 0;
}
