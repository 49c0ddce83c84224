/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What hardened-vhost adds to the public API of librte_vhost. Programs that should also run on the
 * stock library look these up with dlsym(). Version node HVHOST_1.
 */
#ifndef HVHOST_H
#define HVHOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What was decided about a violation. */
enum hvhost_decision {
	HVHOST_OBSERVE = 0, /**< counted only */
	HVHOST_DROP = 1,    /**< message refused, or request returned unused or left for later */
	HVHOST_STOP = 2,    /**< ring stopped or not started */
	HVHOST_CLOSE = 3,   /**< connection closed */
};

/** One line of the violation list. */
struct hvhost_violation_count {
	const char *name;  /**< static string, e.g. "avail_idx" */
	uint64_t count;    /**< times seen since the device was created */
	uint32_t decision; /**< enum hvhost_decision in force for it */
	uint32_t reserved; /**< 0 */
};

/**
 * Violations of a device's peers. Any thread, any time the vid is valid.
 * @param vid  device
 * @param out  receives one entry per line of the violation list, in list order; may be NULL
 * @param n    entries of out
 * @return number of lines of the list (out filled only if n is at least that), -ENODEV for a bad vid
 */
int hvhost_violations_get(int vid, struct hvhost_violation_count *out, unsigned int n);

/** Version and build, e.g. "hardened-vhost 0.1.0 (DPDK 22.11, ABI 23)"; static string. */
const char *hvhost_version(void);

#ifdef __cplusplus
}
#endif

#endif /* HVHOST_H */
