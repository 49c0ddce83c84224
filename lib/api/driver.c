/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shells: registered paths and what they offer.
 * May touch: endpoints under the registry mutex. Any ordinary thread, also application callbacks.
 * Source: rte_vhost.h; api.md 2.1
 */
#include "api.h"

#include "ctl.h"
#include "endpoint.h"
#include "log.h"

int
rte_vhost_driver_register(const char *path, uint64_t flags)
{
	return vh_endpoint_register(path, flags);
}

int
rte_vhost_driver_unregister(const char *path)
{
	return vh_endpoint_unregister(path);
}

int
rte_vhost_driver_start(const char *path)
{
	return vh_endpoint_start(path);
}

/* Registry mutex held on success. */
static struct vh_endpoint *
find_locked(const char *path)
{
	struct vh_endpoint *ep;

	vh_registry_lock();
	ep = vh_endpoint_find(path);
	if (ep == NULL) {
		vh_registry_unlock();
		VH_LOG_CONFIG(INFO, path != NULL ? path : "no path", "is not registered");
	}
	return ep;
}

int
rte_vhost_driver_callback_register(const char *path, struct rte_vhost_device_ops const * const ops)
{
	struct vh_endpoint *ep = find_locked(path);

	if (ep == NULL)
		return -1;
	ep->set.ops = ops;
	vh_registry_unlock();
	return 0;
}

int
rte_vhost_driver_set_features(const char *path, uint64_t features)
{
	struct vh_endpoint *ep = find_locked(path);
	uint64_t missing = features & ~VH_FEATURES_IMPLEMENTED;

	if (ep == NULL)
		return -1;
	ep->set.features = features & VH_FEATURES_IMPLEMENTED;
	ep->set.features_supported = ep->set.features;
	ep->set.builtin_net = false;
	vh_registry_unlock();
	if (missing != 0)
		VH_LOG_CONFIG(INFO, path, "features 0x%" PRIx64 " are not offered by this version", missing);
	return 0;
}

int
rte_vhost_driver_enable_features(const char *path, uint64_t features)
{
	struct vh_endpoint *ep = find_locked(path);
	int rc = -1;

	if (ep == NULL)
		return -1;
	if ((features & ~ep->set.features_supported) == 0) {
		ep->set.features |= features;
		rc = 0;
	}
	vh_registry_unlock();
	return rc;
}

int
rte_vhost_driver_disable_features(const char *path, uint64_t features)
{
	struct vh_endpoint *ep = find_locked(path);

	if (ep == NULL)
		return -1;
	ep->set.features &= ~features;
	vh_registry_unlock();
	return 0;
}

int
rte_vhost_driver_get_features(const char *path, uint64_t *features)
{
	struct vh_endpoint *ep = features != NULL ? find_locked(path) : NULL;

	if (ep == NULL)
		return -1;
	*features = ep->set.features;
	vh_registry_unlock();
	return 0;
}

int
rte_vhost_driver_set_protocol_features(const char *path, uint64_t protocol_features)
{
	struct vh_endpoint *ep = find_locked(path);
	uint64_t missing = protocol_features & ~VH_PROTOCOL_IMPLEMENTED;

	if (ep == NULL)
		return -1;
	ep->set.protocol_features = protocol_features & VH_PROTOCOL_IMPLEMENTED;
	vh_registry_unlock();
	if (missing != 0)
		VH_LOG_CONFIG(INFO, path, "protocol features 0x%" PRIx64 " are not offered by this version",
				missing);
	return 0;
}

int
rte_vhost_driver_get_protocol_features(const char *path, uint64_t *protocol_features)
{
	struct vh_endpoint *ep = protocol_features != NULL ? find_locked(path) : NULL;

	if (ep == NULL)
		return -1;
	*protocol_features = ep->set.protocol_features;
	vh_registry_unlock();
	return 0;
}

int
rte_vhost_driver_get_queue_num(const char *path, uint32_t *queue_num)
{
	struct vh_endpoint *ep = queue_num != NULL ? find_locked(path) : NULL;

	if (ep == NULL)
		return -1;
	*queue_num = VH_MAX_PAIRS;
	vh_registry_unlock();
	return 0;
}

/* vDPA relay is not there yet: attaching fails, so nobody believes that a device is used. */
int
rte_vhost_driver_attach_vdpa_device(const char *path, struct rte_vdpa_device *dev)
{
	if (path != NULL && dev != NULL)
		VH_LOG_CONFIG(ERR, path, "vDPA devices are not supported by this version");
	return -1;
}

int
rte_vhost_driver_detach_vdpa_device(const char *path)
{
	if (find_locked(path) == NULL)
		return -1;
	vh_registry_unlock();
	return 0;
}

struct rte_vdpa_device *
rte_vhost_driver_get_vdpa_device(const char *path)
{
	return NULL;
}

int
rte_vhost_driver_get_vdpa_dev_type(const char *path, uint32_t *type)
{
	return -1;
}
