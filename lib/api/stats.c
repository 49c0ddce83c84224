/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shells: the 17 ring counters, and the guard's counters through hvhost.h.
 * May touch: queues, guards. Any thread.
 * Source: rte_vhost.h, hvhost.h; api.md 2.13, K22
 */
#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "enter.h"

static const char *const suffix[VH_NR_STATS] = {
	"good_packets", "good_bytes", "multicast_packets", "broadcast_packets", "undersize_packets",
	"size_64_packets", "size_65_127_packets", "size_128_255_packets", "size_256_511_packets",
	"size_512_1023_packets", "size_1024_1518_packets", "size_1519_max_packets",
	"guest_notifications", "iotlb_hits", "iotlb_misses", "inflight_submitted", "inflight_completed",
};

/* Queue with the slot locked, if the path counts. */
static struct vh_queue *
counting_queue(int vid, uint16_t queue_id)
{
	struct vh_queue *q = vh_queue_lock(vid, queue_id);

	if (q == NULL || (q->dev->set.flags & RTE_VHOST_USER_NET_STATS_ENABLE) != 0)
		return q;
	vh_queue_unlock(q);
	return NULL;
}

int
rte_vhost_vring_stats_get_names(int vid, uint16_t queue_id, struct rte_vhost_stat_name *names, unsigned int size)
{
	struct vh_queue *q = counting_queue(vid, queue_id);
	unsigned int i;

	if (q == NULL)
		return -1;
	vh_queue_unlock(q);
	if (names == NULL || size < VH_NR_STATS)
		return VH_NR_STATS;
	for (i = 0; i < VH_NR_STATS; i++)
		snprintf(names[i].name, sizeof(names[i].name), "%s_q%u_%s", queue_id & 1 ? "rx" : "tx",
				queue_id / 2, suffix[i]);
	return VH_NR_STATS;
}

int
rte_vhost_vring_stats_get(int vid, uint16_t queue_id, struct rte_vhost_stat *stats, unsigned int n)
{
	struct vh_queue *q = counting_queue(vid, queue_id);
	unsigned int i;
	int rc = VH_NR_STATS;

	if (q == NULL)
		return -1;
	if (stats == NULL || n < VH_NR_STATS) {
		vh_queue_unlock(q);
		return VH_NR_STATS;
	}
	if (q->bind == NULL || q->ring == NULL)
		rc = -1;
	for (i = 0; i < VH_NR_STATS && rc > 0; i++) {
		stats[i].id = i;
		stats[i].value = __atomic_load_n(&q->ring->stats[i], __ATOMIC_RELAXED);
	}
	vh_queue_unlock(q);
	return rc;
}

int
rte_vhost_vring_stats_reset(int vid, uint16_t queue_id)
{
	struct vh_queue *q = counting_queue(vid, queue_id);
	struct vh_entered e;

	if (q == NULL)
		return -1;
	vh_queue_unlock(q);
	e = vh_enter(vid, queue_id, 1000);
	if (e.bind == NULL)
		return -1;
	memset(e.bind->ring->stats, 0, sizeof(e.bind->ring->stats));
	vh_leave(&e);
	return 0;
}

static uint32_t
public_decision(enum vh_decision d)
{
	switch (d) {
	case VH_OBSERVE:
		return HVHOST_OBSERVE;
	case VH_RETRY:
	case VH_DROP:
		return HVHOST_DROP;
	case VH_PARK:
	case VH_STOP:
		return HVHOST_STOP;
	default:
		return HVHOST_CLOSE;
	}
}

int
hvhost_violations_get(int vid, struct hvhost_violation_count *out, unsigned int n)
{
	struct vh_device *dev = vh_device_lock(vid);
	unsigned int code;

	if (dev == NULL)
		return -ENODEV;
	for (code = 1; out != NULL && n >= VH_V_COUNT - 1 && code < VH_V_COUNT; code++)
		out[code - 1] = (struct hvhost_violation_count){
			.name = vh_violation_info(code)->name,
			.count = vh_guard_count(&dev->guard, code),
			.decision = public_decision(dev->policy->decision[code]),
		};
	vh_device_unlock(dev);
	return VH_V_COUNT - 1;
}

const char *
hvhost_version(void)
{
	return "hardened-vhost " VH_VERSION " (DPDK " VH_DPDK_RELEASE ", ABI " VH_ABI ")";
}
