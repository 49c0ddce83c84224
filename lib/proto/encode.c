/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replies, and requests of ours, to bytes. Every byte is set on purpose (HDR-17).
 * May touch: its arguments. Any thread.
 * spec: vhost-user "Message format"; rules HDR-13, HDR-17, BKC-1
 */
#include <assert.h>
#include <string.h>

#include "msg.h"

static void
encode(struct vh_reply *r, uint32_t request, uint32_t flags, const void *payload, uint32_t len)
{
	uint32_t header[3] = { request, flags, len };

	_Static_assert(sizeof(header) == VH_MSG_HEADER, "vhost-user header");
	assert(len <= VH_MAX_PAYLOAD);
	memset(r, 0, sizeof(*r));
	memcpy(r->buf, header, sizeof(header));
	if (len > 0)
		memcpy(r->buf + VH_MSG_HEADER, payload, len);
	r->len = VH_MSG_HEADER + len;
}

void
vh_encode_u64(struct vh_reply *r, uint32_t request, uint64_t value)
{
	vh_encode_bytes(r, request, &value, sizeof(value));
}

void
vh_encode_vring_state(struct vh_reply *r, uint32_t request, uint32_t index, uint32_t num)
{
	struct vh_wire_vring_state s = { .index = index, .num = num };

	vh_encode_bytes(r, request, &s, sizeof(s));
}

void
vh_encode_bytes(struct vh_reply *r, uint32_t request, const void *payload, uint32_t len)
{
	encode(r, request, VH_MSG_VERSION | VH_MSG_REPLY, payload, len);
}

void
vh_encode_backend_request(struct vh_reply *r, uint32_t request, bool need_reply)
{
	encode(r, request, need_reply ? VH_MSG_VERSION | VH_MSG_NEED_REPLY : VH_MSG_VERSION, NULL, 0);
}
