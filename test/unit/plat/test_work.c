/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plat/work.c: jobs of one key one at a time, keys in turn, stuck workers replaced, refusal when all are stuck;
 * vhost-events first come first served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balance.h"
#include "evloop.h"
#include "work.h"

#define MS UINT64_C(1000000)
#define KEYS 5
#define JOBS 2000

static uint32_t done, begun, ticket;
static uint32_t gate; /* jobs of `wait_for_gate` end when it is set */

static int
set_up(void **state)
{
	__atomic_store_n(&done, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&ticket, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&begun, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&gate, 0, __ATOMIC_RELEASE);
	return vh_work_start();
}

struct probe {
	struct vh_job job;
	uint32_t *inside; /* of its key */
	uint32_t order;
};

static void
wait_for_gate(struct vh_job *j)
{
	__atomic_add_fetch(&begun, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

static void
count(struct vh_job *j)
{
	struct probe *p = (struct probe *)j;

	if (p->inside != NULL) {
		assert_int_equal(__atomic_add_fetch(p->inside, 1, __ATOMIC_ACQ_REL), 1);
		__atomic_sub_fetch(p->inside, 1, __ATOMIC_ACQ_REL);
	}
	p->order = __atomic_add_fetch(&ticket, 1, __ATOMIC_ACQ_REL);
	__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

/* ---- pool ---- */

static void
keys_are_serialised(void **state)
{
	static struct probe p[JOBS];
	static uint32_t inside[KEYS];
	uint32_t i;

	memset(p, 0, sizeof(p));
	for (i = 0; i < JOBS; i++) {
		p[i].job.run = count;
		if (i % (KEYS + 1) < KEYS) {
			p[i].inside = &inside[i % (KEYS + 1)];
			p[i].job.key = p[i].inside;
		}
		assert_int_equal(vh_work_post(&p[i].job), 0);
	}
	assert_true(balance_reached(&done, JOBS));
	/* and each in the order of its key */
	for (i = KEYS + 1; i < JOBS; i++)
		if (p[i].job.key != NULL)
			assert_true(p[i].order > p[i - KEYS - 1].order);
}

/* 50 jobs of one path and then one of another: it does not wait for the 50. */
static void
keys_are_served_in_turn(void **state)
{
	static struct probe many[50], one;
	struct vh_job block[8];
	uint32_t i;

	memset(many, 0, sizeof(many));
	memset(&one, 0, sizeof(one));
	memset(block, 0, sizeof(block));
	for (i = 0; i < 8; i++) {
		block[i].run = wait_for_gate;
		vh_work_post_always(&block[i]);
	}
	assert_true(balance_reached(&begun, 8)); /* all there can ever be hold still until all is queued */
	for (i = 0; i < 50; i++) {
		many[i].job.run = count;
		many[i].job.key = many;
		vh_work_post_always(&many[i].job);
	}
	one.job.run = count;
	one.job.key = &one;
	vh_work_post_always(&one.job);
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	assert_true(balance_reached(&done, 59));
	/* one of the many for each worker that may have come first, not behind all 50 */
	assert_true(one.order <= 8);
}

struct self_poster {
	struct vh_job job;
	uint32_t left;
};

static void
post_again(struct vh_job *j)
{
	struct self_poster *s = (struct self_poster *)j;

	if (--s->left > 0)
		vh_work_post_always(j);
	else
		__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

static void
free_self(struct vh_job *j)
{
	memset(j, 0x55, sizeof(*j));
	free(j);
	__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

static void
jobs_may_post_and_free_themselves(void **state)
{
	static struct self_poster s;
	struct vh_job *j;
	int i;

	s = (struct self_poster){ .job = { .run = post_again, .key = &s }, .left = 100 };
	vh_work_post_always(&s.job);
	for (i = 0; i < 100; i++) {
		j = calloc(1, sizeof(*j));
		assert_non_null(j);
		j->run = free_self;
		j->key = i & 1 ? &s : NULL;
		vh_work_post_always(j);
	}
	assert_true(balance_reached(&done, 101));
}

static unsigned int
count_threads(const char *prefix)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	char path[300], name[20];
	unsigned int n = 0;
	FILE *f;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(name, sizeof(name), f) != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
			n++;
		fclose(f);
	}
	closedir(d);
	return n;
}

static void
threads_have_their_names(void **state)
{
	assert_int_equal(vh_work_start(), 0); /* once more: no more threads */
	assert_int_equal(count_threads("vhost-events\n"), 1);
	assert_int_equal(count_threads("vhost-work-sup\n"), 1);
	assert_int_equal(count_threads("vhost-work-0\n"), 1);
	assert_int_equal(count_threads("vhost-work-1\n"), 1);
}

/* Two stuck workers: the third job runs all the same, soon. Then six more: refusal, until they are free again. */
static void
stuck_workers_are_replaced(void **state)
{
	struct vh_job block[8], late = { .run = wait_for_gate };
	struct probe p = { .job.run = count };
	uint64_t start = vh_now_ns();
	int i, rc;

	memset(block, 0, sizeof(block));
	for (i = 0; i < 8; i++)
		block[i].run = wait_for_gate;
	vh_work_post_always(&block[0]);
	vh_work_post_always(&block[1]);
	assert_int_equal(vh_work_post(&p.job), 0);
	assert_true(balance_reached(&done, 1));
	assert_true(vh_now_ns() - start >= 90 * MS); /* replaced, not just one more */
	for (i = 2; i < 8; i++)
		assert_int_equal(vh_work_post(&block[i]), 0);
	for (i = 0, rc = 0; i < 500 && rc == 0; i++) {
		usleep(10000);
		rc = vh_work_post(&late);
	}
	assert_int_equal(rc, -EBUSY);
	assert_int_equal(count_threads("vhost-work-"), 8 + 1);
	vh_work_post_always(&late); /* never refused */
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	assert_true(balance_reached(&done, 10));
	assert_int_equal(vh_work_post(&p.job), 0);
	assert_true(balance_reached(&done, 11));
}

/* One key cannot get more than one worker stuck, so it starts no thread either. */
static void
stuck_key_holds_one_worker(void **state)
{
	struct vh_job block[20];
	struct probe p = { .job.run = count };
	int i;

	memset(block, 0, sizeof(block));
	for (i = 0; i < 20; i++) {
		block[i].run = wait_for_gate;
		block[i].key = block;
		vh_work_post_always(&block[i]);
	}
	usleep(250000);
	assert_int_equal(vh_work_post(&p.job), 0);
	assert_true(balance_reached(&done, 1));
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	assert_true(balance_reached(&done, 21));
}

/* ---- vhost-events ---- */

static uint32_t on_events, masked;

static void
look_around(struct vh_job *j)
{
	sigset_t now;

	__atomic_store_n(&on_events, vh_events_on_thread(), __ATOMIC_RELEASE);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	__atomic_store_n(&masked, sigismember(&now, SIGBUS) == 1, __ATOMIC_RELEASE);
	__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

static void
threads_take_sigbus(void **state)
{
	struct vh_job a = { .run = look_around }, b = { .run = look_around };

	vh_events_post(&a);
	assert_true(balance_reached(&done, 1));
	assert_int_equal(on_events, 1);
	assert_int_equal(masked, 0); /* main blocks it: see there */
	vh_work_post_always(&b);
	assert_true(balance_reached(&done, 2));
	assert_int_equal(on_events, 0);
	assert_int_equal(masked, 0);
	assert_false(vh_events_on_thread());
}

static void
events_run_in_order_and_can_be_cancelled(void **state)
{
	struct vh_job block = { .run = wait_for_gate };
	static struct probe p[4];
	int i;

	memset(p, 0, sizeof(p));
	vh_events_post(&block);
	for (i = 0; i < 4; i++) {
		p[i].job.run = count;
		vh_events_post(&p[i].job);
		vh_events_post(&p[i].job); /* queued already */
	}
	assert_true(vh_events_cancel(&p[1].job));
	assert_false(vh_events_cancel(&p[1].job));
	assert_true(vh_events_cancel(&p[3].job)); /* the last: the queue's end moves back */
	vh_events_post(&p[1].job);
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	assert_true(balance_reached(&done, 4));
	assert_true(p[0].order < p[2].order && p[2].order < p[1].order);
	assert_int_equal(p[3].order, 0);
	assert_false(vh_events_cancel(&p[0].job));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(threads_have_their_names, set_up),
		cmocka_unit_test_setup(threads_take_sigbus, set_up),
		/* before others make the pool grow: it looks at the first two workers being replaced */
		cmocka_unit_test_setup(stuck_workers_are_replaced, set_up),
		cmocka_unit_test_setup(keys_are_serialised, set_up),
		cmocka_unit_test_setup(keys_are_served_in_turn, set_up),
		cmocka_unit_test_setup(jobs_may_post_and_free_themselves, set_up),
		cmocka_unit_test_setup(stuck_key_holds_one_worker, set_up),
		cmocka_unit_test_setup(events_run_in_order_and_can_be_cancelled, set_up),
	};
	sigset_t set;

	/* threads inherit this, as from an application that handles signals in one thread of its own */
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
