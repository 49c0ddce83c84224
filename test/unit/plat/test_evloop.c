/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plat/evloop.c: one-shot sources, silence when not armed, removal within a batch, timers, posted and deferred work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance.h"
#include "evloop.h"

#define MS UINT64_C(1000000)
#define NR_TIMERS 500
#define POSTERS 3
#define POSTS 20000

static struct vh_loop *loop;
static struct balance before;

static int
set_up(void **state)
{
	before = balance_now();
	loop = vh_loop_create();
	return loop == NULL;
}

static int
tear_down(void **state)
{
	vh_loop_destroy(loop);
	balance_wait(before);
	return 0;
}

static void
turn(int ms)
{
	assert_int_equal(vh_loop_turn(loop, ms), 0);
}

/* ---- sources ---- */

struct probe {
	struct vh_source source;
	uint32_t seen, events;
	struct probe *victim; /* removed and freed when this one is called */
	bool rearm;
};

static void
on_probe(struct vh_source *s, uint32_t events)
{
	struct probe *p = (struct probe *)s;

	p->seen++;
	p->events = events;
	if (p->victim != NULL) {
		struct probe *v = p->victim;

		v->victim = NULL;
		p->victim = NULL;
		vh_loop_remove(loop, &v->source);
		close(v->source.fd);
		memset(v, 0x55, sizeof(*v)); /* any use of it crashes */
		free(v);
	}
	if (p->rearm)
		vh_loop_arm(loop, s, EPOLLIN);
}

static struct probe *
new_probe(int fd)
{
	struct probe *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->source.fd = fd;
	p->source.ready = on_probe;
	assert_int_equal(vh_loop_add(loop, &p->source), 0);
	return p;
}

static void
end_probe(struct probe *p)
{
	vh_loop_remove(loop, &p->source);
	vh_loop_remove(loop, &p->source); /* again: nothing */
	close(p->source.fd);
	free(p);
}

static void
sources_are_one_shot(void **state)
{
	struct probe *p = new_probe(eventfd(1, 0));

	turn(0);
	assert_int_equal(p->seen, 0); /* added is not armed */
	assert_int_equal(vh_loop_arm(loop, &p->source, EPOLLIN), 0);
	turn(1000);
	assert_int_equal(p->seen, 1);
	assert_int_equal(p->events, EPOLLIN);
	turn(0);
	assert_int_equal(p->seen, 1);
	assert_int_equal(p->source.events, 0);
	p->rearm = true;
	vh_loop_arm(loop, &p->source, EPOLLIN);
	turn(1000);
	turn(1000);
	assert_int_equal(p->seen, 3);
	vh_loop_arm(loop, &p->source, 0);
	turn(0);
	assert_int_equal(p->seen, 3);
	end_probe(p);
}

/* A peer that hung up must not spin the loop while its source is not armed, nor be missed afterwards. */
static void
hang_up_is_silent_until_armed(void **state)
{
	uint64_t start;
	struct probe *p;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	p = new_probe(fd[0]);
	close(fd[1]);
	turn(0); /* the one event that epoll cannot be kept from reporting is swallowed */
	start = vh_now_ns();
	turn(30);
	assert_true(vh_now_ns() - start >= 29 * MS);
	assert_int_equal(p->seen, 0);
	vh_loop_arm(loop, &p->source, EPOLLIN);
	turn(1000);
	assert_int_equal(p->seen, 1);
	assert_true(p->events & EPOLLHUP);
	end_probe(p);
}

static void
unwatchable_fds_are_refused(void **state)
{
	struct vh_source s = { .fd = balance_memfd(1), .ready = on_probe };

	assert_int_equal(vh_loop_add(loop, &s), -EPERM);
	assert_int_equal(vh_loop_arm(loop, &s, EPOLLIN), -ENOENT);
	vh_loop_remove(loop, &s);
	close(s.fd);
}

static void
removed_source_gets_no_event_of_the_batch(void **state)
{
	struct probe *a = new_probe(eventfd(1, 0)), *b = new_probe(eventfd(1, 0));

	/* both are ready in one batch; whichever comes first frees the other */
	a->victim = b;
	b->victim = a;
	vh_loop_arm(loop, &a->source, EPOLLIN);
	vh_loop_arm(loop, &b->source, EPOLLIN);
	turn(1000);
	/* the first event added is delivered first */
	assert_int_equal(a->seen, 1);
	turn(0);
	end_probe(a);
}

/* ---- timers ---- */

struct clock_probe {
	struct vh_timer timer;
	uint32_t fired, order;
	struct clock_probe *cancels;
};

static uint32_t fired_total;

