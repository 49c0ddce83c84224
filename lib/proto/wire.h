/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-user on the wire: request numbers, flags, payload layouts, and the raw message layout that application
 * hooks see (ABI of 22.11, api.md 10.7). Host byte order: both ends share the machine.
 * May touch: nothing. spec: vhost-user "Message format"
 */
#ifndef VH_WIRE_H
#define VH_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "limits.h"

enum vh_request {
	VH_GET_FEATURES = 1,
	VH_SET_FEATURES = 2,
	VH_SET_OWNER = 3,
	VH_RESET_OWNER = 4,
	VH_SET_MEM_TABLE = 5,
	VH_SET_LOG_BASE = 6,
	VH_SET_LOG_FD = 7,
	VH_SET_VRING_NUM = 8,
	VH_SET_VRING_ADDR = 9,
	VH_SET_VRING_BASE = 10,
	VH_GET_VRING_BASE = 11,
	VH_SET_VRING_KICK = 12,
	VH_SET_VRING_CALL = 13,
	VH_SET_VRING_ERR = 14,
	VH_GET_PROTOCOL_FEATURES = 15,
	VH_SET_PROTOCOL_FEATURES = 16,
	VH_GET_QUEUE_NUM = 17,
	VH_SET_VRING_ENABLE = 18,
	VH_SEND_RARP = 19,
	VH_NET_SET_MTU = 20,
	VH_SET_BACKEND_REQ_FD = 21,
	VH_IOTLB_MSG = 22,
	VH_GET_CONFIG = 24,
	VH_SET_CONFIG = 25,
	VH_CREATE_CRYPTO_SESSION = 26,
	VH_CLOSE_CRYPTO_SESSION = 27,
	VH_POSTCOPY_ADVISE = 28,
	VH_POSTCOPY_LISTEN = 29,
	VH_POSTCOPY_END = 30,
	VH_GET_INFLIGHT_FD = 31,
	VH_SET_INFLIGHT_FD = 32,
	VH_SET_STATUS = 39,
	VH_GET_STATUS = 40,
	VH_REQUEST_MAX = 64,
};

enum vh_backend_request {
	VH_BACKEND_CONFIG_CHANGE = 2,
};

#define VH_MSG_VERSION 1u
#define VH_MSG_VERSION_MASK 3u
#define VH_MSG_REPLY 4u
#define VH_MSG_NEED_REPLY 8u
#define VH_MSG_FLAGS_KNOWN 0xfu

#define VH_VRING_IDX_MASK 0xffu
#define VH_VRING_NOFD 0x100u

struct vh_wire_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vh_wire_vring_addr {
	uint32_t index;
	uint32_t flags; /* bit 0: log the used ring */
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vh_wire_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva;
	uint64_t offset;
};

struct vh_wire_mem_table {
	uint32_t nr;
	uint32_t padding;
	struct vh_wire_region region[];
};

/** The message context of ABI 23, as pre and post hooks see it. */
struct vh_wire_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* payload bytes */
	uint8_t payload[VH_MAX_PAYLOAD];
	int32_t fds[VH_MAX_MSG_FDS];
	int32_t fd_num;
} __attribute__((packed));

_Static_assert(sizeof(struct vh_wire_vring_addr) == 40, "vhost-user vring address");
_Static_assert(sizeof(struct vh_wire_region) == 32, "vhost-user memory region");
_Static_assert(offsetof(struct vh_wire_msg, payload) == VH_MSG_HEADER, "api.md 10.7");
_Static_assert(offsetof(struct vh_wire_msg, fds) == 644, "api.md 10.7");
_Static_assert(offsetof(struct vh_wire_msg, fd_num) == 676, "api.md 10.7");
_Static_assert(sizeof(struct vh_wire_msg) == 680, "api.md 10.7");

#endif /* VH_WIRE_H */
