/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What data threads ask of a device: judge a violation, interrupt the driver, tell `vhost-io`.
 * May touch: the binding, the ring's private state, atomics of the device. The thread inside the door (D8).
 */
#include "queue.h"

#include <errno.h>

#include "device.h"
#include "door.h"
#include "efd.h"
#include "ring.h"

/* One bit per vid; a data thread sets its bit and wakes the loop only if nobody had. */
static uint64_t reports[VH_MAX_DEVICES / 64];
static struct vh_loop *report_loop;

void
vh_report_set_loop(struct vh_loop *loop)
{
	report_loop = loop;
}

void
vh_report(int vid)
{
	uint64_t bit = UINT64_C(1) << (vid & 63);
	uint64_t *word = &reports[vid / 64];

	if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) != 0)
		return;
	/* release: pairs with the acquire of vh_report_next(), what the bit announces is visible then */
	if ((__atomic_fetch_or(word, bit, __ATOMIC_RELEASE) & bit) == 0 && report_loop != NULL)
		vh_loop_wake(report_loop);
}

int
vh_report_next(void)
{
	unsigned int i;

	for (i = 0; i < VH_MAX_DEVICES / 64; i++) {
		uint64_t w = __atomic_load_n(&reports[i], __ATOMIC_RELAXED);
		int bit;

		if (w == 0)
			continue;
		bit = __builtin_ctzll(w);
		__atomic_fetch_and(&reports[i], ~(UINT64_C(1) << bit), __ATOMIC_ACQUIRE);
		return (int)(i * 64) + bit;
	}
	return -1;
}

enum vh_decision
vh_queue_violation(const struct vh_bind *b, struct vh_fault *f)
{
	struct vh_queue *q = b->queue;
	enum vh_decision d;

	f->queue = b->qid;
	f->message = 0;
	d = vh_violation_report(&q->dev->guard, f);
	if (d >= VH_STOP) {
		vh_ring_break(b->ring);
		__atomic_store_n(&q->broke, d == VH_CLOSE ? VH_BROKE_CLOSE : VH_BROKE, __ATOMIC_RELEASE);
	}
	vh_report(b->vid);
	return d;
}

static VH_COLD void
report_blocked(const struct vh_bind *b, int rc)
{
	struct vh_fault f = { .code = VH_V_NOTIFY_BLOCKED, .observed = (uint64_t)-rc };

	(void)vh_queue_violation(b, &f);
}

void
vh_queue_call(const struct vh_bind *b)
{
	const struct rte_vhost_device_ops *ops;
	uint64_t *count = &b->ring->stats[VH_STAT_GUEST_NOTIFICATIONS];
	int rc;

	if (!vh_ring_need_call(b) || b->call == NULL)
		return;
	rc = vh_efd_signal(b->call);
	if (vh_unlikely(rc < 0 && rc != -EAGAIN))
		report_blocked(b, rc);
	__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
	ops = b->queue->dev->set.ops;
	if (ops != NULL && ops->guest_notified != NULL)
		ops->guest_notified(b->vid);
}
