/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 2b of the messages that configure a ring. What a driver can get wrong through an honest front-end (size of a
 * split ring, addresses, packed base) is not refused here: the ring is parked when it would start.
 * May touch: its arguments; kinds of fds. Any thread.
 * spec: vhost-user SET_VRING_*; rules IDX-2, NUM-1..3, ADDR-1, 2, 10, BASE-1..5, KICK-1, 2, CALL-1, ERR-1, ENA-1, 2
 */
#include "check.h"
#include "idx.h"
#include "virtio.h"

int
vh_check_vring_num(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	uint32_t num = vh_payload_state(f).num;

	if (num == 0 || num > VH_MAX_RING_SIZE)
		return vh_refuse(fault, f, VH_V_RING_SIZE, num, VH_MAX_RING_SIZE);
	if (v->ring_started && num != v->ring_size)
		return vh_refuse(fault, f, VH_V_RING_BUSY, num, v->ring_size);
	m->num = (uint16_t)num;
	return 0;
}

int
vh_check_vring_addr(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	struct vh_wire_vring_addr a;

	memcpy(&a, f->payload, sizeof(a));
	if ((a.flags & ~1u) != 0)
		return vh_refuse(fault, f, VH_V_ADDR_FLAGS, a.flags, 1);
	if (!v->have_mem)
		return vh_refuse(fault, f, VH_V_NO_MEMORY, a.desc, 0);
	/* the same addresses with another flag switch logging on a running ring (V21) */
	if (v->ring_started && a.desc != v->ring_desc)
		return vh_refuse(fault, f, VH_V_RING_BUSY, a.desc, v->ring_desc);
	if (v->ring_started && a.avail != v->ring_avail_addr)
		return vh_refuse(fault, f, VH_V_RING_BUSY, a.avail, v->ring_avail_addr);
	if (v->ring_started && a.used != v->ring_used)
		return vh_refuse(fault, f, VH_V_RING_BUSY, a.used, v->ring_used);
	m->addr.desc.v = a.desc;
	m->addr.avail.v = a.avail;
	m->addr.used.v = a.used;
	m->addr.log.v = a.log;
	m->addr.log_used = (a.flags & 1) != 0;
	return 0;
}

/*
 * Used position of a packed base: the upper half, if it is set at all and names a place at most a ring behind avail
 * (BASE-3). Positions count 0..2*size-1 over both wraps, the first half being wrap 1.
 */
static uint16_t
packed_used(uint16_t avail, uint16_t upper, uint16_t size)
{
	struct vh_pidx a = vh_pidx_unpack(avail), u = vh_pidx_unpack(upper);
	uint32_t at, ut, behind;

	if (upper == 0 || size == 0 || a.idx >= size || u.idx >= size)
		return avail;
	at = a.idx + (a.wrap ? 0u : size);
	ut = u.idx + (u.wrap ? 0u : size);
	behind = (at + 2u * size - ut) % (2u * size); /* at most 2^18: cannot overflow */
	return behind <= size ? upper : avail;
}

int
vh_check_vring_base(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	uint32_t num = vh_payload_state(f).num;
	bool packed = (v->features & VH_F_RING_PACKED) != 0;

	if (!packed && num > UINT16_MAX)
		return vh_refuse(fault, f, VH_V_RING_BASE, num, UINT16_MAX);
	if (v->ring_started && (uint16_t)num != v->ring_avail)
		return vh_refuse(fault, f, VH_V_RING_BUSY, (uint16_t)num, v->ring_avail);
	m->base.avail = (uint16_t)num;
	m->base.used = packed ? packed_used((uint16_t)num, (uint16_t)(num >> 16), v->ring_size) : (uint16_t)num;
	return 0;
}

int
vh_check_vring_fd(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	unsigned int want = (vh_payload_u64(f) & VH_VRING_NOFD) != 0 ? 0 : 1;

	if (f->fds.nr != want)
		return vh_refuse(fault, f, VH_V_FD_COUNT, f->fds.nr, want);
	if (want == 1 && !vh_fd_is_eventfd(f->fds.fd[0]))
		return vh_refuse(fault, f, VH_V_FD_TYPE, 0, 0);
	m->fd = vh_fds_take(&f->fds, 0);
	return 0;
}

int
vh_check_vring_enable(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault)
{
	m->enable = vh_payload_state(f).num != 0; /* SPDK sends the ring size (V59) */
	return 0;
}
