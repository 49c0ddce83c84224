/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of feature bits for telemetry and logs. May touch: nothing. Any thread.
 * spec: virtio-1.3 5.1.3, 6; vhost-user "Protocol features"
 */
#include <stddef.h>

#include "telemetry.h"

static const char *const feature_names[64] = {
	[0] = "net_csum",
	[1] = "net_guest_csum",
	[2] = "net_ctrl_guest_offloads",
	[3] = "net_mtu",
	[5] = "net_mac",
	[6] = "net_gso",
	[7] = "net_guest_tso4",
	[8] = "net_guest_tso6",
	[9] = "net_guest_ecn",
	[10] = "net_guest_ufo",
	[11] = "net_host_tso4",
	[12] = "net_host_tso6",
	[13] = "net_host_ecn",
	[14] = "net_host_ufo",
	[15] = "net_mrg_rxbuf",
	[16] = "net_status",
	[17] = "net_ctrl_vq",
	[18] = "net_ctrl_rx",
	[19] = "net_ctrl_vlan",
	[20] = "net_ctrl_rx_extra",
	[21] = "net_guest_announce",
	[22] = "net_mq",
	[23] = "net_ctrl_mac_addr",
	[24] = "notify_on_empty",
	[26] = "log_all",
	[27] = "any_layout",
	[28] = "ring_indirect_desc",
	[29] = "ring_event_idx",
	[30] = "protocol_features",
	[32] = "version_1",
	[33] = "access_platform",
	[34] = "ring_packed",
	[35] = "in_order",
	[36] = "order_platform",
	[37] = "sr_iov",
	[38] = "notification_data",
	[39] = "notif_config_data",
	[40] = "ring_reset",
	[41] = "admin_vq",
	[51] = "net_device_stats",
	[52] = "net_vq_notf_coal",
	[53] = "net_notf_coal",
	[54] = "net_guest_uso4",
	[55] = "net_guest_uso6",
	[56] = "net_host_uso",
	[57] = "net_hash_report",
	[59] = "net_guest_hdrlen",
	[60] = "net_rss",
	[61] = "net_rsc_ext",
	[62] = "net_standby",
	[63] = "net_speed_duplex",
};

static const char *const protocol_names[64] = {
	[0] = "mq",
	[1] = "log_shmfd",
	[2] = "rarp",
	[3] = "reply_ack",
	[4] = "mtu",
	[5] = "backend_req",
	[6] = "cross_endian",
	[7] = "crypto_session",
	[8] = "pagefault",
	[9] = "config",
	[10] = "backend_send_fd",
	[11] = "host_notifier",
	[12] = "inflight_shmfd",
	[13] = "reset_device",
	[14] = "inband_notifications",
	[15] = "configure_mem_slots",
	[16] = "status",
	[17] = "xen_mmap",
	[18] = "shared_object",
	[19] = "device_state",
};

const char *
vh_feature_name(unsigned int bit)
{
	return bit < 64 ? feature_names[bit] : NULL;
}

const char *
vh_protocol_feature_name(unsigned int bit)
{
	return bit < 64 ? protocol_names[bit] : NULL;
}