static void
on_timer(struct vh_timer *t)
{
	struct clock_probe *c = (struct clock_probe *)t;

	assert_int_equal(t->at_ns, 0);
	c->fired++;
	c->order = ++fired_total;
	if (c->cancels != NULL)
		vh_loop_cancel(loop, &c->cancels->timer);
}

static void
timer_fires_in_time(void **state)
{
	struct clock_probe c = { .timer.fire = on_timer };
	uint64_t start = vh_now_ns(), took;

	vh_loop_timer(loop, &c.timer, start + 200000);
	turn(1000);
	took = vh_now_ns() - start;
	assert_int_equal(c.fired, 1);
	assert_true(took >= 200000);
	turn(0);
	assert_int_equal(c.fired, 1);
	vh_loop_timer(loop, &c.timer, vh_now_ns() + 3600 * 1000 * MS);
	vh_loop_timer(loop, &c.timer, 0); /* re-armed, in the past */
	turn(1000);
	assert_int_equal(c.fired, 2);
	vh_loop_timer(loop, &c.timer, vh_now_ns() + MS);
	vh_loop_cancel(loop, &c.timer);
	vh_loop_cancel(loop, &c.timer);
	start = vh_now_ns();
	turn(20);
	assert_true(vh_now_ns() - start >= 19 * MS);
	assert_int_equal(c.fired, 2);
}

