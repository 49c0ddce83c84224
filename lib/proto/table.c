/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One row per message: all that needs no code. Unsupported rows are names we know and sizes we hold hooks' messages to.
 * May touch: nothing. Any thread.
 * spec: vhost-user "Front-end message types"; rules HDR-11, HDR-13, PROT-4, UNK-1
 */
#include <stddef.h>

#include "check.h"
#include "virtio.h"

/*
 * GET_QUEUE_NUM needs no MQ (SPDK), NET_SET_MTU and SET_VRING_ENABLE no acked feature (QEMU): rows ask for what is
 * offered only. SET_MEM_TABLE, the config and the inflight messages may be longer than needed (V03).
 */
static const struct vh_msg_row rows[] = {
	{ .name = "GET_FEATURES", .request = VH_GET_FEATURES, .supported = true, .reply = VH_REPLY_EXPLICIT },
	{ .name = "SET_FEATURES", .request = VH_SET_FEATURES, .supported = true, .size = 8, .doors = true,
		.check = vh_check_features },
	{ .name = "SET_OWNER", .request = VH_SET_OWNER, .supported = true, .doors = true },
	{ .name = "RESET_OWNER", .request = VH_RESET_OWNER, .supported = true },
	{ .name = "SET_MEM_TABLE", .request = VH_SET_MEM_TABLE, .supported = true, .size_rule = VH_SIZE_MIN,
		.size = 8, .fds_max = VH_MAX_MSG_FDS, .doors = true, .check = vh_check_mem_table },
	{ .name = "SET_LOG_BASE", .request = VH_SET_LOG_BASE, .size = 16, .fds_min = 1, .fds_max = 1,
		.reply = VH_REPLY_EXPLICIT, .needs_protocol = VH_PF_LOG_SHMFD, .doors = true },
	{ .name = "SET_LOG_FD", .request = VH_SET_LOG_FD, .fds_min = 1, .fds_max = 1,
		.needs_offered = VH_F_LOG_ALL, .doors = true },
	{ .name = "SET_VRING_NUM", .request = VH_SET_VRING_NUM, .supported = true, .size = 8, .names_ring = true,
		.doors = true, .check = vh_check_vring_num },
	{ .name = "SET_VRING_ADDR", .request = VH_SET_VRING_ADDR, .supported = true, .size = 40,
		.names_ring = true, .doors = true, .check = vh_check_vring_addr },
	{ .name = "SET_VRING_BASE", .request = VH_SET_VRING_BASE, .supported = true, .size = 8,
		.names_ring = true, .doors = true, .check = vh_check_vring_base },
	/* its num is never looked at: virtio-user sends what lay on its stack (V58) */
	{ .name = "GET_VRING_BASE", .request = VH_GET_VRING_BASE, .supported = true, .size = 8,
		.reply = VH_REPLY_EXPLICIT, .names_ring = true },
	{ .name = "SET_VRING_KICK", .request = VH_SET_VRING_KICK, .supported = true, .size = 8, .fds_max = 1,
		.names_ring = true, .ring_idx8 = true, .doors = true, .check = vh_check_vring_fd },
	{ .name = "SET_VRING_CALL", .request = VH_SET_VRING_CALL, .supported = true, .size = 8, .fds_max = 1,
		.names_ring = true, .ring_idx8 = true, .doors = true, .check = vh_check_vring_fd },
	{ .name = "SET_VRING_ERR", .request = VH_SET_VRING_ERR, .supported = true, .size = 8, .fds_max = 1,
		.names_ring = true, .ring_idx8 = true, .doors = true, .check = vh_check_vring_fd },
	{ .name = "GET_PROTOCOL_FEATURES", .request = VH_GET_PROTOCOL_FEATURES, .supported = true,
		.reply = VH_REPLY_EXPLICIT, .needs_offered = VH_F_PROTOCOL_FEATURES },
	{ .name = "SET_PROTOCOL_FEATURES", .request = VH_SET_PROTOCOL_FEATURES, .supported = true, .size = 8,
		.needs_offered = VH_F_PROTOCOL_FEATURES, .doors = true, .check = vh_check_protocol },
	{ .name = "GET_QUEUE_NUM", .request = VH_GET_QUEUE_NUM, .supported = true, .reply = VH_REPLY_EXPLICIT },
	{ .name = "SET_VRING_ENABLE", .request = VH_SET_VRING_ENABLE, .supported = true, .size = 8,
		.needs_offered = VH_F_PROTOCOL_FEATURES, .names_ring = true, .doors = true,
		.check = vh_check_vring_enable },
	{ .name = "SEND_RARP", .request = VH_SEND_RARP, .supported = true, .size = 8,
		.needs_protocol = VH_PF_RARP, .doors = true, .check = vh_check_rarp },
	{ .name = "NET_SET_MTU", .request = VH_NET_SET_MTU, .supported = true, .size = 8,
		.needs_protocol = VH_PF_NET_MTU, .doors = true, .check = vh_check_mtu },
	{ .name = "SET_BACKEND_REQ_FD", .request = VH_SET_BACKEND_REQ_FD, .supported = true, .fds_min = 1,
		.fds_max = 1, .needs_protocol = VH_PF_BACKEND_REQ, .doors = true, .check = vh_check_backend_fd },
	{ .name = "IOTLB_MSG", .request = VH_IOTLB_MSG, .size = 32, .needs_offered = VH_F_ACCESS_PLATFORM },
	{ .name = "GET_CONFIG", .request = VH_GET_CONFIG, .size_rule = VH_SIZE_MIN, .size = 12,
		.reply = VH_REPLY_EXPLICIT, .needs_protocol = VH_PF_CONFIG },
	{ .name = "SET_CONFIG", .request = VH_SET_CONFIG, .size_rule = VH_SIZE_MIN, .size = 12,
		.needs_protocol = VH_PF_CONFIG },
	{ .name = "CREATE_CRYPTO_SESSION", .request = VH_CREATE_CRYPTO_SESSION, .size = 632,
		.reply = VH_REPLY_EXPLICIT, .needs_protocol = VH_PF_CRYPTO_SESSION },
	{ .name = "CLOSE_CRYPTO_SESSION", .request = VH_CLOSE_CRYPTO_SESSION, .size = 8,
		.needs_protocol = VH_PF_CRYPTO_SESSION },
	{ .name = "POSTCOPY_ADVISE", .request = VH_POSTCOPY_ADVISE, .reply = VH_REPLY_EXPLICIT,
		.needs_protocol = VH_PF_PAGEFAULT },
	{ .name = "POSTCOPY_LISTEN", .request = VH_POSTCOPY_LISTEN, .needs_protocol = VH_PF_PAGEFAULT },
	{ .name = "POSTCOPY_END", .request = VH_POSTCOPY_END, .reply = VH_REPLY_EXPLICIT,
		.needs_protocol = VH_PF_PAGEFAULT },
	/* 20 bytes without the tail padding */
	{ .name = "GET_INFLIGHT_FD", .request = VH_GET_INFLIGHT_FD, .size_rule = VH_SIZE_MIN, .size = 20,
		.reply = VH_REPLY_EXPLICIT, .needs_protocol = VH_PF_INFLIGHT_SHMFD },
	{ .name = "SET_INFLIGHT_FD", .request = VH_SET_INFLIGHT_FD, .size_rule = VH_SIZE_MIN, .size = 20,
		.fds_min = 1, .fds_max = 1, .needs_protocol = VH_PF_INFLIGHT_SHMFD },
	{ .name = "SET_STATUS", .request = VH_SET_STATUS, .supported = true, .size = 8,
		.needs_protocol = VH_PF_STATUS, .check = vh_check_status },
	{ .name = "GET_STATUS", .request = VH_GET_STATUS, .supported = true, .reply = VH_REPLY_EXPLICIT,
		.needs_protocol = VH_PF_STATUS },
};

