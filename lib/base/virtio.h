/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers and layouts of virtio that the library uses: feature bits, ring memory, net header.
 * May touch: nothing. Any thread.
 * spec: virtio-1.3 2.7, 2.8, 5.1.6, 6; vhost-user "Protocol features"
 */
#ifndef VH_VIRTIO_H
#define VH_VIRTIO_H

#include <stdint.h>

#include "le.h"

#define VH_BIT(n) (UINT64_C(1) << (n))

/* device features: net */
#define VH_F_NET_CSUM VH_BIT(0)
#define VH_F_NET_GUEST_CSUM VH_BIT(1)
#define VH_F_NET_MTU VH_BIT(3)
#define VH_F_NET_GSO VH_BIT(6)
#define VH_F_NET_GUEST_TSO4 VH_BIT(7)
#define VH_F_NET_GUEST_TSO6 VH_BIT(8)
#define VH_F_NET_GUEST_ECN VH_BIT(9)
#define VH_F_NET_GUEST_UFO VH_BIT(10)
#define VH_F_NET_HOST_TSO4 VH_BIT(11)
#define VH_F_NET_HOST_TSO6 VH_BIT(12)
#define VH_F_NET_HOST_ECN VH_BIT(13)
#define VH_F_NET_HOST_UFO VH_BIT(14)
#define VH_F_NET_MRG_RXBUF VH_BIT(15)
#define VH_F_NET_CTRL_VQ VH_BIT(17)
#define VH_F_NET_CTRL_RX VH_BIT(18)
#define VH_F_NET_GUEST_ANNOUNCE VH_BIT(21)
#define VH_F_NET_MQ VH_BIT(22)
/* transport and rings */
#define VH_F_NOTIFY_ON_EMPTY VH_BIT(24)
#define VH_F_LOG_ALL VH_BIT(26)
#define VH_F_ANY_LAYOUT VH_BIT(27)
#define VH_F_INDIRECT_DESC VH_BIT(28)
#define VH_F_EVENT_IDX VH_BIT(29)
#define VH_F_PROTOCOL_FEATURES VH_BIT(30)
#define VH_F_VERSION_1 VH_BIT(32)
#define VH_F_ACCESS_PLATFORM VH_BIT(33)
#define VH_F_RING_PACKED VH_BIT(34)
#define VH_F_IN_ORDER VH_BIT(35)

/* protocol features */
#define VH_PF_MQ VH_BIT(0)
#define VH_PF_LOG_SHMFD VH_BIT(1)
#define VH_PF_RARP VH_BIT(2)
#define VH_PF_REPLY_ACK VH_BIT(3)
#define VH_PF_NET_MTU VH_BIT(4)
#define VH_PF_BACKEND_REQ VH_BIT(5)
#define VH_PF_CRYPTO_SESSION VH_BIT(7)
#define VH_PF_PAGEFAULT VH_BIT(8)
#define VH_PF_CONFIG VH_BIT(9)
#define VH_PF_BACKEND_SEND_FD VH_BIT(10)
#define VH_PF_HOST_NOTIFIER VH_BIT(11)
#define VH_PF_INFLIGHT_SHMFD VH_BIT(12)
#define VH_PF_STATUS VH_BIT(16)

/* device status */
#define VH_STATUS_DRIVER_OK 0x04u
#define VH_STATUS_FEATURES_OK 0x08u

/* descriptor flags */
#define VH_DESC_NEXT 1u
#define VH_DESC_WRITE 2u
#define VH_DESC_INDIRECT 4u
#define VH_DESC_AVAIL 0x80u
#define VH_DESC_USED 0x8000u

/* split ring suppression */
#define VH_AVAIL_NO_INTERRUPT 1u
#define VH_USED_NO_NOTIFY 1u

/* packed ring event area */
#define VH_EVENT_ENABLE 0u
#define VH_EVENT_DISABLE 1u
#define VH_EVENT_DESC 2u

/** Split descriptor, 16 bytes. */
struct vh_split_desc {
	le64_t addr;
	le32_t len;
	le16_t flags;
	le16_t next;
};

/** Available ring: flags, idx, ring[size], then used_event with EVENT_IDX. */
struct vh_avail {
	le16_t flags;
	le16_t idx;
	le16_t ring[];
};

struct vh_used_elem {
	le32_t id;
	le32_t len;
};

/** Used ring: flags, idx, ring[size], then avail_event with EVENT_IDX. */
struct vh_used {
	le16_t flags;
	le16_t idx;
	struct vh_used_elem ring[];
};

/** Packed descriptor, 16 bytes. */
struct vh_packed_desc {
	le64_t addr;
	le32_t len;
	le16_t id;
	le16_t flags;
};

/** Driver or device event suppression area. */
struct vh_packed_event {
	le16_t off_wrap;
	le16_t flags;
};

/* net header: flags and gso types */
#define VH_NET_HDR_NEEDS_CSUM 1u
#define VH_NET_HDR_DATA_VALID 2u
#define VH_NET_GSO_NONE 0u
#define VH_NET_GSO_TCPV4 1u
#define VH_NET_GSO_UDP 3u
#define VH_NET_GSO_TCPV6 4u
#define VH_NET_GSO_UDP_L4 5u
#define VH_NET_GSO_TUNNEL 0x60u
#define VH_NET_GSO_ECN 0x80u

/** Net header, host byte order after conversion; 10 bytes on the ring without num_buffers. */
struct vh_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	le16_t hdr_len;
	le16_t gso_size;
	le16_t csum_start;
	le16_t csum_offset;
	le16_t num_buffers;
};

_Static_assert(sizeof(struct vh_split_desc) == 16, "virtio-1.3 2.7.5");
_Static_assert(sizeof(struct vh_packed_desc) == 16, "virtio-1.3 2.8.13");
_Static_assert(sizeof(struct vh_used_elem) == 8, "virtio-1.3 2.7.8");
_Static_assert(sizeof(struct vh_net_hdr) == 12, "virtio-1.3 5.1.6");

#endif /* VH_VIRTIO_H */
