/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Knobs and decisions: one table row per knob; HVHOST_OPTIONS through librte_kvargs.
 *
 * Which decision a violation can have follows from its scope (scope_decisions) and, for REQUEST, from the code:
 *   CONNECTION  close: the stream is out of step or its budget is used up, there is nothing to go on with
 *   MESSAGE     drop (refuse; without NEED_REPLY that closes, as stock does), close. No observe: a message that fails
 *               its check has no typed request that could be carried out
 *   SETUP       park, close. No observe: an unusable ring cannot run (vq.allow_overlap is the knob for overlaps)
 *   RING        stop, close, observe. Observe leaves the chain where it is, unconsumed, and meets it again at the
 *               next call (each time counted): what stock does, without its damage
 *   REQUEST     stop, close and what request_decisions adds
 * May touch: the environment. Any ordinary thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

#include "limits.h"
#include "policy.h"

#define MAY(d) (1u << VH_##d)

static const uint8_t scope_decisions[] = {
	[VH_SCOPE_CONNECTION] = MAY(CLOSE),
	[VH_SCOPE_MESSAGE] = MAY(DROP) | MAY(CLOSE),
	[VH_SCOPE_SETUP] = MAY(PARK) | MAY(CLOSE),
	[VH_SCOPE_RING] = MAY(OBSERVE) | MAY(STOP) | MAY(CLOSE),
	[VH_SCOPE_REQUEST] = MAY(STOP) | MAY(CLOSE),
};

/* Observe only where the packet has a meaning without the offending part; retry only where time can mend it. */
static const uint8_t request_decisions[VH_V_COUNT] = {
	[VH_V_BAD_ADDR] = MAY(RETRY),
	[VH_V_VEC_LIMIT] = MAY(DROP),
	[VH_V_CHAIN_LEN] = MAY(DROP),
	[VH_V_TX_DIR] = MAY(DROP),
	[VH_V_TX_SHORT] = MAY(DROP),
	[VH_V_PKT_TOO_BIG] = MAY(DROP),
	[VH_V_GSO] = MAY(OBSERVE) | MAY(DROP),
	[VH_V_TX_META] = MAY(OBSERVE) | MAY(DROP),
	[VH_V_RX_REFUSED] = MAY(RETRY),
	[VH_V_RX_META] = MAY(OBSERVE) | MAY(DROP),
	[VH_V_NOTIFY_BLOCKED] = MAY(OBSERVE),
	[VH_V_DOOR_HELD] = MAY(OBSERVE),
};

enum knob_type {
	KNOB_SWITCH, /* uint8_t: on, off */
	KNOB_NUMBER, /* uint32_t */
	KNOB_BYTES,  /* uint64_t, suffix k, m, g, t */
};

struct knob {
	const char *key;
	enum knob_type type;
	uint16_t offset;
	uint64_t min, max, def;
	const char *text;
};

