/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The funnel: decision, counters, names, and the log lines with their rate limit, read back through a log
 * stream. Reports come from four threads at once in one case (run it under TSan too).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_log.h>

#include <cmocka.h>

#include "policy.h"
#include "violation.h"

#define SECOND UINT64_C(1000000000)

static struct vh_policy policy;
static struct vh_guard guard;
static char *log_text;
static size_t log_len;
static FILE *log_stream;

static const char *
name_of(uint32_t request)
{
	return request == 5 ? "SET_MEM_TABLE" : NULL;
}

static int
setup(void **state)
{
	vh_policy_defaults(&policy);
	vh_guard_init(&guard, &policy, "/tmp/sock0");
	log_stream = open_memstream(&log_text, &log_len);
	rte_openlog_stream(log_stream);
	return 0;
}

static int
teardown(void **state)
{
	rte_openlog_stream(NULL);
	fclose(log_stream);
	free(log_text);
	return 0;
}

static const char *
logged(void)
{
	fflush(log_stream);
	return log_text;
}

static unsigned int
lines(void)
{
	unsigned int n = 0;

	for (const char *s = logged(); (s = strchr(s, '\n')) != NULL; s++)
		n++;
	return n;
}

static enum vh_decision
report(enum vh_violation code)
{
	const struct vh_fault f = { .code = code, .queue = 3, .position = 17, .observed = 0x1234, .limit = 0x100 };

	return vh_violation_report(&guard, &f);
}

static void
names(void **state)
{
	assert_null(vh_violation_info(VH_V_NONE));
	assert_null(vh_violation_info(VH_V_COUNT));
	assert_null(vh_violation_info((enum vh_violation)-1));
	assert_int_equal(vh_violation_by_name("avail_idx"), VH_V_AVAIL_IDX);
	assert_int_equal(vh_violation_by_name("avail"), VH_V_NONE);
	assert_int_equal(vh_violation_by_name(""), VH_V_NONE);
	for (unsigned int i = 1; i < VH_V_COUNT; i++) {
		const struct vh_violation_info *info = vh_violation_info((enum vh_violation)i);

		assert_int_equal(vh_violation_by_name(info->name), i); /* also: names are unique */
		assert_true(strlen(info->text) > 10);
		/* telemetry takes letters, digits and underscores only */
		assert_int_equal(strspn(info->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(info->name));
	}
	assert_string_equal(vh_decision_name(VH_OBSERVE), "observe");
	assert_string_equal(vh_decision_name(VH_CLOSE), "close");
	assert_string_equal(vh_decision_name(VH_DECISIONS), "unknown");
}

static void
prefixes(void **state)
{
	assert_string_equal(vh_decision_prefix(VH_SCOPE_MESSAGE, VH_DROP), "ctl.nack");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_MESSAGE, VH_CLOSE), "conn.closed");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_CONNECTION, VH_CLOSE), "conn.closed");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_CONNECTION, VH_OBSERVE), "ctl.observed");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_SETUP, VH_PARK), "ring.parked");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_RING, VH_STOP), "vq.broken");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_RING, VH_OBSERVE), "vq.observed");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_REQUEST, VH_RETRY), "vq.retry");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_REQUEST, VH_DROP), "vq.drop");
	assert_string_equal(vh_decision_prefix(VH_SCOPE_REQUEST, VH_CLOSE), "conn.closed");
}

static void
decisions_and_counters(void **state)
{
	assert_int_equal(report(VH_V_AVAIL_IDX), VH_STOP);
	assert_int_equal(report(VH_V_AVAIL_IDX), VH_STOP);
	assert_int_equal(report(VH_V_BAD_ADDR), VH_RETRY);
	assert_int_equal(report(VH_V_BAD_SIZE), VH_DROP);
	assert_int_equal(report(VH_V_TX_META), VH_OBSERVE);
	assert_int_equal(vh_guard_count(&guard, VH_V_AVAIL_IDX), 2);
	assert_int_equal(vh_guard_count_of(&guard, VH_V_AVAIL_IDX, VH_STOP), 2);
	assert_int_equal(vh_guard_count_of(&guard, VH_V_AVAIL_IDX, VH_CLOSE), 0);
	assert_int_equal(vh_guard_count(&guard, VH_V_BAD_ADDR), 1);
	assert_int_equal(vh_guard_count(&guard, VH_V_DESC_NEXT), 0);
	assert_int_equal(vh_guard_count(&guard, VH_V_NONE), 0);
	assert_int_equal(vh_guard_count(&guard, VH_V_COUNT), 0);
	policy.decision[VH_V_AVAIL_IDX] = VH_CLOSE;
	assert_int_equal(report(VH_V_AVAIL_IDX), VH_CLOSE);
	assert_int_equal(vh_guard_count_of(&guard, VH_V_AVAIL_IDX, VH_CLOSE), 1);
}

