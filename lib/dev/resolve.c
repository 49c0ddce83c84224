/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Can this ring run? A driver can get each of these wrong through an honest front-end, so a failure parks the ring and
 * says why; it never closes the connection.
 * May touch: the plan. Owner of the control side.
 * spec: vhost-user "Starting and stopping rings"; rules NUM-2, ADDR-3..8, BASE-2, FEAT-7, FEAT-9
 */
#include "resolve.h"

#include <errno.h>
#include <string.h>
#include <stdlib.h>

#include <rte_vhost.h>

#include "ring.h"

static int
park(struct vh_plan_ring *r, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	r->fault = (struct vh_fault){ .code = code, .observed = observed, .limit = limit };
	r->parked = code;
	return (int)code;
}

/* Everything that must have been said before a ring can start; silence is not a fault. */
static bool
is_configured(const struct vh_plan *p, uint16_t i)
{
	const struct vh_queue_conf *c = &p->ring[i].conf;

	if (i >= 2 && p->dev->set.builtin_net && (p->features & VH_F_NET_MQ) == 0)
		return false; /* FEAT-9 */
	return c->size != 0 && c->addr_set && c->kickfd != VH_FD_UNSET && !c->broken &&
		p->map != NULL && p->map->nr != 0;
}

static int
check_format(const struct vh_plan *p, struct vh_plan_ring *r)
{
	const uint64_t needs_v1 = VH_F_RING_PACKED | VH_F_IN_ORDER | VH_F_ACCESS_PLATFORM;
	bool packed = (p->features & VH_F_RING_PACKED) != 0;

	if ((p->features & needs_v1) != 0 && (p->features & VH_F_VERSION_1) == 0)
		return park(r, VH_V_SETUP_FEATURES, p->features, VH_F_VERSION_1);
	if (!packed && (r->conf.size & (r->conf.size - 1)) != 0)
		return park(r, VH_V_SETUP_SIZE, r->conf.size, VH_MAX_RING_SIZE);
	if (packed && !r->conf.started && r->conf.base_set &&
			((r->conf.base_avail & 0x7fff) >= r->conf.size ||
			 (r->conf.base_used & 0x7fff) >= r->conf.size))
		return park(r, VH_V_SETUP_BASE, r->conf.base_avail, r->conf.size);
	return 0;
}

static int
check_alignment(const struct vh_plan *p, struct vh_plan_ring *r)
{
	bool packed = (p->features & VH_F_RING_PACKED) != 0;
	const struct vh_queue_conf *c = &r->conf;

	if ((c->desc.v & 15) != 0)
		return park(r, VH_V_SETUP_ALIGN, c->desc.v, 16);
	if ((c->avail.v & (packed ? 3 : 1)) != 0)
		return park(r, VH_V_SETUP_ALIGN, c->avail.v, packed ? 4 : 2);
	if ((c->used.v & 3) != 0)
		return park(r, VH_V_SETUP_ALIGN, c->used.v, 4);
	return 0;
}

static int
locate(const struct vh_plan *p, struct vh_plan_ring *r)
{
	struct vh_ring_lens n = vh_ring_lens(r->conf.size, (p->features & VH_F_RING_PACKED) != 0,
			(p->features & VH_F_EVENT_IDX) != 0);
	struct vh_bind *b = &r->want;

	b->desc = (const struct vh_split_desc __guest *)vh_memmap_from_uva(p->map, r->conf.desc, n.desc);
	if (b->desc == NULL)
		return park(r, VH_V_SETUP_ADDR, r->conf.desc.v, n.desc);
	b->avail = (const struct vh_avail __guest *)vh_memmap_from_uva(p->map, r->conf.avail, n.avail);
	if (b->avail == NULL)
		return park(r, VH_V_SETUP_ADDR, r->conf.avail.v, n.avail);
	b->used = (struct vh_used __guest *)vh_memmap_from_uva(p->map, r->conf.used, n.used);
	if (b->used == NULL)
		return park(r, VH_V_SETUP_ADDR, r->conf.used.v, n.used);
	return 0;
}

