/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vDPA devices: registration by drivers, discovery by applications, pass-through queries. Complete. What ties such a
 * device to a connection is not part of this version: attaching fails (driver.c), so no vid ever has one.
 * Locks: the list's, for list steps only; driver code runs without it. Any ordinary thread.
 * Source: rte_vdpa.h; api.md 2.9, 2.10, 8; K23, H21
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_class.h>
#include "spin.h"

#include "api.h"
#include "device.h"
#include "log.h"

enum { NAME_MAX_LEN = 64 }; /* RTE_DEV_NAME_MAX_LEN of the EAL's driver headers */

static TAILQ_HEAD(, rte_vdpa_device) devices = TAILQ_HEAD_INITIALIZER(devices);
static struct vh_spin lock = RTE_SPINLOCK_INITIALIZER;

static struct rte_vdpa_device *
find_locked(const char *name)
{
	struct rte_vdpa_device *dev;

	TAILQ_FOREACH(dev, &devices, next)
		if (strncmp(rte_dev_name(dev->device), name, NAME_MAX_LEN) == 0)
			return dev;
	return NULL;
}

struct rte_vdpa_device *
rte_vdpa_find_device_by_name(const char *name)
{
	struct rte_vdpa_device *dev;

	if (name == NULL)
		return NULL;
	vh_spin_lock(&lock);
	dev = find_locked(name);
	vh_spin_unlock(&lock);
	return dev;
}

struct rte_device *
rte_vdpa_get_rte_device(struct rte_vdpa_device *vdpa_dev)
{
	return vdpa_dev != NULL ? vdpa_dev->device : NULL;
}

/* ---- driver side ---- */

static bool
complete(const struct rte_vdpa_dev_ops *ops)
{
	return ops != NULL && ops->get_queue_num != NULL && ops->get_features != NULL &&
		ops->get_protocol_features != NULL && ops->dev_conf != NULL && ops->dev_close != NULL &&
		ops->set_vring_state != NULL && ops->set_features != NULL;
}

static struct rte_vdpa_device *
create(struct rte_device *rte_dev, struct rte_vdpa_dev_ops *ops)
{
	struct rte_vdpa_device *dev = calloc(1, sizeof(*dev));
	uint32_t type = RTE_VHOST_VDPA_DEVICE_TYPE_NET;

	if (dev == NULL)
		return NULL;
	dev->device = rte_dev;
	dev->ops = ops;
	if (ops->get_dev_type != NULL && ops->get_dev_type(dev, &type) != 0) {
		VH_LOG_CONFIG(ERR, rte_dev_name(rte_dev), "vDPA driver does not tell its device type");
		free(dev);
		return NULL;
	}
	dev->type = type;
	return dev;
}

struct rte_vdpa_device *
rte_vdpa_register_device(struct rte_device *rte_dev, struct rte_vdpa_dev_ops *ops)
{
	struct rte_vdpa_device *dev;
	bool taken;

	if (rte_dev == NULL || !complete(ops)) {
		VH_LOG_CONFIG(ERR, "device", "vDPA driver lacks a mandatory operation");
		return NULL;
	}
	dev = create(rte_dev, ops);
	if (dev == NULL)
		return NULL;
	vh_spin_lock(&lock);
	taken = find_locked(rte_dev_name(rte_dev)) != NULL;
	if (!taken)
		TAILQ_INSERT_TAIL(&devices, dev, next);
	vh_spin_unlock(&lock);
	if (taken) {
		VH_LOG_CONFIG(ERR, rte_dev_name(rte_dev), "vDPA device exists already");
		free(dev);
		return NULL;
	}
	return dev;
}

int
rte_vdpa_unregister_device(struct rte_vdpa_device *dev)
{
	struct rte_vdpa_device *d;

	vh_spin_lock(&lock);
	TAILQ_FOREACH(d, &devices, next)
		if (d == dev)
			break;
	if (d != NULL)
		TAILQ_REMOVE(&devices, d, next);
	vh_spin_unlock(&lock);
	free(d);
	return d != NULL ? 0 : -1;
}

/* ---- pass-through ---- */

int
rte_vdpa_get_queue_num(struct rte_vdpa_device *dev, uint32_t *queue_num)
{
	if (dev == NULL || dev->ops == NULL || dev->ops->get_queue_num == NULL)
		return -1;
	return dev->ops->get_queue_num(dev, queue_num);
}

int
rte_vdpa_get_features(struct rte_vdpa_device *dev, uint64_t *features)
{
	if (dev == NULL || dev->ops == NULL || dev->ops->get_features == NULL)
		return -1;
	return dev->ops->get_features(dev, features);
}

int
rte_vdpa_get_protocol_features(struct rte_vdpa_device *dev, uint64_t *features)
{
	if (dev == NULL || dev->ops == NULL || dev->ops->get_protocol_features == NULL)
		return -1;
	return dev->ops->get_protocol_features(dev, features);
}

int
rte_vdpa_get_stats_names(struct rte_vdpa_device *dev, struct rte_vdpa_stat_name *stats_names, unsigned int size)
{
	if (dev == NULL)
		return -EINVAL;
	if (dev->ops == NULL || dev->ops->get_stats_names == NULL)
		return -ENOTSUP;
	return dev->ops->get_stats_names(dev, stats_names, size);
}

int
rte_vdpa_get_stats(struct rte_vdpa_device *dev, uint16_t qid, struct rte_vdpa_stat *stats, unsigned int n)
{
	if (dev == NULL || stats == NULL || n == 0)
		return -EINVAL;
	if (dev->ops == NULL || dev->ops->get_stats == NULL)
		return -ENOTSUP;
	return dev->ops->get_stats(dev, qid, stats, n);
}

int
rte_vdpa_reset_stats(struct rte_vdpa_device *dev, uint16_t qid)
{
	if (dev == NULL)
		return -EINVAL;
	if (dev->ops == NULL || dev->ops->reset_stats == NULL)
		return -ENOTSUP;
	return dev->ops->reset_stats(dev, qid);
}

/* ---- connections: none has a vDPA device ---- */

int
rte_vdpa_relay_vring_used(int vid, uint16_t qid, void *vring_m)
{
	(void)vh_device_exists(vid); /* for its log line */
	return -1;
}

int
rte_vhost_host_notifier_ctrl(int vid, uint16_t qid, bool enable)
{
	(void)vh_device_exists(vid); /* for its log line */
	return -ENODEV;
}

/* ---- EAL class "vdpa": RTE_DEV_FOREACH(dev, "class=vdpa", it) ---- */

/* The next device behind start that belongs to the generic device the EAL is looking at. */
static void *
class_iterate(const void *start, const char *str, const struct rte_dev_iterator *it)
{
	struct rte_vdpa_device *dev;

	vh_spin_lock(&lock);
	dev = start == NULL ? TAILQ_FIRST(&devices) : TAILQ_NEXT((const struct rte_vdpa_device *)start, next);
	while (dev != NULL && it->device != NULL && dev->device != it->device)
		dev = TAILQ_NEXT(dev, next);
	vh_spin_unlock(&lock);
	return dev;
}

static struct rte_class vdpa_class = { .dev_iterate = class_iterate };

RTE_REGISTER_CLASS(vdpa, vdpa_class)
