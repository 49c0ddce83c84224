/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 2a: a frame against its row; and the way from a good frame to the check its row names (2b).
 * May touch: its arguments. Any thread.
 * spec: vhost-user; rules HDR-11, PROT-4, UNK-1, UNK-2, IDX-1, IDX-2
 */
#include "check.h"

static bool
size_fits(const struct vh_msg_row *row, uint32_t size)
{
	return row->size_rule == VH_SIZE_MIN ? size >= row->size : size == row->size;
}

/* Feature bits the message needs that nobody offered. */
static uint64_t
not_offered(const struct vh_view *v, const struct vh_msg_row *row)
{
	return (row->needs_offered & ~v->offered) | (row->needs_protocol & ~v->protocol_offered);
}

int
vh_frame_check(const struct vh_view *v, struct vh_frame *f, struct vh_fault *fault)
{
	const struct vh_msg_row *row = vh_msg_row(f->request);

	if (row == NULL)
		return vh_refuse(fault, f, VH_V_UNKNOWN_REQUEST, f->request, VH_GET_STATUS);
	/* before anything a hook could make up for: what it does not expect it would not close (UNK-2, A020) */
	if (f->fds.nr > row->fds_max)
		return vh_refuse(fault, f, VH_V_FD_COUNT, f->fds.nr, row->fds_max);
	if (not_offered(v, row) != 0)
		return vh_refuse(fault, f, VH_V_NOT_OFFERED, not_offered(v, row), 0);
	if (!size_fits(row, f->size))
		return vh_refuse(fault, f, VH_V_BAD_SIZE, f->size, row->size);
	if (f->fds.nr < row->fds_min)
		return vh_refuse(fault, f, VH_V_FD_COUNT, f->fds.nr, row->fds_min);
	if (!row->supported)
		return vh_refuse(fault, f, VH_V_NOT_OFFERED, row->needs_offered | row->needs_protocol, 0);
	return 0;
}

int
vh_msg_check(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	const struct vh_msg_row *row = vh_msg_row(f->request);
	int64_t ring = vh_msg_ring_index(f);
	int rc = 0;

	memset(m, 0, sizeof(*m));
	if (row == NULL || !row->supported)
		return vh_refuse(fault, f, VH_V_UNKNOWN_REQUEST, f->request, VH_GET_STATUS);
	if (row->names_ring && (ring < 0 || ring >= v->max_rings))
		return vh_refuse(fault, f, VH_V_BAD_INDEX, (uint64_t)ring, v->max_rings);
	m->ring = row->names_ring ? (uint16_t)ring : 0;
	m->need_reply = (f->flags & VH_MSG_NEED_REPLY) != 0;
	if (row->check != NULL)
		rc = row->check(v, f, m, fault);
	/* only now: a request number is what tells vh_msg_release() that there may be fds */
	if (rc == 0)
		m->request = f->request;
	return rc;
}

void
vh_msg_release(struct vh_msg *m)
{
	switch (m->request) {
	case VH_SET_MEM_TABLE:
		vh_fds_close_later(&m->mem.fds);
		break;
	case VH_SET_VRING_KICK:
	case VH_SET_VRING_CALL:
	case VH_SET_VRING_ERR:
	case VH_SET_BACKEND_REQ_FD:
		vh_fd_close_later(m->fd);
		m->fd = -1;
		break;
	default:
		break;
	}
}
