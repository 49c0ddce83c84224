/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one place where a violation becomes a decision, a counter and a log line.
 * May touch: a struct vh_guard, the log (flush only). Report: any thread, two locked adds and a few stores.
 * A reporter adds to the counter, notes the fault, then sets the pending bit (release); flush takes the bit
 * (acquire), then reads: a report is either in the line that is written or has its bit still set.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "policy.h"
#include "violation.h"

static const struct vh_violation_info info_table[VH_V_COUNT] = {
#define VH_VIOLATION(sym, name, scope, decision, rule, text) \
	[VH_V_##sym] = { #name, VH_SCOPE_##scope, VH_##decision, rule, text },
#include "violation.def"
#undef VH_VIOLATION
};

static const char *const decision_names[VH_DECISIONS] = {
	[VH_OBSERVE] = "observe",
	[VH_RETRY] = "retry",
	[VH_DROP] = "drop",
	[VH_PARK] = "park",
	[VH_STOP] = "stop",
	[VH_CLOSE] = "close",
};

static const char *(*message_name)(uint32_t request);

const struct vh_violation_info *
vh_violation_info(enum vh_violation code)
{
	return vh_violation_valid(code) ? &info_table[code] : NULL;
}

enum vh_violation
vh_violation_by_name(const char *name)
{
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
		if (strcmp(info_table[i].name, name) == 0)
			return (enum vh_violation)i;
	return VH_V_NONE;
}

const char *
vh_decision_name(enum vh_decision d)
{
	return (unsigned int)d < VH_DECISIONS ? decision_names[d] : "unknown";
}

static bool
is_data_scope(enum vh_scope scope)
{
	return scope == VH_SCOPE_RING || scope == VH_SCOPE_REQUEST;
}

const char *
vh_decision_prefix(enum vh_scope scope, enum vh_decision d)
{
	static const char *const prefix[VH_DECISIONS][2] = {
		[VH_OBSERVE] = { "ctl.observed", "vq.observed" },
		[VH_RETRY] = { "ctl.retry", "vq.retry" },
		[VH_DROP] = { "ctl.nack", "vq.drop" },
		[VH_PARK] = { "ring.parked", "ring.parked" },
		[VH_STOP] = { "vq.broken", "vq.broken" },
		[VH_CLOSE] = { "conn.closed", "conn.closed" },
	};

	return (unsigned int)d < VH_DECISIONS ? prefix[d][is_data_scope(scope)] : "unknown";
}

void
vh_guard_set_message_names(const char *(*name)(uint32_t request))
{
	message_name = name;
}

void
vh_guard_init(struct vh_guard *g, const struct vh_policy *policy, const char *path)
{
	assert(policy != NULL);
	memset(g, 0, sizeof(*g));
	g->policy = policy;
	g->bucket = &g->own;
	snprintf(g->path, sizeof(g->path), "%s", path);
}

void
vh_guard_share_bucket(struct vh_guard *g, struct vh_log_bucket *bucket)
{
	g->bucket = bucket;
}

/* Fields one by one, so that two reporters and the flush never race on plain memory. */
static void
store_fault(struct vh_fault *to, const struct vh_fault *f)
{
	__atomic_store_n(&to->queue, f->queue, __ATOMIC_RELAXED);
	__atomic_store_n(&to->position, f->position, __ATOMIC_RELAXED);
	__atomic_store_n(&to->message, f->message, __ATOMIC_RELAXED);
	__atomic_store_n(&to->observed, f->observed, __ATOMIC_RELAXED);
	__atomic_store_n(&to->limit, f->limit, __ATOMIC_RELAXED);
}

static struct vh_fault
load_fault(const struct vh_fault *from, enum vh_violation code)
{
	struct vh_fault f = {
		.code = code,
		.queue = __atomic_load_n(&from->queue, __ATOMIC_RELAXED),
		.position = __atomic_load_n(&from->position, __ATOMIC_RELAXED),
		.message = __atomic_load_n(&from->message, __ATOMIC_RELAXED),
		.observed = __atomic_load_n(&from->observed, __ATOMIC_RELAXED),
		.limit = __atomic_load_n(&from->limit, __ATOMIC_RELAXED),
	};

	return f;
}

enum vh_decision
vh_violation_report(struct vh_guard *g, const struct vh_fault *f)
{
	enum vh_violation code = f->code;
	enum vh_decision d;

	assert(vh_violation_valid(code));
	if (vh_unlikely(!vh_violation_valid(code)))
		code = VH_V_INTERNAL;
	d = (enum vh_decision)g->policy->decision[code];
	store_fault(&g->slot[code].last, f);
	__atomic_fetch_add(&g->slot[code].count[d], 1, __ATOMIC_RELAXED);
	__atomic_fetch_or(&g->pending[code / 64], UINT64_C(1) << (code % 64), __ATOMIC_RELEASE);
	if (d == VH_OBSERVE && info_table[code].scope == VH_SCOPE_RING)
		return VH_RETRY;
	return d;
}

uint64_t
vh_guard_count_of(const struct vh_guard *g, enum vh_violation code, enum vh_decision d)
{
	if (!vh_violation_valid(code) || (unsigned int)d >= VH_DECISIONS)
		return 0;
	return __atomic_load_n(&g->slot[code].count[d], __ATOMIC_RELAXED);
}

uint64_t
vh_guard_count(const struct vh_guard *g, enum vh_violation code)
{
	uint64_t sum = 0;

	for (unsigned int d = 0; d < VH_DECISIONS; d++)
		sum += vh_guard_count_of(g, code, (enum vh_decision)d);
	return sum;
}

/* Reports never touch these, so one tenant's storm costs no other a cache line. */
static uint64_t retired[VH_V_COUNT][VH_DECISIONS];

void
vh_guard_retire(const struct vh_guard *g)
{
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
		for (unsigned int d = 0; d < VH_DECISIONS; d++)
			__atomic_fetch_add(&retired[i][d],
				vh_guard_count_of(g, (enum vh_violation)i, (enum vh_decision)d), __ATOMIC_RELAXED);
}

uint64_t
vh_guard_retired(enum vh_violation code, enum vh_decision d)
{
	if (!vh_violation_valid(code) || (unsigned int)d >= VH_DECISIONS)
		return 0;
	return __atomic_load_n(&retired[code][d], __ATOMIC_RELAXED);
}

bool
vh_guard_pending(const struct vh_guard *g)
{
	for (unsigned int i = 0; i < VH_GUARD_WORDS; i++)
		if (__atomic_load_n(&g->pending[i], __ATOMIC_RELAXED) != 0)
			return true;
	return false;
}

#define NS_PER_S UINT64_C(1000000000)

/* Credit is in lines x 1e9, so that a refill of elapsed ns x lines per second loses nothing by rounding. */
static void
refill(struct vh_log_bucket *b, const struct vh_policy *p, uint64_t now_ns)
{
	uint64_t full = p->log_burst * NS_PER_S;
	uint64_t elapsed = now_ns > b->at_ns ? now_ns - b->at_ns : 0;

	if (b->at_ns == 0 || (p->log_rate != 0 && elapsed >= (full - b->credit) / p->log_rate))
		b->credit = full;
	else
		b->credit += elapsed * p->log_rate; /* below full: no overflow */
	if (now_ns > b->at_ns)
		b->at_ns = now_ns;
}

static bool
is_first(const struct vh_log_bucket *b, enum vh_violation code)
{
	return (b->first[code / 64] & UINT64_C(1) << (code % 64)) == 0;
}

/* A code's first line goes out whatever the budget says (U10); it still counts against it. */
static bool
may_log(const struct vh_log_bucket *b, enum vh_violation code)
{
	return b->credit >= NS_PER_S || is_first(b, code);
}

static void
spend(struct vh_log_bucket *b, enum vh_violation code)
{
	b->first[code / 64] |= UINT64_C(1) << (code % 64);
	b->credit -= b->credit < NS_PER_S ? b->credit : NS_PER_S;
}

static void
format_fault(char *buf, size_t len, const struct vh_fault *f, enum vh_scope scope)
{
	const char *name = f->message != 0 && message_name != NULL ? message_name(f->message) : NULL;
	int n = 0;

	buf[0] = '\0';
	if (f->queue != VH_NO_QUEUE)
		n = snprintf(buf, len, " queue=%u", f->queue);
	if (f->queue != VH_NO_QUEUE && is_data_scope(scope))
		n += snprintf(buf + n, len - (size_t)n, " position=%u", f->position);
	if (name != NULL)
		n += snprintf(buf + n, len - (size_t)n, " message=%.40s", name);
	else if (f->message != 0)
		n += snprintf(buf + n, len - (size_t)n, " message=%" PRIu32, f->message);
	snprintf(buf + n, len - (size_t)n, " observed=0x%" PRIx64 " limit=0x%" PRIx64, f->observed, f->limit);
}

static void
log_line(const struct vh_guard *g, enum vh_violation code, uint64_t events)
{
	const struct vh_violation_info *info = &info_table[code];
	enum vh_decision d = (enum vh_decision)g->policy->decision[code];
	struct vh_fault f = load_fault(&g->slot[code].last, code);
	/* the longest form takes under 160 bytes */
	char where[192], more[48] = "";
	const char *action = strchr(vh_decision_prefix(info->scope, d), '.') + 1;

	format_fault(where, sizeof(where), &f, info->scope);
	if (events > 1)
		snprintf(more, sizeof(more), " suppressed=%" PRIu64, events - 1);
	if (is_data_scope(info->scope))
		VH_LOG_DATA(WARNING, g->path, "violation %s%s action=%s%s (%s)", info->name, where, action, more,
			info->text);
	else
		VH_LOG_CONFIG(WARNING, g->path, "violation %s%s action=%s%s (%s)", info->name, where, action, more,
			info->text);
}

/* @return false: no budget, the code stays pending */
static bool
flush_code(struct vh_guard *g, enum vh_violation code)
{
	uint64_t bit = UINT64_C(1) << (code % 64);
	uint64_t sum, seen = g->slot[code].logged;

	if ((__atomic_load_n(&g->pending[code / 64], __ATOMIC_RELAXED) & bit) == 0)
		return true;
	if (!may_log(g->bucket, code))
		return false;
	__atomic_fetch_and(&g->pending[code / 64], ~bit, __ATOMIC_ACQUIRE);
	sum = vh_guard_count(g, code);
	if (sum == seen)
		return true; /* was in the previous line already, the bit came a moment later */
	log_line(g, code, sum - seen);
	g->slot[code].logged = sum;
	spend(g->bucket, code);
	return true;
}

bool
vh_guard_flush(struct vh_guard *g, uint64_t now_ns)
{
	unsigned int start = g->next_code, waiting = VH_V_NONE;

	if (!vh_guard_pending(g))
		return false;
	refill(g->bucket, g->policy, now_ns);
	for (unsigned int i = 0; i < VH_V_COUNT - 1; i++) {
		enum vh_violation code = (enum vh_violation)(1 + (start + i) % (VH_V_COUNT - 1));

		if (!flush_code(g, code) && waiting == VH_V_NONE)
			waiting = (unsigned int)code;
	}
	if (waiting != VH_V_NONE) /* its turn is first next time: no code starves the others */
		g->next_code = (uint16_t)(waiting - 1);
	return waiting != VH_V_NONE;
}
