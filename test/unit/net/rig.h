/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device with a receive and a transmit ring over three regions of guest memory, a driver on its other side, and a
 * pool. Every buffer lies between two patterns that nobody may write.
 */
#ifndef NET_RIG_H
#define NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "device.h"
#include "drv.h"
#include "netq.h"
#include "policy.h"

#define RIG_RX 0
#define RIG_TX 1
/* regions: guest addresses; 1 and 2 are neighbours for the guest and lie apart in this process */
#define RIG_GPA0 UINT64_C(0x100000)
#define RIG_SIZE0 (UINT64_C(32) << 20)
#define RIG_GPA1 UINT64_C(0x10000000)
#define RIG_GPA2 (RIG_GPA1 + RIG_SIZE1)
#define RIG_SIZE1 UINT64_C(65536)
#define RIG_UNMAPPED UINT64_C(0x7000000000)
#define RIG_ROOM 2048u /* bytes of one mbuf of the pool */
#define RIG_MBUFS 1023u

struct rig_cfg {
	uint64_t features;   /* beside VERSION_1 */
	bool legacy;         /* without VERSION_1 */
	uint64_t flags;      /* RTE_VHOST_USER_* of register */
	uint16_t size;       /* of the rings, 0: 64 */
	const char *options; /* of HVHOST_OPTIONS, NULL: defaults */
};

struct rig {
	struct vh_policy policy;
	struct vh_device *dev;
	struct drv_mem mem;
	struct drv_ring ring[2];
	uint32_t hdr_len;
	int callfd;
	uint8_t *region[3];
	uint64_t next;       /* first free byte of region 0 */
	unsigned int nr_guards;
	uint8_t *guard[64];
};

/** EAL, workers, pool. For cmocka_run_group_tests(). */
int rig_setup(void **state);
struct rte_mempool *rig_pool(void);

void rig_open(struct rig *g, const struct rig_cfg *cfg);
/** Nothing leaked, no pattern changed. */
void rig_close(struct rig *g);
/** Buffer in region 0 between two patterns, filled with 0xee. */
void *rig_alloc(struct rig *g, size_t len);
/** Guest address of a pointer into guest memory. */
uint64_t rig_gpa(const struct rig *g, const void *va);
/** Ring's driver with its buffers. */
void rig_netq(struct rig *g, struct netq *q, unsigned int ring, uint32_t buf_size, unsigned int nr_bufs);

/** The binding in force. */
const struct vh_bind *rig_bind(const struct rig *g, unsigned int ring);
/** Bursts through the ring's door. */
uint16_t rig_dequeue(struct rig *g, struct rte_mbuf **pkts, uint16_t n);
uint16_t rig_enqueue(struct rig *g, struct rte_mbuf **pkts, uint16_t n);

/** Offer a chain of private bytes cut into n pieces of the given lengths, each with patterns around it. */
void rig_send_pieces(struct rig *g, const void *bytes, const uint32_t *lens, unsigned int n, enum drv_how how);
/** Offer one plain frame of len bytes: header and frame in one piece. */
void rig_send(struct rig *g, uint32_t len, uint64_t seed);
/** Chains that come back now, all with length 0. */
unsigned int rig_sent(struct rig *g);

/** Bytes of a frame, from its seed; any length. */
void rig_fill(uint8_t *p, uint32_t len, uint64_t seed);
/** Is the packet these bytes? */
void rig_is_frame(const struct rte_mbuf *m, uint32_t len, uint64_t seed);
/** Packet of the pool in segments of at most `each` bytes (0: as large as they are). */
struct rte_mbuf *rig_packet(uint32_t len, uint64_t seed, uint32_t each);

/** The device has counted code n times and nothing else. VH_V_NONE: nothing at all. */
void rig_counted(const struct rig *g, enum vh_violation code, uint64_t n);

#endif /* NET_RIG_H */