static int
by_time(const void *a, const void *b)
{
	const struct clock_probe *x = *(const struct clock_probe *const *)a, *y = *(const struct clock_probe *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* Random times, random cancels and re-arms; the survivors fire in order of their times. */
static void
timers_fire_in_order(void **state)
{
	static struct clock_probe c[NR_TIMERS];
	struct clock_probe *sorted[NR_TIMERS];
	static uint64_t at[NR_TIMERS];
	uint32_t i, n = 0, live = 0;

	srand(1);
	memset(c, 0, sizeof(c));
	fired_total = 0;
	for (i = 0; i < NR_TIMERS * 10; i++) {
		uint32_t k = (uint32_t)rand() % NR_TIMERS;

		c[k].timer.fire = on_timer;
		at[k] = 1 + (uint64_t)rand() % 1000;
		if (rand() % 4 == 0)
			vh_loop_cancel(loop, &c[k].timer);
		else
			vh_loop_timer(loop, &c[k].timer, at[k]);
	}
	for (i = 0; i < NR_TIMERS; i++)
		live += c[i].timer.at_ns != 0;
	for (i = 0; i < NR_TIMERS && fired_total < live; i++)
		turn(0);
	assert_int_equal(fired_total, live);
	for (i = 0; i < NR_TIMERS; i++)
		if (c[i].fired)
			sorted[n++] = &c[i];
	assert_int_equal(n, live);
	qsort(sorted, n, sizeof(sorted[0]), by_time);
	for (i = 1; i < n; i++)
		assert_true(at[sorted[i - 1] - c] <= at[sorted[i] - c]);
}

static void
timer_may_cancel_another_that_is_due(void **state)
{
	struct clock_probe a = { .timer.fire = on_timer }, b = { .timer.fire = on_timer };

	a.cancels = &b;
	vh_loop_timer(loop, &a.timer, 1);
	vh_loop_timer(loop, &b.timer, 2);
	turn(1000);
	turn(0);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
}

static void
on_endless(struct vh_timer *t)
{
	((struct clock_probe *)t)->fired++;
	vh_loop_timer(loop, t, 1);
}

static void
timer_in_the_past_does_not_starve_sources(void **state)
{
	struct clock_probe c = { .timer.fire = on_endless };
	struct probe *p = new_probe(eventfd(1, 0));

	vh_loop_timer(loop, &c.timer, 1);
	vh_loop_arm(loop, &p->source, EPOLLIN);
	turn(1000);
	turn(1000);
	assert_int_equal(p->seen, 1);
	assert_true(c.fired >= 2);
	vh_loop_cancel(loop, &c.timer);
	end_probe(p);
}

/* ---- posted, woken, deferred ---- */

struct work_probe {
	struct vh_task task;
	uint32_t runs;
	uint32_t order;
	bool again, defers;
};

static uint32_t run_total;
static uint32_t woken;

static void
on_task(struct vh_task *t)
{
	struct work_probe *w = (struct work_probe *)t;

	assert_true(vh_loop_on_thread(loop));
	w->order = ++run_total;
	if (w->again) {
		w->again = false;
		assert_true(vh_loop_post(loop, t));
	}
	__atomic_add_fetch(&w->runs, 1, __ATOMIC_RELEASE);
}

static void
on_wake(void)
{
	woken++;
}

static void
posted_tasks_run_once_in_order(void **state)
{
	struct work_probe a = { .task.run = on_task }, b = { .task.run = on_task };

	run_total = 0;
	assert_true(vh_loop_post(loop, &a.task));
	assert_true(vh_loop_post(loop, &b.task));
	assert_false(vh_loop_post(loop, &a.task));
	turn(1000);
	assert_int_equal(a.runs, 1);
	assert_int_equal(a.order, 1);
	assert_int_equal(b.order, 2);
	a.again = true;
	assert_true(vh_loop_post(loop, &a.task));
	turn(1000);
	assert_int_equal(a.runs, 2);
	turn(1000);
	assert_int_equal(a.runs, 3);
	turn(0);
	assert_int_equal(a.runs, 3);
}

static void
wake_calls_the_handler(void **state)
{
	woken = 0;
	vh_loop_set_wake_handler(loop, on_wake);
	errno = 77;
	vh_loop_wake(loop);
	vh_loop_wake(loop);
	assert_int_equal(errno, 77);
	turn(1000);
	assert_int_equal(woken, 1);
	turn(0);
	assert_int_equal(woken, 1);
	vh_loop_wake(loop);
	turn(1000);
	assert_int_equal(woken, 2);
}

struct bury {
	struct vh_task task;
	struct probe *probe;
};

static void
on_bury(struct vh_task *t)
{
	struct bury *b = (struct bury *)t;

	free(b->probe);
	free(b);
	run_total = 1;
}

static void
on_dying(struct vh_source *s, uint32_t events)
{
	struct probe *p = (struct probe *)s;
	struct bury *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	run_total = 0;
	b->task.run = on_bury;
	b->probe = p;
	vh_loop_remove(loop, s);
	close(s->fd);
	vh_loop_defer(loop, &b->task);
	assert_int_equal(run_total, 0); /* not yet */
	p->seen++;
}

static void
deferred_tasks_run_behind_the_batch(void **state)
{
	struct probe *p = new_probe(eventfd(1, 0));

	p->source.ready = on_dying;
	vh_loop_arm(loop, &p->source, EPOLLIN);
	turn(1000);
	assert_int_equal(run_total, 1);
}

/* ---- other threads ---- */

static struct work_probe burst[POSTERS];
static uint32_t stop;

static void *
post_many(void *arg)
{
	struct work_probe *w = arg;
	int i;

	assert_false(vh_loop_on_thread(loop));
	for (i = 0; i < POSTS; i++) {
		vh_loop_wake(loop);
		/* a post that finds the task queued must be answered by a run that starts later */
		while (!vh_loop_post(loop, &w->task))
			sched_yield();
	}
	return NULL;
}

static void
no_post_is_lost(void **state)
{
	pthread_t t[POSTERS];
	uint32_t i, done;

	vh_loop_set_wake_handler(loop, on_wake);
	memset(burst, 0, sizeof(burst));
	for (i = 0; i < POSTERS; i++) {
		burst[i].task.run = on_task;
		assert_int_equal(pthread_create(&t[i], NULL, post_many, &burst[i]), 0);
	}
	do {
		uint64_t start = vh_now_ns();

		turn(5000);
		assert_true(vh_now_ns() - start < 4000 * MS); /* asleep with a task queued */
		for (i = 0, done = 0; i < POSTERS; i++)
			done += burst[i].runs;
	} while (done < POSTERS * POSTS);
	for (i = 0; i < POSTERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(done, POSTERS * POSTS);
}

static void *
run_loop(void *arg)
{
	while (__atomic_load_n(&stop, __ATOMIC_ACQUIRE) == 0)
		assert_int_equal(vh_loop_turn(arg, -1), 0);
	return NULL;
}

static void
sleeping_loop_is_woken(void **state)
{
	struct work_probe w = { .task.run = on_task };
	pthread_t t;
	int i;

	stop = 0;
	assert_int_equal(pthread_create(&t, NULL, run_loop, loop), 0);
	for (i = 1; i <= 50; i++) {
		usleep(200);
		assert_true(vh_loop_post(loop, &w.task));
		assert_true(balance_reached(&w.runs, (uint32_t)i));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	vh_loop_wake(loop);
	pthread_join(t, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sources_are_one_shot),
		TEST(hang_up_is_silent_until_armed),
		TEST(unwatchable_fds_are_refused),
		TEST(removed_source_gets_no_event_of_the_batch),
		TEST(timer_fires_in_time),
		TEST(timers_fire_in_order),
		TEST(timer_may_cancel_another_that_is_due),
		TEST(timer_in_the_past_does_not_starve_sources),
		TEST(posted_tasks_run_once_in_order),
		TEST(wake_calls_the_handler),
		TEST(deferred_tasks_run_behind_the_batch),
		TEST(no_post_is_lost),
		TEST(sleeping_loop_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