#define KNOB(key, type, field, min, max, def, text) \
	{ key, KNOB_##type, offsetof(struct vh_policy, field), min, max, def, text }
#define TIB(n) (UINT64_C(n) << 40)
#define ANY_MS 600000
#define ANY_RATE 1000000

/* Keys of one group stand together: telemetry makes a dictionary of each. */
static const struct knob knobs[] = {
	KNOB("ctl.msg_deadline_ms", NUMBER, msg_deadline_ms, 10, ANY_MS, 1000,
		"ms from the first to the last byte of a message"),
	KNOB("ctl.reply_deadline_ms", NUMBER, reply_deadline_ms, 10, ANY_MS, 1000,
		"ms that a front-end may leave a reply unread"),
	KNOB("ctl.max_nacks", NUMBER, max_nacks, 1, UINT32_MAX, 64,
		"refused messages in a row before the connection is closed"),
	KNOB("ctl.rate", NUMBER, ctl_rate, 1, ANY_RATE, 2000,
		"messages per second and device; what is more waits"),
	KNOB("ctl.burst", NUMBER, ctl_burst, 1, ANY_RATE, 8192,
		"messages that may come at once"),
	KNOB("limit.pending_replies", NUMBER, pending_replies, 1, VH_MAX_PENDING_REPLIES, VH_MAX_PENDING_REPLIES,
		"unsent replies before reading from a connection stops"),
	KNOB("conn.per_socket", NUMBER, conn_per_socket, 1, VH_MAX_DEVICES, 16,
		"running connections per socket"),
	KNOB("conn.rate", NUMBER, conn_rate, 1, ANY_RATE, 50,
		"connections accepted per second and socket; what is more waits"),
	KNOB("conn.burst", NUMBER, conn_burst, 1, ANY_RATE, 64,
		"connections accepted at once"),
	KNOB("conn.backoff_min_ms", NUMBER, backoff_min_ms, 1, ANY_MS, 10,
		"client mode: first pause before connecting again"),
	KNOB("conn.backoff_max_ms", NUMBER, backoff_max_ms, 1, ANY_MS, 1000,
		"client mode: longest pause"),
	KNOB("mem.table_rate", NUMBER, table_rate, 1, ANY_RATE, 20,
		"memory table changes per second and socket; what is more waits"),
	KNOB("mem.table_burst", NUMBER, table_burst, 1, ANY_RATE, 64,
		"memory table changes that may come at once"),
	KNOB("mem.quota", BYTES, mem_quota, 1 << 20, TIB(128), TIB(32),
		"guest memory mapped per device"),
	KNOB("mem.quota_process", BYTES, mem_quota_process, 1 << 20, TIB(128), TIB(80),
		"guest memory mapped by the process"),
	KNOB("mem.maps", NUMBER, mem_maps, VH_MAX_REGIONS, 1 << 20, 4096,
		"mappings of the process"),
	KNOB("mem.allow_disk_files", SWITCH, allow_disk_files, 0, 1, 0,
		"accept guest memory in files of a disk file system"),
	KNOB("mem.require_seal", SWITCH, require_seal, 0, 1, 0,
		"refuse guest memory that can be shrunk"),
	KNOB("isolation.guard", SWITCH, guard_pages, 0, 1, 1,
		"inaccessible pages around each mapping"),
	KNOB("vq.allow_overlap", SWITCH, allow_overlap, 0, 1, 0,
		"accept ring areas that overlap"),
	KNOB("vq.tx_max", NUMBER, tx_max, VH_MIN_FRAME, VH_MAX_TX_FRAME, VH_MAX_TX_FRAME,
		"bytes of one frame from the guest"),
	KNOB("vq.max_pieces", NUMBER, max_pieces, 2, VH_MAX_PIECES, VH_MAX_PIECES,
		"memory pieces of one packet"),
	KNOB("vq.budget", NUMBER, budget, VH_MAX_PIECES, 1 << 20, VH_CALL_BUDGET,
		"descriptors looked at per call"),
	KNOB("vq.enter_wait_us", NUMBER, enter_wait_us, 0, 1000000, 1000,
		"us that an enqueue waits for a ring held by somebody else"),
	KNOB("net.gso_min", NUMBER, gso_min, 1, UINT16_MAX, 8,
		"smallest segment size a guest may ask for"),
	KNOB("net.rarp_interval", NUMBER, rarp_interval_ms, 0, ANY_MS, 50,
		"ms between two announcements for a guest"),
	KNOB("log.rate", NUMBER, log_rate, 0, ANY_RATE, 10,
		"lines about violations per second and device"),
	KNOB("log.burst", NUMBER, log_burst, 1, ANY_RATE, 100,
		"lines about violations at once"),
	KNOB("api.wait_ms", NUMBER, api_wait_ms, 0, ANY_MS, 5000,
		"ms that a management call waits for another thread"),
};

#define NR_KNOBS (sizeof(knobs) / sizeof(knobs[0]))

static const char *const decision_keys[VH_V_COUNT] = {
#define VH_VIOLATION(sym, name, scope, decision, rule, text) [VH_V_##sym] = "violation." #name,
#include "violation.def"
#undef VH_VIOLATION
};

#define DECISION_PREFIX_LEN 10 /* of "violation." */

static uint64_t
knob_get(const struct knob *k, const struct vh_policy *p)
{
	const char *at = (const char *)p + k->offset;
	uint8_t v8;
	uint32_t v32;
	uint64_t v64;

	switch (k->type) {
	case KNOB_SWITCH:
		memcpy(&v8, at, sizeof(v8));
		return v8;
	case KNOB_NUMBER:
		memcpy(&v32, at, sizeof(v32));
		return v32;
	case KNOB_BYTES:
		break;
	}
	memcpy(&v64, at, sizeof(v64));
	return v64;
}

static void
knob_set(const struct knob *k, struct vh_policy *p, uint64_t v64)
{
	char *at = (char *)p + k->offset;
	uint8_t v8 = (uint8_t)v64;
	uint32_t v32 = (uint32_t)v64;

	if (k->type == KNOB_SWITCH)
		memcpy(at, &v8, sizeof(v8));
	else if (k->type == KNOB_NUMBER)
		memcpy(at, &v32, sizeof(v32));
	else
		memcpy(at, &v64, sizeof(v64));
}

bool
vh_policy_allows(enum vh_violation code, enum vh_decision d)
{
	const struct vh_violation_info *info = vh_violation_info(code);

	if (info == NULL || (unsigned int)d >= VH_DECISIONS)
		return false;
	return ((scope_decisions[info->scope] | request_decisions[code]) & 1u << d) != 0;
}

void
vh_policy_defaults(struct vh_policy *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned int i = 0; i < NR_KNOBS; i++)
		knob_set(&knobs[i], p, knobs[i].def);
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
		p->decision[i] = (uint8_t)vh_violation_info((enum vh_violation)i)->decision;
}

