/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The policy: decision per violation, and the knobs. Read from HVHOST_OPTIONS ("key=value,…", parsed
 * with librte_kvargs) at each registration, immutable afterwards, counted by its users.
 * May touch: the environment. Registration: any ordinary thread.
 */
#ifndef VH_POLICY_H
#define VH_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "res.h"
#include "violation.h"

/** Knobs: doc/violations.md lists names, ranges and defaults. */
struct vh_policy {
	uint8_t decision[VH_V_COUNT];  /* enum vh_decision, key violation.<name> */
	uint32_t msg_deadline_ms;      /* ctl.msg_deadline_ms, 1000 */
	uint32_t reply_deadline_ms;    /* ctl.reply_deadline_ms, 1000 */
	uint32_t pending_replies;      /* limit.pending_replies, 64 */
	uint32_t max_nacks;            /* ctl.max_nacks, 64 in a row */
	uint32_t ctl_rate, ctl_burst;  /* ctl.rate 2000 /s, ctl.burst 8192: messages per device, excess delayed */
	uint32_t table_rate, table_burst; /* mem.table_rate 20 /s, mem.table_burst 64 */
	uint32_t conn_per_socket;      /* conn.per_socket, 16 */
	uint32_t conn_rate, conn_burst; /* conn.rate 50 /s, conn.burst 64: accepts per socket */
	uint32_t backoff_min_ms, backoff_max_ms; /* conn.backoff_min_ms 10, conn.backoff_max_ms 1000 */
	uint64_t mem_quota;            /* mem.quota, bytes mapped per device, 32 TiB (accepts k,m,g,t) */
	uint64_t mem_quota_process;    /* mem.quota_process, 80 TiB */
	uint32_t mem_maps;             /* mem.maps, 4096 mappings per process */
	uint8_t allow_disk_files;      /* mem.allow_disk_files, 0 */
	uint8_t require_seal;          /* mem.require_seal, 0 */
	uint8_t guard_pages;           /* isolation.guard, 1 */
	uint8_t allow_overlap;         /* vq.allow_overlap, 0 */
	uint32_t tx_max;               /* vq.tx_max, 65597 bytes */
	uint32_t max_pieces;           /* vq.max_pieces, 256 */
	uint32_t budget;               /* vq.budget, 4096 descriptors per call */
	uint32_t enter_wait_us;        /* vq.enter_wait_us, 1000 */
	uint32_t gso_min;              /* net.gso_min, 8 */
	uint32_t rarp_interval_ms;     /* net.rarp_interval, 50 */
	uint32_t log_rate, log_burst;  /* log.rate 10 /s, log.burst 100 */
	uint32_t api_wait_ms;          /* api.wait_ms, 5000 */
};

/** The built-in defaults. */
void vh_policy_defaults(struct vh_policy *p);
/**
 * Parse an option string over the defaults. Keys: the knobs above, violation.<name>=<decision>,
 * preset=default|strict|observe (applied first, wherever it stands). Every key at most once, at most 32 pairs; unknown
 * keys and values that do not parse or are out of range are refused.
 * @param err  receives one line that names the key, the value and what is allowed
 * @return 0, -EINVAL (err filled, *p undefined)
 */
int vh_policy_parse(const char *options, struct vh_policy *p, char *err, size_t err_len) VH_MUST_USE;
/** As above from the environment variable HVHOST_OPTIONS (absent or empty: defaults). */
int vh_policy_from_env(struct vh_policy *p, char *err, size_t err_len) VH_MUST_USE;
/** Number of knobs, one "violation.<name>" per code behind the others. */
unsigned int vh_policy_count(void);
/**
 * Knob i in force; for telemetry and hvhost_ calls.
 * @param key  receives the key, static string
 * @param buf  receives the value in a form that vh_policy_parse takes
 * @return 0, -ENOENT for i beyond the last, -ENOSPC for a short buf
 */
int vh_policy_format(const struct vh_policy *p, unsigned int i, const char **key, char *buf, size_t len);
/**
 * What knob i is about and may be set to; for documentation and help.
 * @param text     receives a static string
 * @param allowed  receives e.g. "1 to 64" or "drop, close", cut to len
 * @return 0, -ENOENT for i beyond the last
 */
int vh_policy_describe(unsigned int i, const char **text, char *allowed, size_t len);
/** Can this violation have this decision? (matrix in policy.c) */
bool vh_policy_allows(enum vh_violation code, enum vh_decision d);

#endif /* VH_POLICY_H */
