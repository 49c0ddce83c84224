/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Readiness of rings and device, and the order in which the application hears of it.
 * May touch: devices; calls the application. Callback thread, or the caller of unregister (stop only).
 * Source: rte_vhost.h (struct rte_vhost_device_ops); rules IDX-3, STAT-5, KICK-4, K8, K29
 */
#include "device.h"

#include "log.h"

const char *
vh_queue_not_ready(const struct vh_queue *q)
{
	const struct vh_queue_conf *c = &q->conf;
	const struct vh_violation_info *v = vh_violation_info(q->parked);

	if (c->broken)
		return "broken: its structure was violated";
	if (c->size == 0)
		return "no size";
	if (!c->addr_set)
		return "no address";
	if (c->kickfd == VH_FD_UNSET)
		return "no kick";
	if (v != NULL)
		return v->text;
	if (q->bind == NULL)
		return "no memory, or beyond the queue pairs in use";
	if (c->callfd == VH_FD_UNSET)
		return "no call";
	if (!c->enabled)
		return "disabled";
	return NULL;
}

/* api.md 3.5. An application that runs its own rings needs every ring named so far. */
static bool
required_rings_ready(const struct vh_device *dev)
{
	uint16_t need = dev->set.builtin_net ? 2 : dev->nr_queues, i;

	if (need == 0 || dev->nr_queues < need)
		return false;
	for (i = 0; i < need; i++)
		if (vh_queue_not_ready(dev->queue[i]) != NULL)
			return false;
	return true;
}

static bool
becomes_ready(const struct vh_device *dev)
{
	bool status_ok = (dev->protocol & VH_PF_STATUS) == 0 ||
		(dev->status & VH_STATUS_DRIVER_OK) != 0;

	return dev->ready || (!dev->restart_blocked && status_ok && required_rings_ready(dev));
}

bool
vh_ready_pending(const struct vh_device *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nr_queues; i++)
		if (dev->queue[i]->ready != (vh_queue_not_ready(dev->queue[i]) == NULL))
			return true;
	return !dev->running && becomes_ready(dev);
}

void
vh_ready_report_rings(struct vh_device *dev)
{
	const struct rte_vhost_device_ops *ops = dev->set.ops;
	uint16_t i;

	for (i = 0; i < dev->nr_queues; i++) {
		struct vh_queue *q = dev->queue[i];
		bool ready = vh_queue_not_ready(q) == NULL;

		if (ready == q->ready)
			continue;
		q->ready = ready;
		if (ops != NULL && ops->vring_state_changed != NULL)
			ops->vring_state_changed(dev->vid, i, ready);
	}
}

static void
set_running(struct vh_device *dev, bool ready, bool running)
{
	vh_spin_lock(&vh_slots[dev->vid].peek);
	dev->ready = ready;
	dev->running = running;
	vh_spin_unlock(&vh_slots[dev->vid].peek);
}

void
vh_ready_start_device(struct vh_device *dev)
{
	const struct rte_vhost_device_ops *ops = dev->set.ops;

	if (dev->running || !becomes_ready(dev))
		return;
	if (!dev->ready)
		VH_LOG_CONFIG(INFO, dev->path, "virtio is now ready for processing.");
	set_running(dev, true, false);
	if (ops == NULL || ops->new_device == NULL || ops->new_device(dev->vid) == 0)
		set_running(dev, true, true);
}

void
vh_ready_stop_device(struct vh_device *dev)
{
	const struct rte_vhost_device_ops *ops = dev->set.ops;
	bool was = dev->running;

	set_running(dev, dev->ready, false);
	if (was && ops != NULL && ops->destroy_device != NULL)
		ops->destroy_device(dev->vid);
}
