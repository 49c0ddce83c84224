/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The policy: defaults as the threat model lists them, every knob settable and refused outside its range,
 * every default decision allowed, and messages that name the key, the value and what is allowed.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"

static char err[2048];

static int
parse(const char *options, struct vh_policy *p)
{
	memset(err, 'x', sizeof(err));
	return vh_policy_parse(options, p, err, sizeof(err));
}

static void
refused(const char *options, const char *part1, const char *part2)
{
	struct vh_policy p;

	assert_int_equal(parse(options, &p), -EINVAL);
	if (strstr(err, part1) == NULL || strstr(err, part2) == NULL)
		fail_msg("\"%s\": message \"%s\" lacks \"%s\" or \"%s\"", options, err, part1, part2);
	assert_null(strchr(err, '\n'));
}

static void
defaults(void **state)
{
	struct vh_policy p, q;

	vh_policy_defaults(&p);
	assert_int_equal(p.msg_deadline_ms, 1000);
	assert_int_equal(p.reply_deadline_ms, 1000);
	assert_int_equal(p.pending_replies, 64);
	assert_int_equal(p.max_nacks, 64);
	assert_int_equal(p.ctl_rate, 2000);
	assert_int_equal(p.ctl_burst, 8192);
	assert_int_equal(p.table_rate, 20);
	assert_int_equal(p.table_burst, 64);
	assert_int_equal(p.conn_per_socket, 16);
	assert_int_equal(p.conn_rate, 50);
	assert_int_equal(p.conn_burst, 64);
	assert_int_equal(p.backoff_min_ms, 10);
	assert_int_equal(p.backoff_max_ms, 1000);
	assert_true(p.mem_quota == UINT64_C(32) << 40);
	assert_true(p.mem_quota_process == UINT64_C(80) << 40);
	assert_int_equal(p.mem_maps, 4096);
	assert_int_equal(p.allow_disk_files, 0);
	assert_int_equal(p.require_seal, 0);
	assert_int_equal(p.guard_pages, 1);
	assert_int_equal(p.allow_overlap, 0);
	assert_int_equal(p.tx_max, 65597);
	assert_int_equal(p.max_pieces, 256);
	assert_int_equal(p.budget, 4096);
	assert_int_equal(p.enter_wait_us, 1000);
	assert_int_equal(p.gso_min, 8);
	assert_int_equal(p.rarp_interval_ms, 50);
	assert_int_equal(p.log_rate, 10);
	assert_int_equal(p.log_burst, 100);
	assert_int_equal(p.api_wait_ms, 5000);
	assert_int_equal(p.decision[VH_V_AVAIL_IDX], VH_STOP);
	assert_int_equal(parse("", &q), 0);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_string_equal(err, "");
	assert_int_equal(parse("preset=default", &q), 0);
	assert_memory_equal(&p, &q, sizeof(p));
}

static void
values(void **state)
{
	struct vh_policy p;

	assert_int_equal(parse("ctl.rate=7,mem.quota=3g,mem.allow_disk_files=on,isolation.guard=off,"
		"violation.bad_addr=stop,log.rate=0,mem.quota_process=2T", &p), 0);
	assert_int_equal(p.ctl_rate, 7);
	assert_true(p.mem_quota == UINT64_C(3) << 30);
	assert_true(p.mem_quota_process == UINT64_C(2) << 40);
	assert_int_equal(p.allow_disk_files, 1);
	assert_int_equal(p.guard_pages, 0);
	assert_int_equal(p.decision[VH_V_BAD_ADDR], VH_STOP);
	assert_int_equal(p.log_rate, 0);
	/* neighbours of what was set are what they were */
	assert_int_equal(p.ctl_burst, 8192);
	assert_int_equal(p.require_seal, 0);
	assert_int_equal(p.allow_overlap, 0);
}