/* ---- messages: one line, cut with "..." where the caller's buffer ends ---- */

struct text {
	char *buf;
	size_t len, used;
};

static void VH_PRINTF(2, 3)
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->used + 1 >= t->len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->len - t->used, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	t->used += (size_t)n;
	if (t->used >= t->len) {
		t->used = t->len - 1;
		if (t->len > 4)
			memcpy(t->buf + t->len - 4, "...", 4);
	}
}

static int
refuse_key(struct text *err, const char *key)
{
	text_add(err, "unknown key \"%s\"; known are preset, violation.<name>", key);
	for (unsigned int i = 0; i < NR_KNOBS; i++)
		text_add(err, ", %s", knobs[i].key);
	return -EINVAL;
}

static int
refuse_violation(struct text *err, const char *key)
{
	text_add(err, "unknown key \"%s\"; the violations are", key);
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
		text_add(err, "%s %s", i == VH_V_NONE + 1 ? "" : ",", decision_keys[i] + DECISION_PREFIX_LEN);
	return -EINVAL;
}

static void
add_decisions(struct text *t, enum vh_violation code)
{
	const char *sep = "";

	for (unsigned int d = 0; d < VH_DECISIONS; d++) {
		if (!vh_policy_allows(code, (enum vh_decision)d))
			continue;
		text_add(t, "%s%s", sep, vh_decision_name((enum vh_decision)d));
		sep = ", ";
	}
}

static void
add_range(struct text *t, const struct knob *k)
{
	if (k->type == KNOB_SWITCH)
		text_add(t, "on, off");
	else
		text_add(t, "%" PRIu64 " to %" PRIu64 "%s", k->min, k->max,
			k->type == KNOB_BYTES ? " bytes (suffix k, m, g or t)" : "");
}

static int
refuse_decision(struct text *err, enum vh_violation code, const char *value)
{
	text_add(err, "%s=%s: allowed are ", decision_keys[code], value);
	add_decisions(err, code);
	return -EINVAL;
}

static int
refuse_value(struct text *err, const struct knob *k, const char *value)
{
	text_add(err, "%s=%s: allowed are ", k->key, value);
	add_range(err, k);
	return -EINVAL;
}

