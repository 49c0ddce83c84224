/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read-only telemetry: /vhost/list[,<first vid>], /vhost/device,<vid>[,<first ring>], /vhost/violations[,<vid>]
 * (without vid: the whole process, devices of the past included), /vhost/about[,<vid>].
 * guard/ does not know devices: dev/ registers the functions that read them.
 * May touch: librte_telemetry. Handlers run on the telemetry thread.
 */
#ifndef VH_TELEMETRY_H
#define VH_TELEMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"
#include "violation.h"

/** One ring as /vhost/device shows it. */
struct vh_ring_state {
	uint16_t index, size;
	bool enabled, started, broken, packed;
	uint16_t last_avail, last_used;
	int callfd, kickfd;       /* -1 none given by the front-end, -2 never set */
	const char *not_ready;    /* static text, NULL when ready */
};

/** One device as /vhost/device shows it. */
struct vh_device_state {
	char path[128];
	uint64_t features, protocol_features;
	bool ready, running;
	uint8_t status;
	uint16_t nr_rings, mtu;
	uint32_t nr_regions;
	uint64_t mapped_bytes;
	uint32_t connection_s; /* age */
};

/** Provided by dev/; each returns 0 or -ENODEV. They take a reference inside, copy and drop it. */
struct vh_telemetry_source {
	int (*device)(int vid, struct vh_device_state *out);
	int (*ring)(int vid, uint16_t index, struct vh_ring_state *out);
	/* counters of all codes, [code][decision] */
	int (*violations)(int vid, uint64_t out[VH_V_COUNT][VH_DECISIONS]);
	int (*policy)(int vid, struct vh_policy *out); /* vid -1: process policy (from the environment) */
};

/** src must live for ever. Called once by a constructor of dev/; until then the commands answer null. */
void vh_telemetry_set_source(const struct vh_telemetry_source *src);

/** Name of virtio feature bit 0..63 / protocol feature bit 0..63, NULL if none. */
const char *vh_feature_name(unsigned int bit);
const char *vh_protocol_feature_name(unsigned int bit);

#endif /* VH_TELEMETRY_H */
