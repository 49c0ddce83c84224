/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What data threads reported: log lines of the guard, broken rings, wishes. At most every few milliseconds per process,
 * so that a storm of violations costs this thread little.
 * May touch: devices, connections. `vhost-io`.
 * Rules: T2, D3, RING-8, S6
 */
#include "ctl.h"
#include "door.h"
#include "queue.h"
#include "ring.h"

#define REPORT_INTERVAL_NS UINT64_C(5000000)

static void on_report_timer(struct vh_timer *t);
static struct vh_timer report_timer = { .fire = on_report_timer };
static uint64_t last_report_ns;

static void
serve_wish(struct vh_door *d, uint32_t wish)
{
	const struct vh_bind *b = vh_door_try(d);

	if (b == NULL) {
		/* not now: put it back, the timer comes again (D3) */
		if (__atomic_load_n(&d->bind, __ATOMIC_RELAXED) != NULL)
			__atomic_fetch_or(&d->wish, wish, __ATOMIC_RELAXED);
		return;
	}
	if ((wish & (VH_WISH_NOTIFY_ON | VH_WISH_NOTIFY_OFF)) != 0)
		vh_ring_notify(b, (wish & VH_WISH_NOTIFY_ON) != 0);
	if ((wish & VH_WISH_CALL) != 0)
		vh_queue_call(b);
	vh_door_leave(d);
}

static bool
serve_wishes(struct vh_device *dev)
{
	bool left = false;
	uint16_t i;

	for (i = 0; i < dev->nr_queues; i++) {
		struct vh_door *d = &vh_doors[dev->vid][i];
		uint32_t wish = __atomic_exchange_n(&d->wish, 0, __ATOMIC_ACQUIRE);

		if (wish != 0)
			serve_wish(d, wish);
		left = left || __atomic_load_n(&d->wish, __ATOMIC_RELAXED) != 0;
	}
	return left;
}

static bool
any_broke(const struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nr_queues; i++)
		if (__atomic_load_n(&dev->queue[i]->broke, __ATOMIC_RELAXED) != 0)
			return true;
	return false;
}

/* Devices are freed on this thread only, so the pointer stays good after the lock is dropped. */
static bool
serve(int vid)
{
	struct vh_device *dev;
	bool left;

	vh_spin_lock(&vh_slots[vid].peek);
	dev = vh_slots[vid].dev;
	vh_spin_unlock(&vh_slots[vid].peek);
	if (dev == NULL)
		return false;
	left = vh_guard_flush(&dev->guard, vh_now_ns());
	left = serve_wishes(dev) || left;
	if (any_broke(dev))
		vh_conn_report(dev->conn);
	return left;
}

static void
serve_all(void)
{
	static uint64_t again[VH_MAX_DEVICES / 64];
	bool left = false;
	int vid;

	last_report_ns = vh_now_ns();
	while ((vid = vh_report_next()) >= 0)
		if (serve(vid)) {
			again[vid / 64] |= UINT64_C(1) << (vid & 63);
			left = true;
		}
	if (!left)
		return;
	for (vid = 0; vid < VH_MAX_DEVICES; vid++)
		if ((again[vid / 64] & (UINT64_C(1) << (vid & 63))) != 0)
			vh_report(vid);
	for (vid = 0; vid < VH_MAX_DEVICES / 64; vid++)
		again[vid] = 0;
	vh_loop_timer(vh_ctl_loop(), &report_timer, last_report_ns + REPORT_INTERVAL_NS);
}

static void
on_report_timer(struct vh_timer *t)
{
	serve_all();
}

void
vh_ctl_reports(void)
{
	uint64_t now = vh_now_ns();

	if (now - last_report_ns >= REPORT_INTERVAL_NS)
		serve_all();
	else if (report_timer.at_ns == 0)
		vh_loop_timer(vh_ctl_loop(), &report_timer, last_report_ns + REPORT_INTERVAL_NS);
}
