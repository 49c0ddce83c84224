/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bucket that delays: a burst at once, then the rate, and the time it names is the time that works.
 */
#include "fixture.h"

#include "ctl.h"

#define SECOND UINT64_C(1000000000)

static void
test_burst_then_rate(void **state)
{
	struct vh_bucket b = { 0 };
	uint64_t now = 5 * SECOND, at;
	int i;

	for (i = 0; i < 8; i++)
		assert_int_equal(vh_bucket_take(&b, 10, 8, now), 0);
	at = vh_bucket_take(&b, 10, 8, now);
	assert_int_equal(at, now + SECOND / 10);
	assert_int_not_equal(vh_bucket_take(&b, 10, 8, at - 1), 0);
	assert_int_equal(vh_bucket_take(&b, 10, 8, at), 0);
	assert_int_not_equal(vh_bucket_take(&b, 10, 8, at), 0);
}

static void
test_refills_to_the_burst(void **state)
{
	struct vh_bucket b = { 0 };
	uint64_t now = SECOND;
	int i;

	while (vh_bucket_take(&b, 10, 4, now) == 0)
		;
	now += 100 * SECOND;
	for (i = 0; i < 4; i++)
		assert_int_equal(vh_bucket_take(&b, 10, 4, now), 0);
	assert_int_not_equal(vh_bucket_take(&b, 10, 4, now), 0);
}

static void
test_no_rate_no_limit(void **state)
{
	struct vh_bucket b = { 0 };
	int i;

	for (i = 0; i < 1000; i++)
		assert_int_equal(vh_bucket_take(&b, 0, 1, SECOND), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_refills_to_the_burst),
		cmocka_unit_test(test_no_rate_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
