/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Spin lock for sections of a few instructions. DPDK's is inline assembly on x86, which the thread sanitizer cannot
 * see; this one is compiler atomics. No cancellation point, no call, no wait inside (L1).
 * May touch: its arguments only. Any thread but data threads.
 */
#ifndef VH_SPIN_H
#define VH_SPIN_H

#include <stdint.h>

#include <rte_pause.h>

#include "res.h"

struct VH_CAPABILITY("spin lock") vh_spin {
	uint32_t taken; /* atomic */
};

static inline void
vh_spin_lock(struct vh_spin *s)
{
	while (__atomic_exchange_n(&s->taken, 1, __ATOMIC_ACQUIRE) != 0)
		while (__atomic_load_n(&s->taken, __ATOMIC_RELAXED) != 0)
			rte_pause();
}

static inline void
vh_spin_unlock(struct vh_spin *s)
{
	__atomic_store_n(&s->taken, 0, __ATOMIC_RELEASE);
}

#endif /* VH_SPIN_H */
