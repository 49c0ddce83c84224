/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Default offers of a path. May touch: its arguments. Any thread.
 * Source: api.md 4.1, 4.2, less what this version does not implement (README.md).
 */
#include <string.h>

#include "endpoint.h"

#define NET_FEATURES (VH_F_NET_CSUM | VH_F_NET_GUEST_CSUM | VH_F_NET_MTU | VH_F_NET_GSO | \
	VH_F_NET_GUEST_TSO4 | VH_F_NET_GUEST_TSO6 | VH_F_NET_GUEST_ECN | VH_F_NET_GUEST_UFO | \
	VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6 | VH_F_NET_HOST_ECN | VH_F_NET_HOST_UFO | \
	VH_F_NET_MRG_RXBUF | VH_F_NET_CTRL_VQ | VH_F_NET_CTRL_RX | VH_F_NET_GUEST_ANNOUNCE | VH_F_NET_MQ)

#define RING_FEATURES (VH_F_ANY_LAYOUT | VH_F_INDIRECT_DESC | VH_F_EVENT_IDX | VH_F_PROTOCOL_FEATURES | \
	VH_F_VERSION_1 | VH_F_RING_PACKED | VH_F_IN_ORDER)

void
vh_settings_defaults(struct vh_settings *s, uint64_t flags)
{
	const uint64_t host_segmentation = VH_F_NET_HOST_TSO4 | VH_F_NET_HOST_TSO6 | VH_F_NET_HOST_UFO;
	const uint64_t linear_only = RTE_VHOST_USER_LINEARBUF_SUPPORT;

	memset(s, 0, sizeof(*s));
	s->flags = flags;
	s->builtin_net = true;
	s->features = NET_FEATURES | RING_FEATURES;
	if ((flags & (linear_only | RTE_VHOST_USER_EXTBUF_SUPPORT)) == linear_only)
		s->features &= ~host_segmentation;
	s->features_supported = s->features;
	s->protocol_features = VH_PF_MQ | VH_PF_RARP | VH_PF_REPLY_ACK | VH_PF_NET_MTU |
		VH_PF_BACKEND_REQ | VH_PF_STATUS;
}
