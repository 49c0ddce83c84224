/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The `vhost-work` pool, its supervisor, and `vhost-events`.
 * Jobs of one key form a chain behind its first job, of which only the head stands in the ready list; when it is taken,
 * the next of its key goes to the end. So keys are served in turn, however much one of them has queued.
 * May touch: threads. Any thread but data threads.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <rte_lcore.h>

#include "evloop.h"
#include "work.h"

#define FIRST_WORKERS 2
#define MAX_WORKERS 8
#define STUCK_NS UINT64_C(100000000)
#define NS_PER_S UINT64_C(1000000000)

struct worker {
	pthread_t thread;
	const void *key;    /* of the job it runs */
	uint64_t since_ns;  /* when it began, 0 = idle */
};

/* Everything below is guarded by its lock. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t ready;      /* workers: the list has grown or a key has become free */
	pthread_cond_t supervise;  /* supervisor: a job was posted; CLOCK_MONOTONIC */
	struct vh_job *head, **end;
	struct worker worker[MAX_WORKERS];
	unsigned int nr;           /* workers started */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER, .end = &pool.head };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	struct vh_job *head, **end;
} events = { .lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER, .end = &events.head };

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static bool started; /* atomic for readers; written under start_lock */
static __thread bool is_events_thread;

/* ---- threads ---- */

/*
 * A thread that blocks SIGBUS dies of a vanished guest page whatever handler is installed (B5). `vhost-events` else
 * keeps the mask of its creator, as applications' callbacks start threads and programs that inherit it; workers
 * run no code of the application and leave asynchronous signals to it.
 */
static void
set_signals(bool block_others)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t set;
	size_t i;

	if (block_others) {
		sigfillset(&set);
		for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
			sigdelset(&set, faults[i]);
		pthread_sigmask(SIG_SETMASK, &set, NULL);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* EAL's control threads, which stay off the data cores; unit tests run without EAL. */
static int
start_thread(pthread_t *t, const char *name, void *(*main)(void *), void *arg)
{
	int rc;

	if (rte_lcore_count() > 0) {
		rc = rte_ctrl_thread_create(t, name, NULL, main, arg);
		return rc < 0 ? rc : -rc;
	}
	rc = pthread_create(t, NULL, main, arg);
	if (rc == 0)
		pthread_setname_np(*t, name);
	return -rc;
}

/* ---- pool: queue ---- */

static bool
key_is_busy(const void *key)
{
	unsigned int i;

	if (key == NULL)
		return false;
	for (i = 0; i < MAX_WORKERS; i++) /* one that is just being started is not in nr yet */
		if (pool.worker[i].since_ns != 0 && pool.worker[i].key == key)
			return true;
	return false;
}

static void
append_ready(struct vh_job *j)
{
	j->next = NULL;
	*pool.end = j;
	pool.end = &j->next;
}

static void
enqueue(struct vh_job *j)
{
	struct vh_job *h = pool.head;

	j->queued = true;
	j->same = NULL;
	j->last = j;
	while (h != NULL && (j->key == NULL || h->key != j->key))
		h = h->next;
	if (h == NULL) {
		append_ready(j);
	} else {
		h->last->same = j;
		h->last = j;
	}
}

/* First job whose key nobody works on; NULL if there is none. */
static struct vh_job *
dequeue(void)
{
	struct vh_job **at = &pool.head, *j, *follow;

	while (*at != NULL && key_is_busy((*at)->key))
		at = &(*at)->next;
	j = *at;
	if (j == NULL)
		return NULL;
	*at = j->next;
	if (*at == NULL)
		pool.end = at;
	follow = j->same;
	if (follow != NULL) {
		follow->last = j->last;
		append_ready(follow);
	}
	j->queued = false;
	return j;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct vh_job *j;

	set_signals(true);
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		j = dequeue();
		if (j == NULL) {
			pthread_cond_wait(&pool.ready, &pool.lock);
			continue;
		}
		w->key = j->key;
		w->since_ns = vh_now_ns();
		pthread_mutex_unlock(&pool.lock);
		j->run(j); /* may free j, may post it again */
		pthread_mutex_lock(&pool.lock);
		w->since_ns = 0;
		if (pool.head != NULL)
			pthread_cond_signal(&pool.ready); /* the key is free now */
	}
	return NULL;
}

/* ---- pool: replacing stuck workers ---- */

/* Number of workers that are not stuck; *next = when the next one will be counted as stuck, 0 = none is busy. */
static unsigned int
count_fit(uint64_t now, uint64_t *next)
{
	unsigned int i, fit = 0;

	*next = 0;
	for (i = 0; i < pool.nr; i++) {
		uint64_t at = pool.worker[i].since_ns + STUCK_NS;

		if (pool.worker[i].since_ns != 0 && at <= now)
			continue;
		fit++;
		if (pool.worker[i].since_ns != 0 && (*next == 0 || at < *next))
			*next = at;
	}
	return fit;
}

