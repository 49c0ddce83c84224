/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Violations: what a peer did wrong, who decides, what is counted. Low layers only return the code;
 * vh_violation_report() is the one place that turns it into a decision, a counter and a log line.
 * May touch: a struct vh_guard. Report: any thread, data threads included (no lock, no log, no
 * allocation). Flush: `vhost-io` only.
 */
#ifndef VH_VIOLATION_H
#define VH_VIOLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "res.h"

enum vh_violation {
	VH_V_NONE = 0,
#define VH_VIOLATION(sym, name, scope, decision, rule, text) VH_V_##sym,
#include "violation.def"
#undef VH_VIOLATION
	VH_V_COUNT
};

enum vh_scope {
	VH_SCOPE_CONNECTION,
	VH_SCOPE_MESSAGE,
	VH_SCOPE_SETUP,
	VH_SCOPE_RING,
	VH_SCOPE_REQUEST,
};

/** What is done about a violation; ordered from mild to severe. */
enum vh_decision {
	VH_OBSERVE, /* count and log, go on as if nothing had been seen */
	VH_RETRY,   /* leave the request, look again when memory changed or a timer fired */
	VH_DROP,    /* refuse the message / return the request unused */
	VH_PARK,    /* ring is not started until it is configured again */
	VH_STOP,    /* ring broken */
	VH_CLOSE,   /* close the connection */
	VH_DECISIONS
};

/** Where a violation was met. */
#define VH_NO_QUEUE 0xffffu

/** One observed violation; filled by the layer that detects it. */
struct vh_fault {
	enum vh_violation code;
	uint16_t queue;    /* ring index or VH_NO_QUEUE */
	uint16_t position; /* ring position (avail index or slot) where it was seen */
	uint32_t message;  /* request number or 0 */
	uint64_t observed; /* the peer's value */
	uint64_t limit;    /* what it had to stay within */
};

/** Static description of a violation. */
struct vh_violation_info {
	const char *name; /* e.g. "avail_idx" */
	enum vh_scope scope;
	enum vh_decision decision; /* default */
	const char *rule;
	const char *text;
};

/** Description of a code; NULL for VH_V_NONE and numbers outside the list. */
const struct vh_violation_info *vh_violation_info(enum vh_violation code);
/** Code of a name, VH_V_NONE if unknown. */
enum vh_violation vh_violation_by_name(const char *name);
/** "observe", "retry", "drop", "park", "stop", "close". */
const char *vh_decision_name(enum vh_decision d);
/**
 * Counter prefix of a decision for a scope: ctl.observed, ctl.nack,
 * conn.closed, ring.parked, vq.observed, vq.retry, vq.drop, vq.broken.
 */
const char *vh_decision_prefix(enum vh_scope scope, enum vh_decision d);

/** Has a code in the list this number? */
static inline bool
vh_violation_valid(enum vh_violation code)
{
	return (unsigned int)code > VH_V_NONE && (unsigned int)code < VH_V_COUNT;
}

struct vh_policy;

#define VH_GUARD_WORDS ((VH_V_COUNT + 63) / 64)

/**
 * Log-rate budget. One per guard unless ctl/ shares one between the connections of a socket path, so that reconnecting
 * does not refill it (U6). All fields: `vhost-io` only. Zeroed = full and nothing logged yet.
 */
struct vh_log_bucket {
	uint64_t at_ns;                 /* time of the last refill, 0 = never used */
	uint64_t credit;                /* lines x 1e9 that may be written now */
	uint64_t first[VH_GUARD_WORDS]; /* bit set: codes whose first occurrence was logged */
};

/** Last fault of a code waiting to be logged by `vhost-io`. */
struct vh_guard_slot {
	uint64_t count[VH_DECISIONS]; /* relaxed atomics, any thread */
	uint64_t logged;              /* io: sum of counts at the last line */
	struct vh_fault last;         /* relaxed, field by field: may mix two faults; for the log line only */
};

/** Per-device record of violations. Embedded in the device; lives as long as it. */
struct vh_guard {
	const struct vh_policy *policy; /* immutable after vh_guard_init */
	char path[128];                 /* prefix of log lines */
	uint64_t pending[VH_GUARD_WORDS]; /* atomic bit set: codes to log */
	struct vh_log_bucket *bucket;   /* io: &own unless shared */
	struct vh_log_bucket own;
	uint16_t next_code;             /* io: where the next flush begins */
	struct vh_guard_slot slot[VH_V_COUNT];
};

/** policy must outlive the guard; path is copied (cut to fit). The guard must not move afterwards. */
void vh_guard_init(struct vh_guard *g, const struct vh_policy *policy, const char *path);
/** Draw on a log budget that outlives the guard (the socket path's). Before the first flush, `vhost-io`. */
void vh_guard_share_bucket(struct vh_guard *g, struct vh_log_bucket *bucket);
/** How log lines name a request number; process-wide, set once by the layer that knows. NULL: the number. */
void vh_guard_set_message_names(const char *(*name)(uint32_t request));
/**
 * Count a violation and decide. Any thread; never blocks, logs or allocates.
 * @return what the caller has to do; never milder than VH_RETRY for scope RING (a ring whose structure is
 *         impossible cannot be walked on: "observe" there is counted as observed, and the chain is left where it
 *         is, as stock does). policy.c lists which decisions a scope can have.
 */
enum vh_decision vh_violation_report(struct vh_guard *g, const struct vh_fault *f);
/** One counter, and the sum of a code's counters over all decisions. Any thread. 0 for a code outside the list. */
uint64_t vh_guard_count_of(const struct vh_guard *g, enum vh_violation code, enum vh_decision d);
uint64_t vh_guard_count(const struct vh_guard *g, enum vh_violation code);
/** Write the pending log lines, rate-limited. `vhost-io` only. @return true if lines remain */
bool vh_guard_flush(struct vh_guard *g, uint64_t now_ns);
/**
 * Add the counters of a guard to those of the process, once, when its device is taken away: a connection closed for a
 * violation would take its counter with it. Any thread, no report may come later.
 */
void vh_guard_retire(const struct vh_guard *g);
/** Counter of all devices of the past. Any thread. 0 for a code outside the list. */
uint64_t vh_guard_retired(enum vh_violation code, enum vh_decision d);
/** Anything to flush? Relaxed, any thread. */
bool vh_guard_pending(const struct vh_guard *g);

#endif /* VH_VIOLATION_H */
