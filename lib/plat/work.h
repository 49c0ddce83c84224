/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that may block: `vhost-work-N` (2, at most 8: mmap, munmap, close; a worker stuck for 100 ms is replaced,
 * T1, by `vhost-work-sup`) and `vhost-events` (application callbacks, one at a time, in turn).
 * Post: any thread but data threads.
 */
#ifndef VH_WORK_H
#define VH_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "res.h"

/** A job; embedded in its owner, zeroed before its first use. Not looked at any more once run() was called. */
struct vh_job {
	void (*run)(struct vh_job *j);
	const void *key;     /* jobs of equal key run one after the other (a socket path); NULL: no order */
	struct vh_job *next; /* private: queue */
	struct vh_job *same, *last; /* private: those of the same key behind this one */
	bool queued;         /* private */
};

/** Start the `vhost-work` pool and `vhost-events` (EAL control threads). Idempotent. @return 0 or negative errno */
int vh_work_start(void) VH_MUST_USE;
/** Queue on the pool; nothing happens if j is queued already. @return 0; -EBUSY: all 8 workers are stuck (T1) */
int vh_work_post(struct vh_job *j) VH_MUST_USE;
/** As above but never refused (closing and unmapping must happen some time). */
void vh_work_post_always(struct vh_job *j);
/** Queue on `vhost-events`, first come first served. */
void vh_events_post(struct vh_job *j);
/** Take a job back that has not begun. @return true if it will not run */
bool vh_events_cancel(struct vh_job *j);
/** Is the caller the `vhost-events` thread? */
bool vh_events_on_thread(void);

#endif /* VH_WORK_H */