enum { NR_ROWS = sizeof(rows) / sizeof(rows[0]) };

/* Names of numbers without a row: unknown to this library, but a log should say what it was. */
static const char *const other_names[VH_REQUEST_MAX] = {
	[23] = "SET_VRING_ENDIAN",
	[33] = "GPU_SET_SOCKET",
	[34] = "RESET_DEVICE",
	[35] = "VRING_KICK",
	[36] = "GET_MAX_MEM_SLOTS",
	[37] = "ADD_MEM_REG",
	[38] = "REM_MEM_REG",
	[41] = "GET_SHARED_OBJECT",
	[42] = "SET_DEVICE_STATE_FD",
	[43] = "CHECK_DEVICE_STATE",
	[44] = "GET_SHMEM_CONFIG",
};

const struct vh_msg_row *
vh_msg_row(uint32_t request)
{
	unsigned int i;

	for (i = 0; i < NR_ROWS; i++)
		if (rows[i].request == request)
			return &rows[i];
	return NULL;
}

const char *
vh_msg_name(uint32_t request)
{
	const struct vh_msg_row *row = vh_msg_row(request);

	if (row != NULL)
		return row->name;
	if (request < VH_REQUEST_MAX && other_names[request] != NULL)
		return other_names[request];
	return "unknown";
}

int64_t
vh_msg_ring_index(const struct vh_frame *f)
{
	const struct vh_msg_row *row = vh_msg_row(f->request);

	if (row == NULL || !row->names_ring || f->size < (row->ring_idx8 ? 8u : 4u))
		return -1;
	if (row->ring_idx8)
		return (int64_t)(vh_payload_u64(f) & VH_VRING_IDX_MASK);
	return vh_payload_state(f).index;
}
