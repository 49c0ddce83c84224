/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 2b of the messages that concern the device as a whole.
 * May touch: its arguments; kinds of fds. Any thread.
 * spec: vhost-user; rules FEAT-2..5, PROT-2, RARP-1, MTU-1, REQ-1, FD-12, STAT-1
 */
#include "check.h"
#include "virtio.h"

int
vh_check_features(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	uint64_t bits = vh_payload_u64(f);

	if ((bits & ~v->offered) != 0)
		return vh_refuse(fault, f, VH_V_FEATURES, bits & ~v->offered, v->offered);
	/* logging goes on and off under running rings, at the start and the end of a migration (V13) */
	if (v->started && ((bits ^ v->features) & ~VH_F_LOG_ALL) != 0)
		return vh_refuse(fault, f, VH_V_RUNNING, bits, v->features);
	m->features = bits;
	return 0;
}

int
vh_check_protocol(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	uint64_t bits = vh_payload_u64(f);

	if ((bits & ~v->protocol_offered) != 0)
		return vh_refuse(fault, f, VH_V_FEATURES, bits & ~v->protocol_offered, v->protocol_offered);
	if (v->started && bits != v->protocol)
		return vh_refuse(fault, f, VH_V_RUNNING, bits, v->protocol);
	m->features = bits;
	return 0;
}

int
vh_check_rarp(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	memcpy(m->mac, f->payload, sizeof(m->mac));
	return 0;
}

int
vh_check_mtu(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	uint64_t mtu = vh_payload_u64(f);

	if (mtu < VH_MTU_MIN)
		return vh_refuse(fault, f, VH_V_MTU, mtu, VH_MTU_MIN);
	if (mtu > VH_MTU_MAX)
		return vh_refuse(fault, f, VH_V_MTU, mtu, VH_MTU_MAX);
	m->mtu = (uint16_t)mtu;
	return 0;
}

int
vh_check_backend_fd(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	if (!vh_fd_is_unix_stream(f->fds.fd[0]))
		return vh_refuse(fault, f, VH_V_FD_TYPE, 0, 0);
	m->fd = vh_fds_take(&f->fds, 0);
	return 0;
}

int
vh_check_status(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	uint64_t status = vh_payload_u64(f);

	if (status > UINT8_MAX)
		return vh_refuse(fault, f, VH_V_STATUS, status, UINT8_MAX);
	m->status = (uint8_t)status; /* no order of bits is demanded (STAT-2) */
	return 0;
}
