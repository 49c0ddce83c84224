/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O thread's event loop: epoll, timers, posted work. One instance runs on `vhost-io` for ever.
 * Handlers run on the loop's thread and must not block. Add/modify/remove and timers: loop thread only, except where
 * "any thread" is said. An event source removed inside a batch gets no further event of that batch, and its memory
 * may be freed by vh_loop_defer() (after the batch).
 */
#ifndef VH_EVLOOP_H
#define VH_EVLOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "res.h"

struct vh_loop;

/** Watched fd; embedded in its owner. events: EPOLLIN/EPOLLOUT bits. */
struct vh_source {
	int fd;
	uint32_t events;  /* armed now; 0 = registered but silent (level-triggered errors too: EPOLLONESHOT) */
	void (*ready)(struct vh_source *s, uint32_t events);
	bool added;       /* loop private */
};

/** One-shot timer; embedded in its owner, zeroed before its first use. */
struct vh_timer {
	uint64_t at_ns;  /* CLOCK_MONOTONIC; 0 = not armed */
	void (*fire)(struct vh_timer *t);
	struct vh_timer *child, *next, *prev; /* loop private: pairing heap */
};

/** Work for the loop thread; embedded; may be posted again only after it ran. */
struct vh_task {
	void (*run)(struct vh_task *t);
	struct vh_task *next;
	uint32_t queued; /* atomic */
};

struct vh_loop *vh_loop_create(void);
/** Run for ever on the calling thread. */
void vh_loop_run(struct vh_loop *l);
/** For unit tests: one turn, waiting at most timeout_ms; and teardown. */
int vh_loop_turn(struct vh_loop *l, int timeout_ms);
void vh_loop_destroy(struct vh_loop *l);

int vh_loop_add(struct vh_loop *l, struct vh_source *s) VH_MUST_USE;
/** (Re)arm with s->events := events; one-shot: the source is silent after each delivery until armed again. */
int vh_loop_arm(struct vh_loop *l, struct vh_source *s, uint32_t events);
void vh_loop_remove(struct vh_loop *l, struct vh_source *s);

void vh_loop_timer(struct vh_loop *l, struct vh_timer *t, uint64_t at_ns); /* (re)arm */
void vh_loop_cancel(struct vh_loop *l, struct vh_timer *t);

/** Any thread: run t on the loop thread soon; at most once per post. @return false if it was queued already */
bool vh_loop_post(struct vh_loop *l, struct vh_task *t);
/** Async-signal- and data-thread-safe: just wake the loop; it calls the wake handler. */
void vh_loop_wake(struct vh_loop *l);
void vh_loop_set_wake_handler(struct vh_loop *l, void (*fn)(void));
/** Loop thread: run t after the current batch (for freeing). */
void vh_loop_defer(struct vh_loop *l, struct vh_task *t);
bool vh_loop_on_thread(const struct vh_loop *l);

uint64_t vh_now_ns(void); /* CLOCK_MONOTONIC */

#endif /* VH_EVLOOP_H */
