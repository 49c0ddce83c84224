/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O thread's event loop: epoll with one-shot arming, timers, posted work, deferred work.
 * Timers form an intrusive pairing heap: arming one allocates nothing and so cannot fail.
 * May touch: system calls. The loop's thread, except post and wake.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "evloop.h"
#include "sys.h"

#define BATCH 64
#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS 1000000

struct vh_loop {
	int ep;
	int efd;                 /* readable when posted or wake_due may be set */
	struct vh_timer *timers; /* root of the heap, NULL = none */
	struct vh_task *deferred;
	struct vh_task **deferred_end;
	void (*wake_handler)(void);
	int nr;                  /* events of the current batch */
	int pos;                 /* the one being delivered */
	bool no_pwait2;          /* kernel before 5.11: timers are rounded up to 1 ms */
	struct epoll_event ev[BATCH];
	VH_CACHE_ALIGNED struct vh_task *posted; /* atomic, newest first */
	uint32_t signalled;      /* atomic: efd was written and not yet taken */
	uint32_t wake_due;       /* atomic */
};

static __thread const struct vh_loop *current;

uint64_t
vh_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- life ---- */

struct vh_loop *
vh_loop_create(void)
{
	struct vh_loop *l = aligned_alloc(VH_CACHE_LINE, sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN };

	if (l == NULL)
		return NULL;
	memset(l, 0, sizeof(*l));
	l->deferred_end = &l->deferred;
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	l->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->ep >= 0 && l->efd >= 0 && epoll_ctl(l->ep, EPOLL_CTL_ADD, l->efd, &ev) == 0)
		return l;
	vh_loop_destroy(l);
	return NULL;
}

void
vh_loop_destroy(struct vh_loop *l)
{
	if (l->ep >= 0)
		vh_sys_close(l->ep);
	if (l->efd >= 0)
		vh_sys_close(l->efd);
	free(l);
}

bool
vh_loop_on_thread(const struct vh_loop *l)
{
	return current == l;
}

/* ---- sources ---- */

static int
control(struct vh_loop *l, int op, struct vh_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events | EPOLLONESHOT, .data.ptr = s };

	return epoll_ctl(l->ep, op, s->fd, &ev) < 0 ? -errno : 0;
}

/*
 * epoll always reports errors and hang-ups, asked for or not, but only once with EPOLLONESHOT: such an event of a
 * source that is not armed is swallowed in deliver(), and the kernel is silent from then on.
 */
int
vh_loop_add(struct vh_loop *l, struct vh_source *s)
{
	int rc = control(l, EPOLL_CTL_ADD, s, 0);

	s->events = 0;
	s->added = rc == 0;
	return rc;
}

int
vh_loop_arm(struct vh_loop *l, struct vh_source *s, uint32_t events)
{
	if (!s->added)
		return -ENOENT;
	if (events == 0 && s->events == 0)
		return 0;
	s->events = events;
	return control(l, EPOLL_CTL_MOD, s, events);
}

void
vh_loop_remove(struct vh_loop *l, struct vh_source *s)
{
	int i;

	if (!s->added)
		return;
	(void)control(l, EPOLL_CTL_DEL, s, 0);
	s->added = false;
	s->events = 0;
	for (i = l->pos; i < l->nr; i++)
		if (l->ev[i].data.ptr == s)
			l->ev[i].events = 0;
}

/* ---- timers: pairing heap; prev is the left sibling or, for the first child, the parent ---- */

static struct vh_timer *
meld(struct vh_timer *a, struct vh_timer *b)
{
	struct vh_timer *first = a, *other = b;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (b->at_ns < a->at_ns) {
		first = b;
		other = a;
	}
	other->prev = first;
	other->next = first->child;
	if (first->child != NULL)
		first->child->prev = other;
	first->child = other;
	first->next = NULL;
	first->prev = NULL;
	return first;
}

/* Two passes, without recursion: meld neighbours from the left, then the results from the right. */
static struct vh_timer *
meld_list(struct vh_timer *t)
{
	struct vh_timer *pairs = NULL, *root = NULL, *a, *b, *rest;

	for (; t != NULL; t = rest) {
		a = t;
		b = t->next;
		rest = b != NULL ? b->next : NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	for (; pairs != NULL; pairs = rest) {
		rest = pairs->next;
		root = meld(root, pairs);
	}
	if (root != NULL)
		root->next = root->prev = NULL;
	return root;
}

static void
heap_remove(struct vh_loop *l, struct vh_timer *t)
{
	struct vh_timer *below = meld_list(t->child);

	if (l->timers == t) {
		l->timers = below;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next != NULL)
			t->next->prev = t->prev;
		l->timers = meld(l->timers, below);
	}
	t->child = t->next = t->prev = NULL;
}

void
vh_loop_cancel(struct vh_loop *l, struct vh_timer *t)
{
	if (t->at_ns == 0)
		return;
	heap_remove(l, t);
	t->at_ns = 0;
}

void
vh_loop_timer(struct vh_loop *l, struct vh_timer *t, uint64_t at_ns)
{
	vh_loop_cancel(l, t);
	t->at_ns = at_ns != 0 ? at_ns : 1;
	l->timers = meld(l->timers, t);
}

/* Those due now, a bounded number: a handler that arms its timer in the past cannot keep the loop here. */
static void
run_timers(struct vh_loop *l)
{
	struct vh_timer *t;
	uint64_t now;
	int i;

	if (l->timers == NULL)
		return;
	now = vh_now_ns();
	for (i = 0; i < BATCH && (t = l->timers) != NULL && t->at_ns <= now; i++) {
		vh_loop_cancel(l, t);
		t->fire(t); /* may free t */
	}
}

