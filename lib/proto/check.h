/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside proto/: the checks that rows of table.c name, and how a fault is filled.
 * May touch: its arguments. Any thread.
 */
#ifndef VH_CHECK_H
#define VH_CHECK_H

#include <string.h>

#include "msg.h"

/** Fill *fault. @return code, so that a check can end with it */
static inline int
vh_fault_set(struct vh_fault *fault, enum vh_violation code, uint32_t message, uint16_t queue, uint64_t observed,
		uint64_t limit)
{
	*fault = (struct vh_fault){ .code = code, .queue = queue, .message = message, .observed = observed,
		.limit = limit };
	return code;
}

/** As above for a message under check; the ring is the one the request names, if any. */
static inline int
vh_refuse(struct vh_fault *fault, const struct vh_frame *f, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	int64_t ring = vh_msg_ring_index(f);
	uint16_t queue = ring >= 0 && ring < VH_MAX_RINGS ? (uint16_t)ring : VH_NO_QUEUE;

	return vh_fault_set(fault, code, f->request, queue, observed, limit);
}

/** A payload that is one u64. The row has proved the size. */
static inline uint64_t
vh_payload_u64(const struct vh_frame *f)
{
	uint64_t v;

	memcpy(&v, f->payload, sizeof(v));
	return v;
}

/** A payload {index, num}. The row has proved the size. */
static inline struct vh_wire_vring_state
vh_payload_state(const struct vh_frame *f)
{
	struct vh_wire_vring_state s;

	memcpy(&s, f->payload, sizeof(s));
	return s;
}

/* Each is a vh_msg_check_fn; m->request, need_reply and ring are set, ring is below the limit. */
int vh_check_features(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_protocol(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_mem_table(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_vring_num(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_vring_addr(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_vring_base(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_vring_fd(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_vring_enable(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_rarp(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_mtu(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_backend_fd(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);
int vh_check_status(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);

#endif /* VH_CHECK_H */