static uint32_t
binding_flags(const struct vh_plan *p, const struct vh_queue_conf *c)
{
	const uint64_t host = VH_F_NET_CSUM | VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6 |
		VH_F_NET_HOST_ECN | VH_F_NET_HOST_UFO;
	const struct vh_settings *s = &p->dev->set;
	uint64_t f = p->features;
	bool status_ok = (p->protocol & VH_PF_STATUS) == 0 || (p->status & VH_STATUS_DRIVER_OK) != 0;
	uint32_t flags = 0;

	flags |= f & VH_F_RING_PACKED ? VH_B_PACKED : 0;
	flags |= f & VH_F_EVENT_IDX ? VH_B_EVENT_IDX : 0;
	flags |= f & VH_F_IN_ORDER ? VH_B_IN_ORDER : 0;
	flags |= f & VH_F_INDIRECT_DESC ? VH_B_INDIRECT : 0;
	flags |= f & VH_F_NET_MRG_RXBUF ? VH_B_MERGEABLE : 0;
	flags |= f & VH_F_VERSION_1 ? VH_B_VERSION_1 : 0;
	flags |= f & host ? VH_B_TX_OFFLOAD : 0;
	flags |= s->flags & RTE_VHOST_USER_NET_STATS_ENABLE ? VH_B_STATS : 0;
	flags |= s->flags & RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS ? VH_B_COMPLIANT : 0;
	flags |= s->flags & RTE_VHOST_USER_LINEARBUF_SUPPORT ? VH_B_LINEARBUF : 0;
	flags |= s->flags & RTE_VHOST_USER_EXTBUF_SUPPORT ? VH_B_EXTBUF : 0;
	flags |= s->builtin_net ? VH_B_NET : 0;
	flags |= c->enabled && status_ok ? VH_B_READY : 0;
	return flags;
}

/* FEAT-7: virtio-user strips bits and keeps their dependents; a dependent alone counts as absent. */
static uint64_t
effective_features(uint64_t f)
{
	if ((f & VH_F_NET_CSUM) == 0)
		f &= ~(VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6 | VH_F_NET_HOST_UFO);
	if ((f & (VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6)) == 0)
		f &= ~VH_F_NET_HOST_ECN;
	if ((f & VH_F_NET_GUEST_CSUM) == 0)
		f &= ~(VH_F_NET_GUEST_TSO4 | VH_F_NET_GUEST_TSO6 | VH_F_NET_GUEST_UFO);
	if ((f & (VH_F_NET_GUEST_TSO4 | VH_F_NET_GUEST_TSO6)) == 0)
		f &= ~VH_F_NET_GUEST_ECN;
	return f;
}

static void
fill_binding(const struct vh_plan *p, uint16_t i, struct vh_bind *b)
{
	const uint64_t long_hdr = VH_F_NET_MRG_RXBUF | VH_F_VERSION_1 | VH_F_RING_PACKED;
	const struct vh_queue_conf *c = &p->ring[i].conf;

	b->map = p->map;
	b->features = effective_features(p->features);
	b->flags = binding_flags(p, c);
	b->size = c->size;
	b->mask = (uint16_t)(c->size - 1);
	b->qid = i;
	b->vid = (uint16_t)p->dev->vid;
	b->hdr_len = p->features & long_hdr ? 12 : 10;
	b->call = c->call;
	b->policy = p->dev->policy;
	b->queue = p->dev->queue[i];
	b->rarp = &p->dev->rarp;
	b->ring = p->dev->queue[i]->ring;
	b->protect = p->dev->protect;
}

static bool
same_binding(const struct vh_bind *a, const struct vh_bind *b)
{
	return a->desc == b->desc && a->avail == b->avail && a->used == b->used && a->map == b->map &&
		a->flags == b->flags && a->size == b->size && a->hdr_len == b->hdr_len &&
		a->call == b->call && a->features == b->features;
}

