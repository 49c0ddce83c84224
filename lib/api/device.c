/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shells: device queries. They take the slot's peek lock only, so they work in any callback (L1).
 * May touch: devices. Any thread.
 * Source: rte_vhost.h; api.md 2.2, 2.3, 2.15
 */
#include "api.h"

#include <errno.h>
#include <string.h>

#include "device.h"

int
rte_vhost_get_mtu(int vid, uint16_t *mtu)
{
	struct vh_device *dev = mtu != NULL ? vh_device_lock(vid) : NULL;
	int rc = 0;

	if (dev == NULL)
		return -ENODEV;
	if (!dev->ready)
		rc = -EAGAIN;
	else if ((dev->features & VH_F_NET_MTU) == 0)
		rc = -ENOTSUP;
	else
		*mtu = dev->mtu;
	vh_device_unlock(dev);
	return rc;
}

int
rte_vhost_get_numa_node(int vid)
{
	struct vh_device *dev = vh_device_lock(vid);
	int node;

	if (dev == NULL)
		return -1;
	node = dev->numa_node;
	vh_device_unlock(dev);
	return node;
}

uint16_t
rte_vhost_get_vring_num(int vid)
{
	struct vh_device *dev = vh_device_lock(vid);
	uint16_t n;

	if (dev == NULL)
		return 0;
	n = dev->nr_queues;
	vh_device_unlock(dev);
	return n;
}

int
rte_vhost_get_ifname(int vid, char *buf, size_t len)
{
	struct vh_device *dev = buf != NULL && len != 0 ? vh_device_lock(vid) : NULL;

	if (dev == NULL)
		return -1;
	/* cut and zero-padded, still 0 (K10) */
	strncpy(buf, dev->path, len < 4096 ? len : 4096);
	buf[len - 1] = '\0';
	vh_device_unlock(dev);
	return 0;
}

int
rte_vhost_get_negotiated_features(int vid, uint64_t *features)
{
	struct vh_device *dev = features != NULL ? vh_device_lock(vid) : NULL;

	if (dev == NULL)
		return -1;
	*features = dev->features;
	vh_device_unlock(dev);
	return 0;
}

int
rte_vhost_get_negotiated_protocol_features(int vid, uint64_t *protocol_features)
{
	struct vh_device *dev = protocol_features != NULL ? vh_device_lock(vid) : NULL;

	if (dev == NULL)
		return -1;
	*protocol_features = dev->protocol;
	vh_device_unlock(dev);
	return 0;
}

struct rte_vdpa_device *
rte_vhost_get_vdpa_device(int vid)
{
	return NULL;
}

int
rte_vhost_extern_callback_register(int vid, struct rte_vhost_user_extern_ops const * const ops, void *ctx)
{
	struct vh_device *dev = ops != NULL ? vh_device_lock(vid) : NULL;

	if (dev == NULL)
		return -1;
	dev->extern_ops = *ops;
	dev->extern_ctx = ctx;
	vh_device_unlock(dev);
	return 0;
}

int
rte_vhost_slave_config_change(int vid, bool need_reply)
{
	struct vh_device *dev = vh_device_lock(vid);
	struct vh_backchan *b;
	uint32_t deadline_ms;
	int rc;

	if (dev == NULL)
		return -ENODEV;
	b = dev->backchan;
	deadline_ms = dev->policy->reply_deadline_ms;
	if (b != NULL)
		vh_backchan_get(b);
	vh_device_unlock(dev);
	if (b == NULL)
		return -1;
	rc = vh_backchan_config_change(b, need_reply, deadline_ms);
	vh_backchan_put(b);
	return rc;
}