/* Is there a job that a worker could take? (Jobs whose key is busy wait for that one whatever is started.) */
static bool
has_runnable(void)
{
	const struct vh_job *j = pool.head;

	while (j != NULL && key_is_busy(j->key))
		j = j->next;
	return j != NULL;
}

/* Under pool.lock, given up while the thread starts. */
static int
add_worker(void)
{
	struct worker *w = &pool.worker[pool.nr];
	unsigned int n = pool.nr;
	char name[16];
	int rc;

	snprintf(name, sizeof(name), "vhost-work-%u", n);
	pthread_mutex_unlock(&pool.lock);
	rc = start_thread(&w->thread, name, worker_main, w);
	pthread_mutex_lock(&pool.lock);
	if (rc == 0)
		pool.nr = n + 1;
	return rc;
}

static void
wait_until(uint64_t at_ns)
{
	struct timespec t = { .tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S) };

	pthread_cond_timedwait(&pool.supervise, &pool.lock, &t);
}

static void *
supervisor_main(void *arg)
{
	uint64_t now, next;

	set_signals(true);
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		if (pool.nr == MAX_WORKERS || !has_runnable()) {
			pthread_cond_wait(&pool.supervise, &pool.lock);
			continue;
		}
		now = vh_now_ns();
		if (count_fit(now, &next) < FIRST_WORKERS && add_worker() == 0)
			continue;
		wait_until(next > now ? next : now + STUCK_NS);
	}
	return NULL;
}

/* ---- pool: posting ---- */

static bool
all_stuck(void)
{
	uint64_t next;

	return pool.nr == MAX_WORKERS && count_fit(vh_now_ns(), &next) == 0;
}

static int
post(struct vh_job *j, bool always)
{
	int rc = 0;

	pthread_mutex_lock(&pool.lock);
	if (!always && all_stuck()) {
		rc = -EBUSY;
	} else if (!j->queued) {
		enqueue(j);
		pthread_cond_signal(&pool.ready);
		pthread_cond_signal(&pool.supervise);
	}
	pthread_mutex_unlock(&pool.lock);
	return rc;
}

int
vh_work_post(struct vh_job *j)
{
	return post(j, false);
}

void
vh_work_post_always(struct vh_job *j)
{
	(void)post(j, true);
}

/* ---- vhost-events ---- */

static void *
events_main(void *arg)
{
	struct vh_job *j;

	is_events_thread = true;
	set_signals(false);
	for (;;) {
		pthread_mutex_lock(&events.lock);
		while (events.head == NULL)
			pthread_cond_wait(&events.ready, &events.lock);
		j = events.head;
		events.head = j->next;
		if (events.head == NULL)
			events.end = &events.head;
		j->queued = false;
		pthread_mutex_unlock(&events.lock);
		j->run(j); /* may free j, may post it again */
	}
	return NULL;
}

void
vh_events_post(struct vh_job *j)
{
	pthread_mutex_lock(&events.lock);
	if (!j->queued) {
		j->queued = true;
		j->next = NULL;
		*events.end = j;
		events.end = &j->next;
		pthread_cond_signal(&events.ready);
	}
	pthread_mutex_unlock(&events.lock);
}

bool
vh_events_cancel(struct vh_job *j)
{
	struct vh_job **at;
	bool found;

	pthread_mutex_lock(&events.lock);
	for (at = &events.head; *at != NULL && *at != j; at = &(*at)->next)
		;
	found = *at == j;
	if (found) {
		*at = j->next;
		if (*at == NULL)
			events.end = at;
		j->queued = false;
	}
	pthread_mutex_unlock(&events.lock);
	return found;
}

bool
vh_events_on_thread(void)
{
	return is_events_thread;
}

/* ---- start ---- */

static int
init_supervise(void)
{
	pthread_condattr_t attr;
	int rc;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&pool.supervise, &attr);
	pthread_condattr_destroy(&attr);
	return -rc;
}

static int
start_workers(void)
{
	int rc = 0;

	pthread_mutex_lock(&pool.lock);
	while (rc == 0 && pool.nr < FIRST_WORKERS)
		rc = add_worker();
	pthread_mutex_unlock(&pool.lock);
	return rc;
}

/* What a failed start has made stays and is used by the next attempt. */
static int
start_locked(void)
{
	static bool have_supervisor, have_events, have_cond;
	pthread_t t;
	int rc = 0;

	if (!have_cond && (rc = init_supervise()) == 0)
		have_cond = true;
	if (rc == 0)
		rc = start_workers();
	if (rc == 0 && !have_supervisor && (rc = start_thread(&t, "vhost-work-sup", supervisor_main, NULL)) == 0)
		have_supervisor = true;
	if (rc == 0 && !have_events && (rc = start_thread(&t, "vhost-events", events_main, NULL)) == 0)
		have_events = true;
	return rc;
}

int
vh_work_start(void)
{
	int rc = 0;

	if (__atomic_load_n(&started, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&start_lock);
	if (!started) {
		rc = start_locked();
		if (rc == 0)
			__atomic_store_n(&started, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&start_lock);
	return rc;
}