static void
refusals(void **state)
{
	refused("ctl.rat=7", "\"ctl.rat\"", "ctl.rate");
	refused("Ctl.rate=7", "\"Ctl.rate\"", "ctl.rate");
	refused("ctl.rate", "\"ctl.rate\"", "no value");
	refused("ctl.rate=", "ctl.rate", "1 to 1000000");
	refused("ctl.rate=0", "ctl.rate=0", "1 to 1000000");
	refused("ctl.rate=-1", "ctl.rate=-1", "1 to 1000000");
	refused("ctl.rate= 1", "ctl.rate", "1 to 1000000");
	refused("ctl.rate=0x10", "ctl.rate=0x10", "1 to 1000000");
	refused("ctl.rate=1k", "ctl.rate=1k", "1 to 1000000");
	refused("ctl.rate=18446744073709551617", "ctl.rate", "1 to 1000000");
	refused("ctl.rate=4294967297", "ctl.rate", "1 to 1000000");
	refused("mem.quota=16777216t", "mem.quota=16777216t", "suffix");
	refused("mem.quota=1x", "mem.quota=1x", "suffix");
	refused("mem.quota=1kk", "mem.quota=1kk", "suffix");
	refused("mem.quota=129t", "mem.quota=129t", "140737488355328");
	refused("vq.tx_max=65598", "vq.tx_max=65598", "14 to 65597");
	refused("vq.max_pieces=257", "vq.max_pieces=257", "256");
	refused("isolation.guard=yes", "isolation.guard=yes", "on, off");
	refused("preset=paranoid", "preset=paranoid", "default, strict, observe");
	refused("ctl.rate=7,ctl.rate=7", "\"ctl.rate\"", "twice");
	refused("preset=strict,preset=observe", "\"preset\"", "twice");
	refused("violation.nonsense=drop", "violation.nonsense", "avail_idx");
	refused("violation.=drop", "violation.", "avail_idx");
	refused("violation.avail_idx=ignore", "violation.avail_idx=ignore", "observe, stop, close");
	refused("violation.avail_idx=retry", "violation.avail_idx=retry", "observe, stop, close");
	refused("violation.bad_version=observe", "violation.bad_version=observe", "allowed are close");
	refused("violation.bad_size=observe", "violation.bad_size=observe", "allowed are drop, close");
	refused("violation.ring_align=stop", "violation.ring_align=stop", "allowed are park, close");
	refused("violation.bad_addr=drop", "violation.bad_addr=drop", "allowed are retry, stop, close");
	refused("conn.backoff_min_ms=500,conn.backoff_max_ms=100", "conn.backoff_min_ms=500", "100");
	refused("=5", "unknown key \"\"", "ctl.rate");
	refused("ctl.rate=[1,ctl.burst=2", "unknown key \"[1,ctl.burst\"", "ctl.rate");
}

static void
too_many_pairs(void **state)
{
	char options[4096];
	size_t used = 0;

	for (unsigned int i = 1; i <= 33; i++)
		used += (size_t)snprintf(options + used, sizeof(options) - used, "%sviolation.%s=close",
			i > 1 ? "," : "",
			vh_violation_info((enum vh_violation)i)->name);
	refused(options, "at most 32 pairs", "key=value");
}

static void
short_message_buffer(void **state)
{
	struct vh_policy p;
	char small[24], one[1], guard[] = "abc";

	assert_int_equal(vh_policy_parse("nosuchkey=1", &p, small, sizeof(small)), -EINVAL);
	assert_int_equal(strlen(small), sizeof(small) - 1);
	assert_string_equal(small + sizeof(small) - 4, "...");
	assert_int_equal(vh_policy_parse("nosuchkey=1", &p, one, sizeof(one)), -EINVAL);
	assert_int_equal(one[0], '\0');
	assert_int_equal(vh_policy_parse("nosuchkey=1", &p, guard, 0), -EINVAL);
	assert_string_equal(guard, "abc");
}

static void
presets(void **state)
{
	struct vh_policy p, d;

	vh_policy_defaults(&d);
	assert_int_equal(parse("preset=strict", &p), 0);
	assert_int_equal(p.conn_per_socket, 1);
	assert_int_equal(p.decision[VH_V_TX_META], VH_DROP);
	assert_int_equal(parse("preset=observe", &p), 0);
	assert_int_equal(p.decision[VH_V_AVAIL_IDX], VH_OBSERVE);
	assert_int_equal(p.decision[VH_V_TX_META], VH_OBSERVE);
	/* what cannot be gone on with stays as it was */
	assert_int_equal(p.decision[VH_V_BAD_SIZE], d.decision[VH_V_BAD_SIZE]);
	assert_int_equal(p.decision[VH_V_FRAME_SIZE], VH_CLOSE);
	assert_int_equal(p.decision[VH_V_BAD_ADDR], VH_RETRY);
	assert_int_equal(p.allow_overlap, 1);
	/* a single key wins over the preset wherever it stands */
	assert_int_equal(parse("violation.avail_idx=close,conn.per_socket=3,preset=observe", &p), 0);
	assert_int_equal(p.decision[VH_V_AVAIL_IDX], VH_CLOSE);
	assert_int_equal(p.conn_per_socket, 3);
}

