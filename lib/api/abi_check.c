/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compile-time proof that every public layout is the one that binaries of ABI 23 were built with (api.md 8.1, 10.7),
 * and that our own numbers agree with the public headers'. No code.
 * May touch: nothing.
 */
#include "api.h"
#include "limits.h"
#include "virtio.h"
#include "wire.h"

#if defined(__x86_64__) /* the table was taken from amd64 binaries; others differ only where a pointer does */

#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define AT(type, member, off) _Static_assert(offsetof(struct type, member) == (off), #type "." #member)

SIZE(rte_vhost_mem_region, 56);
AT(rte_vhost_mem_region, guest_phys_addr, 0);
AT(rte_vhost_mem_region, guest_user_addr, 8);
AT(rte_vhost_mem_region, host_user_addr, 16);
AT(rte_vhost_mem_region, size, 24);
AT(rte_vhost_mem_region, mmap_addr, 32);
AT(rte_vhost_mem_region, mmap_size, 40);
AT(rte_vhost_mem_region, fd, 48);

SIZE(rte_vhost_memory, 8);
AT(rte_vhost_memory, nregions, 0);
AT(rte_vhost_memory, regions, 8);

SIZE(rte_vhost_vring, 48);
AT(rte_vhost_vring, desc, 0);
AT(rte_vhost_vring, desc_packed, 0);
AT(rte_vhost_vring, avail, 8);
AT(rte_vhost_vring, driver_event, 8);
AT(rte_vhost_vring, used, 16);
AT(rte_vhost_vring, device_event, 16);
AT(rte_vhost_vring, log_guest_addr, 24);
AT(rte_vhost_vring, callfd, 32);
AT(rte_vhost_vring, kickfd, 36);
AT(rte_vhost_vring, size, 40);

SIZE(rte_vhost_device_ops, 64);
AT(rte_vhost_device_ops, new_device, 0);
AT(rte_vhost_device_ops, destroy_device, 8);
AT(rte_vhost_device_ops, vring_state_changed, 16);
AT(rte_vhost_device_ops, features_changed, 24);
AT(rte_vhost_device_ops, new_connection, 32);
AT(rte_vhost_device_ops, destroy_connection, 40);
AT(rte_vhost_device_ops, guest_notified, 48);
AT(rte_vhost_device_ops, reserved, 56);

SIZE(rte_vhost_user_extern_ops, 16);
AT(rte_vhost_user_extern_ops, pre_msg_handle, 0);
AT(rte_vhost_user_extern_ops, post_msg_handle, 8);
_Static_assert(sizeof(enum rte_vhost_msg_result) == 4, "hook result");
_Static_assert(RTE_VHOST_MSG_RESULT_ERR == -1 && RTE_VHOST_MSG_RESULT_OK == 0 &&
		RTE_VHOST_MSG_RESULT_REPLY == 1 && RTE_VHOST_MSG_RESULT_NOT_HANDLED == 2, "hook result");

SIZE(rte_vhost_inflight_desc_split, 16);
AT(rte_vhost_inflight_desc_split, inflight, 0);
AT(rte_vhost_inflight_desc_split, next, 6);
AT(rte_vhost_inflight_desc_split, counter, 8);

SIZE(rte_vhost_inflight_info_split, 16);
AT(rte_vhost_inflight_info_split, features, 0);
AT(rte_vhost_inflight_info_split, version, 8);
AT(rte_vhost_inflight_info_split, desc_num, 10);
AT(rte_vhost_inflight_info_split, last_inflight_io, 12);
AT(rte_vhost_inflight_info_split, used_idx, 14);
AT(rte_vhost_inflight_info_split, desc, 16);

SIZE(rte_vhost_inflight_desc_packed, 32);
AT(rte_vhost_inflight_desc_packed, inflight, 0);
AT(rte_vhost_inflight_desc_packed, next, 2);
AT(rte_vhost_inflight_desc_packed, last, 4);
AT(rte_vhost_inflight_desc_packed, num, 6);
AT(rte_vhost_inflight_desc_packed, counter, 8);
AT(rte_vhost_inflight_desc_packed, id, 16);
AT(rte_vhost_inflight_desc_packed, flags, 18);
AT(rte_vhost_inflight_desc_packed, len, 20);
AT(rte_vhost_inflight_desc_packed, addr, 24);

SIZE(rte_vhost_inflight_info_packed, 32);
AT(rte_vhost_inflight_info_packed, features, 0);
AT(rte_vhost_inflight_info_packed, version, 8);
AT(rte_vhost_inflight_info_packed, desc_num, 10);
AT(rte_vhost_inflight_info_packed, free_head, 12);
AT(rte_vhost_inflight_info_packed, old_free_head, 14);
AT(rte_vhost_inflight_info_packed, used_idx, 16);
AT(rte_vhost_inflight_info_packed, old_used_idx, 18);
AT(rte_vhost_inflight_info_packed, used_wrap_counter, 20);
AT(rte_vhost_inflight_info_packed, old_used_wrap_counter, 21);
AT(rte_vhost_inflight_info_packed, desc, 32);

SIZE(rte_vhost_resubmit_desc, 16);
AT(rte_vhost_resubmit_desc, index, 0);
AT(rte_vhost_resubmit_desc, counter, 8);
SIZE(rte_vhost_resubmit_info, 16);
AT(rte_vhost_resubmit_info, resubmit_list, 0);
AT(rte_vhost_resubmit_info, resubmit_num, 8);
SIZE(rte_vhost_ring_inflight, 16);
AT(rte_vhost_ring_inflight, inflight_split, 0);
AT(rte_vhost_ring_inflight, inflight_packed, 0);
AT(rte_vhost_ring_inflight, resubmit_inflight, 8);