/* ---- values ---- */

static bool
parse_switch(const char *s, uint64_t *out)
{
	if (strcmp(s, "on") == 0 || strcmp(s, "1") == 0)
		*out = 1;
	else if (strcmp(s, "off") == 0 || strcmp(s, "0") == 0)
		*out = 0;
	else
		return false;
	return true;
}

/* Shift of a size suffix, -1 if it is none. */
static int
suffix_shift(const char *s)
{
	static const char units[] = "kmgt";
	const char *u;

	if (*s == '\0')
		return 0;
	u = s[1] == '\0' ? strchr(units, *s | 0x20) : NULL;
	return u == NULL ? -1 : 10 * (int)(u - units + 1);
}

static bool
parse_number(const char *s, bool suffix, uint64_t *out)
{
	char *end;
	int shift;

	/* strtoull would take blanks, signs and an empty string */
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	shift = suffix ? suffix_shift(end) : *end == '\0' ? 0 : -1;
	if (errno != 0 || shift < 0 || *out > UINT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

static int
set_knob(const struct knob *k, const char *value, struct vh_policy *p, struct text *err)
{
	uint64_t v;
	bool ok = k->type == KNOB_SWITCH ? parse_switch(value, &v) : parse_number(value, k->type == KNOB_BYTES, &v);

	if (!ok || v < k->min || v > k->max)
		return refuse_value(err, k, value);
	knob_set(k, p, v);
	return 0;
}

static int
set_decision(const char *key, const char *value, struct vh_policy *p, struct text *err)
{
	enum vh_violation code = vh_violation_by_name(key + DECISION_PREFIX_LEN);

	if (code == VH_V_NONE)
		return refuse_violation(err, key);
	for (unsigned int d = 0; d < VH_DECISIONS; d++) {
		if (strcmp(value, vh_decision_name((enum vh_decision)d)) != 0)
			continue;
		if (!vh_policy_allows(code, (enum vh_decision)d))
			break;
		p->decision[code] = (uint8_t)d;
		return 0;
	}
	return refuse_decision(err, code, value);
}

/* Refuse also what stock lets well-behaved clients do. */
static void
preset_strict(struct vh_policy *p)
{
	p->conn_per_socket = 1;
	p->decision[VH_V_TX_META] = VH_DROP;
}

/* Refuse nothing that stock accepts and survives, as far as the matrix above allows. */
static void
preset_observe(struct vh_policy *p)
{
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
		if (vh_policy_allows((enum vh_violation)i, VH_OBSERVE))
			p->decision[i] = VH_OBSERVE;
	p->allow_overlap = 1;
	p->allow_disk_files = 1;
	p->conn_per_socket = VH_MAX_DEVICES;
	p->max_nacks = UINT32_MAX;
	p->mem_quota = TIB(128);
	p->mem_quota_process = TIB(128);
}

static int
set_preset(const char *value, struct vh_policy *p, struct text *err)
{
	if (strcmp(value, "strict") == 0) {
		preset_strict(p);
	} else if (strcmp(value, "observe") == 0) {
		preset_observe(p);
	} else if (strcmp(value, "default") != 0) {
		text_add(err, "preset=%s: allowed are default, strict, observe", value);
		return -EINVAL;
	}
	return 0;
}

/* ---- pairs ---- */

static int
apply_pair(const char *key, const char *value, struct vh_policy *p, struct text *err)
{
	if (strncmp(key, "violation.", DECISION_PREFIX_LEN) == 0)
		return set_decision(key, value, p, err);
	for (unsigned int i = 0; i < NR_KNOBS; i++)
		if (strcmp(key, knobs[i].key) == 0)
			return set_knob(&knobs[i], value, p, err);
	return strcmp(key, "preset") == 0 ? 0 : refuse_key(err, key);
}

static int
check_pair(const struct rte_kvargs *kv, unsigned int i, struct text *err)
{
	const char *key = kv->pairs[i].key;

	if (kv->pairs[i].value == NULL) {
		text_add(err, "key \"%s\" has no value: write %s=<value>", key, key);
		return -EINVAL;
	}
	for (unsigned int j = 0; j < i; j++) {
		if (strcmp(kv->pairs[j].key, key) == 0) {
			text_add(err, "key \"%s\" is given twice: allowed is once", key);
			return -EINVAL;
		}
	}
	return 0;
}

static int
apply_pairs(const struct rte_kvargs *kv, struct vh_policy *p, struct text *err)
{
	const char *preset;
	int ret = 0;

	for (unsigned int i = 0; i < kv->count && ret == 0; i++)
		ret = check_pair(kv, i, err);
	preset = ret == 0 ? rte_kvargs_get(kv, "preset") : NULL;
	if (preset != NULL)
		ret = set_preset(preset, p, err);
	for (unsigned int i = 0; i < kv->count && ret == 0; i++)
		ret = apply_pair(kv->pairs[i].key, kv->pairs[i].value, p, err);
	if (ret == 0 && p->backoff_min_ms > p->backoff_max_ms) {
		text_add(err, "conn.backoff_min_ms=%" PRIu32 ": allowed are values up to conn.backoff_max_ms=%" PRIu32,
			p->backoff_min_ms, p->backoff_max_ms);
		ret = -EINVAL;
	}
	return ret;
}

int
vh_policy_parse(const char *options, struct vh_policy *p, char *err, size_t err_len)
{
	struct text text = { err, err_len, 0 };
	struct rte_kvargs *kv;
	int ret;

	if (err_len > 0)
		err[0] = '\0';
	vh_policy_defaults(p);
	kv = rte_kvargs_parse(options, NULL);
	if (kv == NULL) {
		text_add(&text, "\"%s\" is not of the form key=value,key=value with at most %d pairs", options,
			RTE_KVARGS_MAX);
		return -EINVAL;
	}
	ret = apply_pairs(kv, p, &text);
	rte_kvargs_free(kv);
	return ret;
}

int
vh_policy_from_env(struct vh_policy *p, char *err, size_t err_len)
{
	const char *options = getenv("HVHOST_OPTIONS");

	return vh_policy_parse(options == NULL ? "" : options, p, err, err_len);
}

unsigned int
vh_policy_count(void)
{
	return NR_KNOBS + VH_V_COUNT - 1;
}

static int
format_knob(const struct knob *k, const struct vh_policy *p, char *buf, size_t len)
{
	uint64_t v = knob_get(k, p);

	if (k->type == KNOB_SWITCH)
		return snprintf(buf, len, "%s", v != 0 ? "on" : "off");
	return snprintf(buf, len, "%" PRIu64, v);
}

int
vh_policy_format(const struct vh_policy *p, unsigned int i, const char **key, char *buf, size_t len)
{
	int n;

	if (i >= vh_policy_count())
		return -ENOENT;
	if (i < NR_KNOBS) {
		*key = knobs[i].key;
		n = format_knob(&knobs[i], p, buf, len);
	} else {
		unsigned int code = i - (unsigned int)NR_KNOBS + 1;

		*key = decision_keys[code];
		n = snprintf(buf, len, "%s", vh_decision_name((enum vh_decision)p->decision[code]));
	}
	return n >= 0 && (size_t)n < len ? 0 : -ENOSPC;
}

int
vh_policy_describe(unsigned int i, const char **text, char *allowed, size_t len)
{
	struct text t = { allowed, len, 0 };

	if (i >= vh_policy_count() || len == 0)
		return -ENOENT;
	allowed[0] = '\0';
	if (i < NR_KNOBS) {
		*text = knobs[i].text;
		add_range(&t, &knobs[i]);
	} else {
		enum vh_violation code = (enum vh_violation)(i - NR_KNOBS + 1);

		*text = vh_violation_info(code)->text;
		add_decisions(&t, code);
	}
	return 0;
}