static void
matrix(void **state)
{
	struct vh_policy p;

	vh_policy_defaults(&p);
	assert_false(vh_policy_allows(VH_V_NONE, VH_CLOSE));
	assert_false(vh_policy_allows(VH_V_COUNT, VH_CLOSE));
	assert_false(vh_policy_allows(VH_V_AVAIL_IDX, VH_DECISIONS));
	for (unsigned int i = 1; i < VH_V_COUNT; i++) {
		enum vh_violation v = (enum vh_violation)i;
		enum vh_scope scope = vh_violation_info(v)->scope;

		if (!vh_policy_allows(v, (enum vh_decision)p.decision[i]))
			fail_msg("default of %s is not allowed", vh_violation_info(v)->name);
		assert_true(vh_policy_allows(v, VH_CLOSE));
		assert_true(vh_policy_allows(v, VH_RETRY) <= (scope == VH_SCOPE_REQUEST));
		assert_true(vh_policy_allows(v, VH_PARK) == (scope == VH_SCOPE_SETUP));
		assert_true(vh_policy_allows(v, VH_STOP) == (scope == VH_SCOPE_RING || scope == VH_SCOPE_REQUEST));
		if (scope == VH_SCOPE_RING) /* the chain cannot be handed back */
			assert_false(vh_policy_allows(v, VH_DROP));
	}
}

/* Whatever format says, parse takes, and the result is the same policy. */
static void
round_trip(void **state)
{
	struct vh_policy d, p;
	const char *key;
	char value[32], option[128], last_group[32] = "", seen[1024] = " ";

	vh_policy_defaults(&d);
	assert_true(vh_policy_count() > VH_V_COUNT);
	for (unsigned int i = 0; i < vh_policy_count(); i++) {
		char group[32];

		assert_int_equal(vh_policy_format(&d, i, &key, value, sizeof(value)), 0);
		snprintf(option, sizeof(option), "%s=%s", key, value);
		if (parse(option, &p) != 0)
			fail_msg("%s: %s", option, err);
		assert_memory_equal(&d, &p, sizeof(d));
		/* groups stand together and every key is group.name */
		snprintf(group, sizeof(group), " %.*s ", (int)strcspn(key, "."), key);
		assert_non_null(strchr(key, '.'));
		if (strcmp(group, last_group) != 0) {
			assert_null(strstr(seen, group));
			strncat(seen, group + 1, sizeof(seen) - strlen(seen) - 1);
			snprintf(last_group, sizeof(last_group), "%s", group);
		}
	}
	assert_int_equal(vh_policy_format(&d, vh_policy_count(), &key, value, sizeof(value)), -ENOENT);
	assert_int_equal(vh_policy_format(&d, 0, &key, value, 2), -ENOSPC);
}

static void
descriptions(void **state)
{
	char allowed[128], cut[8];
	const char *text;

	for (unsigned int i = 0; i < vh_policy_count(); i++) {
		assert_int_equal(vh_policy_describe(i, &text, allowed, sizeof(allowed)), 0);
		assert_true(strlen(text) > 10);
		assert_true(strlen(allowed) >= 4);
	}
	assert_int_equal(vh_policy_describe(0, &text, allowed, sizeof(allowed)), 0);
	assert_string_equal(allowed, "10 to 600000");
	assert_int_equal(vh_policy_describe(0, &text, cut, sizeof(cut)), 0);
	assert_string_equal(cut, "10 t...");
	assert_int_equal(vh_policy_describe(vh_policy_count() - 1, &text, allowed, sizeof(allowed)), 0);
	assert_string_equal(allowed, "observe, stop, close"); /* notify_blocked */
	assert_int_equal(vh_policy_describe(vh_policy_count(), &text, allowed, sizeof(allowed)), -ENOENT);
}

static void
environment(void **state)
{
	struct vh_policy p, d;

	vh_policy_defaults(&d);
	unsetenv("HVHOST_OPTIONS");
	assert_int_equal(vh_policy_from_env(&p, err, sizeof(err)), 0);
	assert_memory_equal(&d, &p, sizeof(d));
	setenv("HVHOST_OPTIONS", "net.gso_min=100", 1);
	assert_int_equal(vh_policy_from_env(&p, err, sizeof(err)), 0);
	assert_int_equal(p.gso_min, 100);
	setenv("HVHOST_OPTIONS", "net.gso_min=big", 1);
	assert_int_equal(vh_policy_from_env(&p, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "net.gso_min=big"));
	unsetenv("HVHOST_OPTIONS");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(values),
		cmocka_unit_test(refusals),
		cmocka_unit_test(too_many_pairs),
		cmocka_unit_test(short_message_buffer),
		cmocka_unit_test(presets),
		cmocka_unit_test(matrix),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(descriptions),
		cmocka_unit_test(environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
