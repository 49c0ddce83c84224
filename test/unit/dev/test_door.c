/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doors under fire: data threads enter, control replaces bindings (grace), takes the door (exclusive), unbinds. A freed
 * binding is poisoned, so a thread that still uses one is found; sanitizers run this too. Rules D1..D5.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_pause.h>

#include "device.h"
#include "door.h"

#define GOOD 0x600d
#define POISON 0xdead

static struct vh_device dev = { .vid = 5, .nr_queues = 1 };
static _Atomic(bool) stop;
static uint64_t entries, bad, exclusive_violations;
static uint32_t inside;

static struct vh_bind *
new_bind(void)
{
	struct vh_bind *b = aligned_alloc(VH_CACHE_LINE, sizeof(*b));

	memset(b, 0, sizeof(*b));
	b->size = GOOD;
	return b;
}

static void
kill_bind(struct vh_bind *b)
{
	b->size = POISON;
	free(b);
}

static void *
data_thread(void *arg)
{
	struct vh_door *d = vh_door_at(5, 0);
	bool wait = arg != NULL;

	while (!stop) {
		const struct vh_bind *b = wait ? vh_door_enter(d, 50) : vh_door_try(d);

		if (b == NULL) {
			rte_pause();
			continue;
		}
		if (__atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED) != 1)
			__atomic_add_fetch(&exclusive_violations, 1, __ATOMIC_RELAXED);
		if (b->size != GOOD)
			__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&entries, 1, __ATOMIC_RELAXED);
		__atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED);
		vh_door_leave(d);
	}
	return NULL;
}

static struct vh_bind *
publish(struct vh_bind *b)
{
	return (struct vh_bind *)(uintptr_t)__atomic_exchange_n(&vh_doors[5][0].bind, (const struct vh_bind *)b,
			__ATOMIC_SEQ_CST);
}

/* What plan.c does: publish, note the word, wait until it moves. */
static void
swap_with_grace(struct vh_bind *fresh)
{
	struct vh_bind *old = publish(fresh);
	uint64_t seen = __atomic_load_n(&vh_doors[5][0].word, __ATOMIC_SEQ_CST);

	while ((seen & 1) != 0 && __atomic_load_n(&vh_doors[5][0].word, __ATOMIC_ACQUIRE) == seen)
		rte_pause();
	if (old != NULL)
		kill_bind(old);
}

static void
hold_exclusively(void)
{
	while (!vh_device_close_doors(&dev))
		rte_pause();
	if (__atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED) != 1)
		__atomic_add_fetch(&exclusive_violations, 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED);
	vh_device_open_doors(&dev);
}

static void
test_doors(void **state)
{
	pthread_t t[3];
	time_t end = time(NULL) + 4;
	int i;

	(void)publish(new_bind());
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, data_thread, i == 0 ? &dev : NULL), 0);
	for (i = 0; time(NULL) < end; i++) {
		swap_with_grace(i % 5 == 4 ? NULL : new_bind());
		if (i % 3 == 0)
			hold_exclusively();
	}
	swap_with_grace(new_bind());
	for (i = 0; i < 1000 && __atomic_load_n(&entries, __ATOMIC_RELAXED) == 0; i++)
		rte_pause();
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	swap_with_grace(NULL);
	assert_true(entries > 1000);
	assert_int_equal(bad, 0);
	assert_int_equal(exclusive_violations, 0);
	assert_int_equal(vh_doors[5][0].word & 1, 0);
	assert_int_equal(vh_doors[5][0].gate, 0);
}

/* A busy door: the attempt is repeated where it stopped, and the gate keeps newcomers out meanwhile. */
static void
test_close_resumes(void **state)
{
	struct vh_bind *b = new_bind();
	struct vh_door *d = vh_door_at(5, 0);

	(void)publish(b);
	assert_ptr_equal(vh_door_try(d), b);
	assert_null(vh_door_try(d));
	assert_false(vh_device_close_doors(&dev));
	assert_null(vh_door_try(d));
	vh_door_leave(d);
	assert_null(vh_door_try(d)); /* the gate */
	assert_true(vh_device_close_doors(&dev));
	assert_true(vh_device_close_doors(&dev));
	assert_true(dev.doors_held);
	vh_device_open_doors(&dev);
	assert_ptr_equal(vh_door_try(d), b);
	vh_door_leave(d);
	(void)publish(NULL);
	free(b);
	assert_null(vh_door_at(1024, 0));
	assert_null(vh_door_at(-1, 0));
	assert_null(vh_door_at(0, 256));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_resumes),
		cmocka_unit_test(test_doors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