/* ---- posted and deferred work ---- */

static void
signal_loop(struct vh_loop *l)
{
	int saved = errno;

	if (__atomic_exchange_n(&l->signalled, 1, __ATOMIC_ACQ_REL) == 0)
		(void)vh_sys_eventfd_add(l->efd, 1);
	errno = saved;
}

bool
vh_loop_post(struct vh_loop *l, struct vh_task *t)
{
	struct vh_task *head;

	if (__atomic_exchange_n(&t->queued, 1, __ATOMIC_ACQUIRE) != 0)
		return false;
	head = __atomic_load_n(&l->posted, __ATOMIC_RELAXED);
	do {
		t->next = head;
	} while (!__atomic_compare_exchange_n(&l->posted, &head, t, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	signal_loop(l);
	return true;
}

void
vh_loop_wake(struct vh_loop *l)
{
	__atomic_store_n(&l->wake_due, 1, __ATOMIC_RELAXED);
	signal_loop(l);
}

void
vh_loop_set_wake_handler(struct vh_loop *l, void (*fn)(void))
{
	l->wake_handler = fn;
}

void
vh_loop_defer(struct vh_loop *l, struct vh_task *t)
{
	t->next = NULL;
	*l->deferred_end = t;
	l->deferred_end = &t->next;
}

static struct vh_task *
take_posted(struct vh_loop *l)
{
	struct vh_task *t = __atomic_exchange_n(&l->posted, NULL, __ATOMIC_ACQUIRE), *fifo = NULL, *next;

	for (; t != NULL; t = next) {
		next = t->next;
		t->next = fifo;
		fifo = t;
	}
	return fifo;
}

/*
 * signalled is cleared before the lists are taken: who still saw it set has posted before (its exchange is ordered
 * before ours), who sees it clear writes the eventfd again.
 */
static void
run_posted(struct vh_loop *l)
{
	struct vh_task *t, *next;

	(void)vh_sys_eventfd_take(l->efd);
	(void)__atomic_exchange_n(&l->signalled, 0, __ATOMIC_ACQ_REL);
	for (t = take_posted(l); t != NULL; t = next) {
		next = t->next;
		__atomic_store_n(&t->queued, 0, __ATOMIC_RELEASE);
		t->run(t); /* may free t */
	}
	if (__atomic_exchange_n(&l->wake_due, 0, __ATOMIC_ACQ_REL) != 0 && l->wake_handler != NULL)
		l->wake_handler();
}

static void
run_deferred(struct vh_loop *l)
{
	struct vh_task *t = l->deferred, *next;

	l->deferred = NULL;
	l->deferred_end = &l->deferred;
	for (; t != NULL; t = next) {
		next = t->next;
		t->run(t);
	}
}

/* ---- turns ---- */

/* Time to wait in ns, -1 = for ever; limit_ms -1 = none. */
static int64_t
wait_ns(const struct vh_loop *l, int limit_ms)
{
	int64_t limit = limit_ms < 0 ? -1 : (int64_t)limit_ms * NS_PER_MS, until;
	uint64_t now;

	if (l->deferred != NULL)
		return 0;
	if (l->timers == NULL)
		return limit;
	now = vh_now_ns();
	until = l->timers->at_ns > now ? (int64_t)((l->timers->at_ns - now) & INT64_MAX) : 0;
	return limit >= 0 && limit < until ? limit : until;
}

static int
wait_coarse(struct vh_loop *l, int64_t ns)
{
	int64_t ms = ns < 0 ? -1 : (ns + NS_PER_MS - 1) / NS_PER_MS;

	return epoll_wait(l->ep, l->ev, BATCH, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

static int
wait_events(struct vh_loop *l, int64_t ns)
{
	struct timespec t = { .tv_sec = ns / (int64_t)NS_PER_S, .tv_nsec = ns % (int64_t)NS_PER_S };
	int n;

	if (l->no_pwait2)
		return wait_coarse(l, ns);
	n = epoll_pwait2(l->ep, l->ev, BATCH, ns < 0 ? NULL : &t, NULL);
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		l->no_pwait2 = true;
		return wait_coarse(l, ns);
	}
	return n;
}

static void
deliver(struct vh_loop *l)
{
	struct vh_source *s;
	bool posted = false;
	uint32_t events;

	for (l->pos = 0; l->pos < l->nr; l->pos++) {
		s = l->ev[l->pos].data.ptr;
		events = l->ev[l->pos].events;
		if (s == NULL) {
			posted = true;
		} else if (events != 0 && s->events != 0) {
			s->events = 0;
			s->ready(s, events); /* may remove and free any source */
		}
	}
	l->nr = 0;
	l->pos = 0;
	run_timers(l);
	if (posted)
		run_posted(l);
	run_deferred(l);
}

int
vh_loop_turn(struct vh_loop *l, int timeout_ms)
{
	int n;

	current = l;
	n = wait_events(l, wait_ns(l, timeout_ms));
	if (n < 0 && errno != EINTR)
		return -errno;
	l->nr = n > 0 ? n : 0;
	deliver(l);
	return 0;
}

void
vh_loop_run(struct vh_loop *l)
{
	/* epoll_wait on an fd of ours fails only for reasons that are our own bug: EBADF, EFAULT, EINVAL */
	while (vh_loop_turn(l, -1) == 0)
		;
	abort();
}