SIZE(rte_vhost_power_monitor_cond, 32);
AT(rte_vhost_power_monitor_cond, addr, 0);
AT(rte_vhost_power_monitor_cond, val, 8);
AT(rte_vhost_power_monitor_cond, mask, 16);
AT(rte_vhost_power_monitor_cond, size, 24);
AT(rte_vhost_power_monitor_cond, match, 25);

SIZE(rte_vhost_stat, 16);
AT(rte_vhost_stat, id, 0);
AT(rte_vhost_stat, value, 8);
SIZE(rte_vhost_stat_name, 64);
SIZE(rte_vdpa_stat, 16);
AT(rte_vdpa_stat, id, 0);
AT(rte_vdpa_stat, value, 8);
SIZE(rte_vdpa_stat_name, 64);

SIZE(rte_vdpa_device, 40);
AT(rte_vdpa_device, next, 0);
AT(rte_vdpa_device, device, 16);
AT(rte_vdpa_device, ops, 24);
AT(rte_vdpa_device, type, 32);

SIZE(rte_vdpa_dev_ops, 144);
AT(rte_vdpa_dev_ops, get_queue_num, 0);
AT(rte_vdpa_dev_ops, get_features, 8);
AT(rte_vdpa_dev_ops, get_protocol_features, 16);
AT(rte_vdpa_dev_ops, dev_conf, 24);
AT(rte_vdpa_dev_ops, dev_close, 32);
AT(rte_vdpa_dev_ops, dev_cleanup, 40);
AT(rte_vdpa_dev_ops, set_vring_state, 48);
AT(rte_vdpa_dev_ops, set_features, 56);
AT(rte_vdpa_dev_ops, migration_done, 64);
AT(rte_vdpa_dev_ops, get_vfio_group_fd, 72);
AT(rte_vdpa_dev_ops, get_vfio_device_fd, 80);
AT(rte_vdpa_dev_ops, get_notify_area, 88);
AT(rte_vdpa_dev_ops, get_stats_names, 96);
AT(rte_vdpa_dev_ops, get_stats, 104);
AT(rte_vdpa_dev_ops, reset_stats, 112);
AT(rte_vdpa_dev_ops, get_config, 120);
AT(rte_vdpa_dev_ops, set_config, 128);
AT(rte_vdpa_dev_ops, get_dev_type, 136);

#endif /* __x86_64__ */

/* the message context of hooks: wire.h asserts its offsets; here only that the public result codes go with it */
_Static_assert(sizeof(struct vh_wire_msg) == 680, "api.md 10.7");

/* our numbers against the public headers' */
#define BIT_IS(ours, bit) _Static_assert((ours) == (UINT64_C(1) << (bit)), #ours)
BIT_IS(VH_F_NET_MTU, VIRTIO_NET_F_MTU);
BIT_IS(VH_F_NET_GUEST_ANNOUNCE, VIRTIO_NET_F_GUEST_ANNOUNCE);
BIT_IS(VH_F_NET_MQ, VIRTIO_NET_F_MQ);
BIT_IS(VH_F_LOG_ALL, VHOST_F_LOG_ALL);
BIT_IS(VH_F_ANY_LAYOUT, VIRTIO_F_ANY_LAYOUT);
BIT_IS(VH_F_PROTOCOL_FEATURES, VHOST_USER_F_PROTOCOL_FEATURES);
BIT_IS(VH_PF_MQ, VHOST_USER_PROTOCOL_F_MQ);
BIT_IS(VH_PF_LOG_SHMFD, VHOST_USER_PROTOCOL_F_LOG_SHMFD);
BIT_IS(VH_PF_RARP, VHOST_USER_PROTOCOL_F_RARP);
BIT_IS(VH_PF_REPLY_ACK, VHOST_USER_PROTOCOL_F_REPLY_ACK);
BIT_IS(VH_PF_NET_MTU, VHOST_USER_PROTOCOL_F_NET_MTU);
BIT_IS(VH_PF_BACKEND_REQ, VHOST_USER_PROTOCOL_F_SLAVE_REQ);
BIT_IS(VH_PF_CRYPTO_SESSION, VHOST_USER_PROTOCOL_F_CRYPTO_SESSION);
BIT_IS(VH_PF_PAGEFAULT, VHOST_USER_PROTOCOL_F_PAGEFAULT);
BIT_IS(VH_PF_CONFIG, VHOST_USER_PROTOCOL_F_CONFIG);
BIT_IS(VH_PF_BACKEND_SEND_FD, VHOST_USER_PROTOCOL_F_SLAVE_SEND_FD);
BIT_IS(VH_PF_HOST_NOTIFIER, VHOST_USER_PROTOCOL_F_HOST_NOTIFIER);
BIT_IS(VH_PF_INFLIGHT_SHMFD, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
BIT_IS(VH_PF_STATUS, VHOST_USER_PROTOCOL_F_STATUS);
_Static_assert(VH_MAX_DEVICES == RTE_MAX_VHOST_DEVICE, "vids");
_Static_assert(RTE_VHOST_STATS_NAME_SIZE == 64 && RTE_VDPA_STATS_NAME_SIZE == 64, "names");