static void
resolve_ring(struct vh_plan *p, uint16_t i)
{
	struct vh_plan_ring *r = &p->ring[i];
	const struct vh_bind *old = p->dev->queue[i]->bind;

	memset(&r->want, 0, sizeof(r->want));
	r->parked = VH_V_NONE;
	r->bound = is_configured(p, i) && check_format(p, r) == 0 && check_alignment(p, r) == 0 &&
		locate(p, r) == 0;
	if (r->bound)
		fill_binding(p, i, &r->want);
	r->changed = r->bound ? old == NULL || !same_binding(&r->want, old) : old != NULL;
	r->start = r->bound && !r->conf.started;
}

static uint32_t
areas(const struct vh_bind *b, struct vh_protect_range out[3])
{
	struct vh_ring_lens n = vh_ring_lens(b->size, vh_bind_has(b, VH_B_PACKED),
			vh_bind_has(b, VH_B_EVENT_IDX));

	out[0] = (struct vh_protect_range){ vh_guest_addr(b->desc), n.desc };
	out[1] = (struct vh_protect_range){ vh_guest_addr(b->avail), n.avail };
	out[2] = (struct vh_protect_range){ vh_guest_addr(b->used), n.used };
	return 3;
}

static bool
areas_overlap(const struct vh_bind *a, const struct vh_bind *b)
{
	struct vh_protect_range x[3], y[3];
	uint32_t i, j, nx = areas(a, x), ny = areas(b, y);

	for (i = 0; i < nx; i++)
		for (j = a == b ? i + 1 : 0; j < ny; j++)
			if (vh_ranges_overlap(x[i].start, x[i].len, y[j].start, y[j].len))
				return true;
	return false;
}

static bool
same_areas(const struct vh_bind *a, const struct vh_bind *b)
{
	return b != NULL && a->desc == b->desc && a->avail == b->avail && a->used == b->used &&
		a->size == b->size && a->flags == b->flags;
}

/* ADDR-8: only rings whose memory moved can have come to lie on another one. */
static void
check_overlaps(struct vh_plan *p, uint16_t i)
{
	struct vh_plan_ring *r = &p->ring[i];
	uint16_t j;

	if (!r->bound || same_areas(&r->want, p->dev->queue[i]->bind))
		return;
	for (j = 0; j < p->nr; j++) {
		if (!p->ring[j].bound || !areas_overlap(&r->want, &p->ring[j].want))
			continue;
		(void)park(r, VH_V_SETUP_OVERLAP, r->conf.desc.v, j);
		r->bound = false;
		r->start = false;
		r->changed = p->dev->queue[i]->bind != NULL;
		return;
	}
}

void
vh_resolve_rings(struct vh_plan *p)
{
	uint16_t i;

	for (i = 0; i < p->nr; i++)
		resolve_ring(p, i);
	for (i = 0; i < p->nr && !p->dev->policy->allow_overlap; i++)
		check_overlaps(p, i);
}

static bool
protect_differs(const struct vh_plan *p)
{
	uint16_t i;

	for (i = 0; i < p->nr; i++) {
		const struct vh_bind *old = p->dev->queue[i]->bind;
		const struct vh_plan_ring *r = &p->ring[i];

		if (r->bound != (old != NULL) || (r->bound && !same_areas(&r->want, old)))
			return true;
	}
	return false;
}

int
vh_resolve_protect(struct vh_plan *p)
{
	struct vh_protect_range *range;
	uint32_t n = 0;
	uint16_t i;

	if (!protect_differs(p))
		return 0;
	range = calloc((size_t)p->nr * 3 + 1, sizeof(*range));
	if (range == NULL)
		return -ENOMEM;
	for (i = 0; i < p->nr; i++)
		if (p->ring[i].bound)
			n += areas(&p->ring[i].want, &range[n]);
	p->protect = vh_protect_build(range, n);
	p->protect_changed = p->protect != NULL;
	free(range);
	return p->protect != NULL ? 0 : -ENOMEM;
}