/* Observing a broken structure is counted as observed, but the chain is not walked on. */
static void
observed_ring_is_left_alone(void **state)
{
	for (unsigned int i = 1; i < VH_V_COUNT; i++) {
		enum vh_violation v = (enum vh_violation)i;

		if (vh_violation_info(v)->scope != VH_SCOPE_RING)
			continue;
		policy.decision[v] = VH_OBSERVE;
		assert_int_equal(report(v), VH_RETRY);
		assert_int_equal(vh_guard_count_of(&guard, v, VH_OBSERVE), 1);
	}
}

static void
line_of_a_ring(void **state)
{
	assert_false(vh_guard_pending(&guard));
	assert_false(vh_guard_flush(&guard, SECOND));
	report(VH_V_AVAIL_IDX);
	assert_true(vh_guard_pending(&guard));
	assert_string_equal(logged(), ""); /* a report itself never logs */
	assert_false(vh_guard_flush(&guard, SECOND));
	assert_false(vh_guard_pending(&guard));
	assert_string_equal(logged(), "VHOST_DATA: (/tmp/sock0) violation avail_idx queue=3 position=17 "
		"observed=0x1234 limit=0x100 action=broken (available index further ahead than the ring allows)\n");
}

static void
line_of_a_message(void **state)
{
	struct vh_fault f = { .code = VH_V_MEM_OVERLAP, .queue = VH_NO_QUEUE, .message = 5, .observed = 1 };

	vh_guard_set_message_names(name_of);
	vh_violation_report(&guard, &f);
	vh_guard_flush(&guard, SECOND);
	assert_string_equal(logged(), "VHOST_CONFIG: (/tmp/sock0) violation mem_overlap message=SET_MEM_TABLE "
		"observed=0x1 limit=0x0 action=nack (memory regions overlap)\n");
	f.code = VH_V_UNKNOWN_REQUEST;
	f.message = 41;
	vh_violation_report(&guard, &f);
	vh_guard_flush(&guard, SECOND);
	assert_non_null(strstr(logged(), "unknown_request message=41 observed="));
	vh_guard_set_message_names(NULL);
	f.code = VH_V_BAD_SIZE;
	f.message = 5;
	vh_violation_report(&guard, &f);
	vh_guard_flush(&guard, SECOND);
	assert_non_null(strstr(logged(), "bad_size message=5 observed="));
}

static void
repeats_are_one_line(void **state)
{
	for (unsigned int i = 0; i < 1000; i++)
		report(VH_V_GSO);
	assert_false(vh_guard_flush(&guard, SECOND));
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(logged(), "action=drop suppressed=999 ("));
	report(VH_V_GSO);
	assert_false(vh_guard_flush(&guard, SECOND));
	assert_int_equal(lines(), 2);
	assert_null(strstr(strchr(logged(), '\n'), "suppressed"));
}

static void
rate_and_burst(void **state)
{
	uint64_t now = 5 * SECOND;
	unsigned int n;

	policy.log_rate = 10;
	policy.log_burst = 20;
	for (n = 0; n < 500; n++) { /* all at one instant: the burst, no more */
		report(VH_V_GSO);
		vh_guard_flush(&guard, now);
	}
	assert_int_equal(lines(), 20);
	assert_true(vh_guard_pending(&guard));
	for (n = 0; n < 2000; n++) { /* two seconds at a report per millisecond */
		now += SECOND / 1000;
		report(VH_V_GSO);
		vh_guard_flush(&guard, now);
	}
	assert_int_equal(lines(), 40);
	/* nothing is lost: the line that comes later tells how many it stands for */
	now += SECOND;
	report(VH_V_GSO);
	assert_false(vh_guard_flush(&guard, now));
	assert_non_null(strstr(logged(), "suppressed=579 ("));
	assert_non_null(strstr(logged(), "suppressed=99 ("));
	assert_int_equal(guard.slot[VH_V_GSO].logged, 2501);
}

/* A bucket that was away for years, and a clock that steps back, neither overflow nor refill. */
static void
clock_jumps(void **state)
{
	policy.log_rate = 1000000;
	policy.log_burst = 1000000;
	report(VH_V_GSO);
	vh_guard_flush(&guard, 1);
	report(VH_V_GSO);
	assert_false(vh_guard_flush(&guard, UINT64_MAX));
	assert_int_equal(guard.own.credit, 999999 * SECOND);
	report(VH_V_GSO);
	assert_false(vh_guard_flush(&guard, 1));
	assert_int_equal(guard.own.credit, 999998 * SECOND);
}

