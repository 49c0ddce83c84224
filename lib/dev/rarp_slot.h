/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An announcement armed by SEND_RARP, taken by whichever transmit ring is polled next (api.md 5.8, RARP-1).
 * Arm: control. Take: any data thread, one of them wins.
 */
#ifndef VH_RARP_SLOT_H
#define VH_RARP_SLOT_H

#include <stdbool.h>
#include <stdint.h>

struct vh_rarp {
	uint64_t mac;      /* relaxed; bytes 0-5 of the address, little end first */
	uint64_t not_before; /* TSC: earliest injection (net.rarp_interval), atomic */
	uint64_t interval;   /* TSC ticks between two injections; set at creation */
	uint32_t armed;    /* atomic: release by arm, acquire + exchange by take (ORDER-15) */
};

#endif /* VH_RARP_SLOT_H */
