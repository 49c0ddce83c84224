/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver side of vDPA, ABI 23: what librte_vdpa_{ifc,mlx5,sfc} are compiled against. The layouts are facts of those
 * binaries (api.md 8.1), their header is not installed by libdpdk-dev.
 * May touch: nothing. Any thread.
 */
#ifndef VH_VDPA_ABI_H
#define VH_VDPA_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct rte_device;
struct rte_vdpa_dev_ops;
struct rte_vdpa_device;
struct rte_vdpa_stat;
struct rte_vdpa_stat_name;

/** A registered device, 40 bytes. Drivers read `device`; the rest is ours. */
struct rte_vdpa_device {
	TAILQ_ENTRY(rte_vdpa_device) next;
	struct rte_device *device;
	struct rte_vdpa_dev_ops *ops;
	uint32_t type; /* RTE_VHOST_VDPA_DEVICE_TYPE_*; fixed at registration */
};

/** A driver's entry points, 144 bytes. (M): registration refuses a table without it. */
struct rte_vdpa_dev_ops {
	int (*get_queue_num)(struct rte_vdpa_device *dev, uint32_t *queue_num);         /* (M) pairs */
	int (*get_features)(struct rte_vdpa_device *dev, uint64_t *features);           /* (M) virtio bits */
	int (*get_protocol_features)(struct rte_vdpa_device *dev, uint64_t *features);  /* (M) */
	int (*dev_conf)(int vid);                                                       /* (M) */
	int (*dev_close)(int vid);                                                      /* (M) */
	int (*dev_cleanup)(int vid);
	int (*set_vring_state)(int vid, int vring, int state);                          /* (M) */
	int (*set_features)(int vid);                                                   /* (M) */
	int (*migration_done)(int vid);
	int (*get_vfio_group_fd)(int vid);
	int (*get_vfio_device_fd)(int vid);
	int (*get_notify_area)(int vid, int vring, uint64_t *offset, uint64_t *size);   /* bytes */
	int (*get_stats_names)(struct rte_vdpa_device *dev, struct rte_vdpa_stat_name *names, unsigned int size);
	int (*get_stats)(struct rte_vdpa_device *dev, int vring, struct rte_vdpa_stat *stats, unsigned int n);
	int (*reset_stats)(struct rte_vdpa_device *dev, int vring);
	int (*get_config)(int vid, uint8_t *config, uint32_t size);
	int (*set_config)(int vid, uint8_t *config, uint32_t offset, uint32_t size, uint32_t flags);
	int (*get_dev_type)(struct rte_vdpa_device *dev, uint32_t *type);
};

/**
 * Make a vDPA device findable. Any ordinary thread.
 * @param rte_dev  generic device, outlives the registration
 * @param ops      driver's table, kept by pointer, outlives the registration
 * @return the device, freed by rte_vdpa_unregister_device(); NULL: NULL argument, a mandatory op missing, get_dev_type
 *         failed, name already present, no memory
 */
struct rte_vdpa_device *rte_vdpa_register_device(struct rte_device *rte_dev, struct rte_vdpa_dev_ops *ops);
/** @return 0; -1 not registered. Frees dev; paths that refer to it are not touched. Any ordinary thread. */
int rte_vdpa_unregister_device(struct rte_vdpa_device *dev);
/** Host notifiers of ring qid, or of all rings (0xffff). @return 0 or negative errno (api.md 2.10) */
int rte_vhost_host_notifier_ctrl(int vid, uint16_t qid, bool enable);

#endif /* VH_VDPA_ABI_H */