static void
first_occurrence_always_logged(void **state)
{
	policy.log_burst = 1;
	policy.log_rate = 0;
	for (unsigned int i = 1; i < VH_V_COUNT; i++)
		report((enum vh_violation)i);
	assert_false(vh_guard_flush(&guard, SECOND));
	assert_int_equal(lines(), VH_V_COUNT - 1);
	for (unsigned int i = 1; i < VH_V_COUNT; i++)
		report((enum vh_violation)i);
	assert_true(vh_guard_flush(&guard, 100 * SECOND));
	assert_int_equal(lines(), VH_V_COUNT - 1);
}

/* Devices of one path share a budget: reconnecting neither refills it nor makes anything "first" again. */
static void
shared_bucket(void **state)
{
	static struct vh_log_bucket path;

	memset(&path, 0, sizeof(path));
	policy.log_rate = 0;
	policy.log_burst = 3;
	for (unsigned int i = 0; i < 50; i++) {
		vh_guard_init(&guard, &policy, "/tmp/sock0");
		vh_guard_share_bucket(&guard, &path);
		report(VH_V_BAD_VERSION);
		vh_guard_flush(&guard, SECOND);
	}
	assert_int_equal(lines(), 3);
}

/* Under a tight budget every code gets its turn. */
static void
no_code_starves(void **state)
{
	const enum vh_violation codes[] = { VH_V_BAD_SIZE, VH_V_AVAIL_IDX, VH_V_NOTIFY_BLOCKED };
	uint64_t now = SECOND;

	policy.log_rate = 1;
	policy.log_burst = 1;
	for (unsigned int s = 0; s < 30; s++, now += SECOND) {
		for (unsigned int i = 0; i < 3; i++)
			report(codes[i]);
		vh_guard_flush(&guard, now);
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_true(guard.slot[codes[i]].logged >= 24);
}

static void
retired_devices_stay_counted(void **state)
{
	uint64_t before = vh_guard_retired(VH_V_AVAIL_IDX, VH_STOP);

	for (unsigned int i = 0; i < 3; i++) {
		vh_guard_init(&guard, &policy, "/tmp/sock0");
		report(VH_V_AVAIL_IDX);
		report(VH_V_AVAIL_IDX);
		vh_guard_retire(&guard);
	}
	assert_int_equal(vh_guard_retired(VH_V_AVAIL_IDX, VH_STOP), before + 6);
	assert_int_equal(vh_guard_retired(VH_V_AVAIL_IDX, VH_CLOSE), 0);
	assert_int_equal(vh_guard_retired(VH_V_NONE, VH_STOP), 0);
	assert_int_equal(vh_guard_retired(VH_V_COUNT, VH_STOP), 0);
	assert_int_equal(vh_guard_retired(VH_V_AVAIL_IDX, VH_DECISIONS), 0);
}

static void
long_path_is_cut(void **state)
{
	char path[300];

	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	vh_guard_init(&guard, &policy, path);
	assert_int_equal(strlen(guard.path), sizeof(guard.path) - 1);
}

#define REPORTS 20000

static void *
reporter(void *arg)
{
	for (unsigned int i = 0; i < REPORTS; i++)
		report(i % 2 == 0 ? VH_V_BAD_ADDR : VH_V_GSO);
	return NULL;
}

static void
four_threads(void **state)
{
	pthread_t t[4];
	uint64_t now = SECOND;

	policy.log_rate = 1000000;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reporter, NULL), 0);
	for (unsigned int i = 0; i < 200; i++, now += SECOND / 100)
		vh_guard_flush(&guard, now);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_false(vh_guard_flush(&guard, now + SECOND));
	assert_false(vh_guard_pending(&guard));
	assert_int_equal(vh_guard_count(&guard, VH_V_BAD_ADDR), 2 * REPORTS);
	assert_int_equal(vh_guard_count(&guard, VH_V_GSO), 2 * REPORTS);
	/* every event is in some line */
	assert_int_equal(guard.slot[VH_V_BAD_ADDR].logged, 2 * REPORTS);
	assert_int_equal(guard.slot[VH_V_GSO].logged, 2 * REPORTS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names),
		CASE(prefixes),
		CASE(decisions_and_counters),
		CASE(observed_ring_is_left_alone),
		CASE(line_of_a_ring),
		CASE(line_of_a_message),
		CASE(repeats_are_one_line),
		CASE(rate_and_burst),
		CASE(clock_jumps),
		CASE(first_occurrence_always_logged),
		CASE(shared_bucket),
		CASE(no_code_starves),
		CASE(retired_devices_stay_counted),
		CASE(long_path_is_cut),
		CASE(four_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
