/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scripted vhost-user front-end for tests and benchmarks: sends any message, honest or malformed, and makes
 * complete handshakes in the orders of real clients. Needs libc only. One thread per connection.
 * Functions return 0 or a negative errno unless said otherwise; they never block longer than fe.timeout_ms.
 * spec: vhost-user
 */
#ifndef FE_H
#define FE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drv.h"

#define FE_BIT(n) (UINT64_C(1) << (n))

/* virtio features */
#define FE_F_CSUM FE_BIT(0)
#define FE_F_GUEST_CSUM FE_BIT(1)
#define FE_F_MTU FE_BIT(3)
#define FE_F_GUEST_TSO4 FE_BIT(7)
#define FE_F_GUEST_TSO6 FE_BIT(8)
#define FE_F_HOST_TSO4 FE_BIT(11)
#define FE_F_HOST_TSO6 FE_BIT(12)
#define FE_F_MRG_RXBUF FE_BIT(15)
#define FE_F_CTRL_VQ FE_BIT(17)
#define FE_F_MQ FE_BIT(22)
#define FE_F_LOG_ALL FE_BIT(26)
#define FE_F_ANY_LAYOUT FE_BIT(27)
#define FE_F_INDIRECT FE_BIT(28)
#define FE_F_EVENT_IDX FE_BIT(29)
#define FE_F_PROTOCOL FE_BIT(30)
#define FE_F_VERSION_1 FE_BIT(32)
#define FE_F_PACKED FE_BIT(34)
#define FE_F_IN_ORDER FE_BIT(35)

/* protocol features */
#define FE_PF_MQ FE_BIT(0)
#define FE_PF_LOG_SHMFD FE_BIT(1)
#define FE_PF_RARP FE_BIT(2)
#define FE_PF_REPLY_ACK FE_BIT(3)
#define FE_PF_MTU FE_BIT(4)
#define FE_PF_STATUS FE_BIT(16)

enum fe_request {
	FE_GET_FEATURES = 1,
	FE_SET_FEATURES = 2,
	FE_SET_OWNER = 3,
	FE_RESET_OWNER = 4,
	FE_SET_MEM_TABLE = 5,
	FE_SET_LOG_BASE = 6,
	FE_SET_LOG_FD = 7,
	FE_SET_VRING_NUM = 8,
	FE_SET_VRING_ADDR = 9,
	FE_SET_VRING_BASE = 10,
	FE_GET_VRING_BASE = 11,
	FE_SET_VRING_KICK = 12,
	FE_SET_VRING_CALL = 13,
	FE_SET_VRING_ERR = 14,
	FE_GET_PROTOCOL_FEATURES = 15,
	FE_SET_PROTOCOL_FEATURES = 16,
	FE_GET_QUEUE_NUM = 17,
	FE_SET_VRING_ENABLE = 18,
	FE_SEND_RARP = 19,
	FE_NET_SET_MTU = 20,
	FE_SET_BACKEND_REQ_FD = 21,
	FE_IOTLB_MSG = 22,
	FE_GET_CONFIG = 24,
	FE_SET_CONFIG = 25,
	FE_GET_INFLIGHT_FD = 31,
	FE_SET_INFLIGHT_FD = 32,
	FE_SET_STATUS = 39,
	FE_GET_STATUS = 40,
};

/* header flags */
#define FE_VERSION 1u
#define FE_REPLY 4u
#define FE_NEED_REPLY 8u
#define FE_NOFD 0x100u /* in the payload of KICK, CALL, ERR */

#define FE_MAX_FDS 253u
#define FE_MAX_PAYLOAD 4096u

struct fe_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* payload bytes */
};

struct fe_vring_state {
	uint32_t index;
	uint32_t num;
};

struct fe_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc, used, avail, log;
};

struct fe_region {
	uint64_t gpa, size, uva, offset;
};

#define FE_MAX_REGIONS 64

struct fe_mem_table {
	uint32_t nregions;
	uint32_t padding;
	struct fe_region region[FE_MAX_REGIONS];
};

/** A received message. fds[] belong to the receiver. */
struct fe_msg {
	struct fe_hdr hdr;
	unsigned int nfds;
	int fds[8];
	union {
		uint8_t bytes[FE_MAX_PAYLOAD];
		uint64_t u64;
		struct fe_vring_state state;
	};
};

/** One connection. */
struct fe {
	int fd;         /* socket, -1 when closed */
	int listener;   /* fe_listen, else -1 */
	int timeout_ms; /* for every receive and send; default 2000 */
	unsigned int drip_us; /* not 0: every byte is sent alone, with such a pause behind it */
	bool need_reply; /* fe_do asks for an acknowledgement and waits for it; else it just sends */
	uint64_t offered, features;  /* virtio features: of the device, acked */
	uint64_t pf_offered, pf;     /* protocol features */
	uint64_t sent, received;     /* messages */
	uint64_t cut_after;          /* close the socket instead of sending a message more than that; 0: never */
};

/* --- sockets --- */

/** Zero, with fd and listener -1 and the default timeout. */
void fe_init(struct fe *fe);
/** Connect to the back-end's socket; waits up to timeout_ms for it to exist and accept. */
int fe_connect(struct fe *fe, const char *path);
/** The other direction (back-end in client mode): listen on a path (an old socket file is replaced), then accept. */
int fe_listen(struct fe *fe, const char *path);
int fe_accept(struct fe *fe);
/** Close the connection (and with true the listener). */
void fe_close(struct fe *fe, bool listener_too);
/**
 * Whether the peer has closed: waits up to ms for it, discarding replies.
 * @return true when end of file or reset was seen
 */
bool fe_peer_closed(struct fe *fe, int ms);

/* --- any message --- */

/** Bytes as they are, with fds attached to the first one. @return 0, -ETIMEDOUT (peer does not read), -EPIPE ... */
int fe_send_raw(struct fe *fe, const void *bytes, size_t len, const int *fds, unsigned int nfds);
/** A message with any flags word and any announced size (hdr.size); `len` payload bytes follow the header. */
int fe_send_hdr(struct fe *fe, const struct fe_hdr *hdr, const void *payload, size_t len, const int *fds,
		unsigned int nfds);
/** A well-formed message; flags are or-ed to the version. */
int fe_send(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
	    unsigned int nfds);
/** The next message from the peer, whatever it is. @return 0, -ETIMEDOUT, -ECONNRESET (closed), -EMSGSIZE */
int fe_recv(struct fe *fe, struct fe_msg *msg);
/**
 * Receive and check the reply to `request`: same number, flags exactly 5, payload exactly `size` bytes.
 * @return 0, -EBADMSG (reply is not that), or as fe_recv
 */
int fe_reply(struct fe *fe, uint32_t request, uint32_t size, struct fe_msg *msg);
/** Send a request that has a reply of its own, with extra flags (0 or FE_NEED_REPLY); fe_reply. */
int fe_ask(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
	   uint32_t reply_size, struct fe_msg *msg);
/** Send with NEED_REPLY and wait. @return the acknowledged value (0 good, > 0 refused), or < 0 */
int fe_ack(struct fe *fe, uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned int nfds);
/** As fe_ack if fe.need_reply, else send only and return 0. */
int fe_do(struct fe *fe, uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned int nfds);

/* --- the usual messages, through fe_do or fe_ask: same results --- */

/** The reply's value, for FE_GET_FEATURES, FE_GET_PROTOCOL_FEATURES, FE_GET_QUEUE_NUM, FE_GET_STATUS. */
int fe_get_u64(struct fe *fe, uint32_t request, uint64_t *value);
/** Nothing unread from the back-end? Waits ms for surplus replies. */
bool fe_quiet(struct fe *fe, int ms);
/** SET_FEATURES, SET_PROTOCOL_FEATURES, NET_SET_MTU, SET_STATUS. */
int fe_set_u64(struct fe *fe, uint32_t request, uint64_t value);
/** SET_VRING_NUM, _BASE, _ENABLE. */
int fe_set_vring(struct fe *fe, uint32_t request, uint32_t index, uint32_t num);
/** SET_VRING_KICK, _CALL, _ERR; fd < 0: the NOFD form. */
int fe_set_vring_fd(struct fe *fe, uint32_t request, uint32_t index, int fd);
/** SET_VRING_ADDR with front-end addresses; log_flag sets bit 0 and log = the used area. */
int fe_set_vring_addr(struct fe *fe, uint32_t index, const struct drv_ring *ring, bool log_flag);
/** GET_VRING_BASE. The num that is sent along is arbitrary. */
int fe_get_vring_base(struct fe *fe, uint32_t index, uint32_t *base);

/* --- guest memory --- */

enum fe_mem_kind {
	FE_MEM_MEMFD,         /* one memfd per region */
	FE_MEM_SEALED,        /* the same, sealed against shrinking as QEMU's */
	FE_MEM_ONE_FILE,      /* all regions in one memfd at rising offsets; each message carries its own dup */
	FE_MEM_HUGE,          /* one memfd of huge pages (2 MiB) per region */
};

struct fe_mem_region {
	struct fe_region r;  /* as the message will say */
	int fd;
	uint8_t *map;        /* whole mapping: guard, region, guard */
	uint64_t map_len;
	uint8_t *va;         /* start of the region; r.uva is its value */
};

/**
 * Guest memory. Every region is framed by guard bytes of a known pattern in the same file, right before and behind
 * what the message announces: fe_mem_guards_ok tells whether the back-end kept its bounds.
 */
struct fe_mem {
	unsigned int nr;
	uint64_t guard; /* bytes on each side */
	struct fe_mem_region region[FE_MAX_REGIONS];
	struct drv_mem mem; /* the same for the driver */
	/* bump allocator */
	unsigned int at_region;
	uint64_t at;
};

/**
 * nr regions of `size` bytes each (multiple of 4096, of 2 MiB when huge), `gap` bytes of nothing between their guest
 * addresses. `guard` bytes (multiple of 4096; of 2 MiB when huge; may be 0) of pattern on both sides.
 */
int fe_mem_create(struct fe_mem *m, unsigned int nr, uint64_t size, uint64_t gap, uint64_t guard,
		  enum fe_mem_kind kind);
void fe_mem_destroy(struct fe_mem *m);
/** Memory from a region that has room, 4096-aligned, zeroed; NULL: none left. Never crosses a region. */
void *fe_mem_alloc(struct fe_mem *m, uint64_t bytes);
/** Forget all allocations. */
void fe_mem_reset(struct fe_mem *m);
/** Pattern around the regions untouched? */
bool fe_mem_guards_ok(const struct fe_mem *m);
/** SET_MEM_TABLE of these regions (through fe_do), `surplus` bytes longer than needed. */
int fe_set_mem_table(struct fe *fe, const struct fe_mem *m, unsigned int surplus);

/* --- a whole device --- */

enum fe_order {
	FE_ORDER_QEMU,        /* recorded order of QEMU 7.2 */
	FE_ORDER_VIRTIO_USER, /* DPDK 22.11 */
};

struct fe_dev_cfg {
	enum fe_order order;
	uint16_t pairs;         /* queue pairs, 1.. */
	uint16_t size;          /* entries per ring */
	uint16_t max_table;     /* as drv_cfg.max_table; 0 also drops INDIRECT */
	uint64_t features;      /* wanted; what the device does not offer is dropped */
	uint64_t require;       /* of these: connecting fails with -EPROTONOSUPPORT if the device lacks one */
	uint64_t protocol;      /* wanted protocol features */
	bool no_protocol;       /* do not negotiate bit 30: KICK enables the rings */
	bool need_reply;        /* ask for acknowledgements where allowed (REPLY_ACK acked) */
	bool poll_call;         /* give no call fd */
	bool poll_kick;         /* give no kick fd */
	unsigned int surplus;   /* SET_MEM_TABLE: bytes of payload more than needed (at most 64) */
	bool shadow;            /* drv_cfg.shadow */
	unsigned int seed;      /* drv_cfg.seed */
	uint64_t mem_size;      /* bytes of guest memory, all regions; 0: 64 MiB */
	unsigned int regions;   /* 0: 1 */
	uint64_t gap, guard;    /* see fe_mem_create; guard 0: none */
	enum fe_mem_kind kind;
};

#define FE_MAX_RINGS 256

/** A front-end with its memory and rings: ring 2i receives, ring 2i + 1 transmits (seen from the guest). */
struct fe_dev {
	struct fe fe;
	struct fe_dev_cfg cfg;
	struct fe_mem mem;
	unsigned int nr_rings;
	struct drv_ring ring[FE_MAX_RINGS];
	int kick[FE_MAX_RINGS], call[FE_MAX_RINGS], err[FE_MAX_RINGS];
	bool started;
};

/** Defaults: 1 pair, 256 entries, VERSION_1 | PROTOCOL features, MQ | REPLY_ACK protocol, need_reply, 64 MiB. */
struct fe_dev_cfg fe_dev_defaults(void);
/** Memory, rings and eventfds; no socket yet. dev is large: static or malloc. */
int fe_dev_create(struct fe_dev *dev, const struct fe_dev_cfg *cfg);
/** Connect, negotiate, set up everything, enable. On failure the connection is closed. */
int fe_dev_connect(struct fe_dev *dev, const char *path);
/** The same over a connection that fe_accept made. */
int fe_dev_accept(struct fe_dev *dev);
/** The parts of fe_dev_connect: negotiation up to features; memory and rings; ENABLE (and DRIVER_OK). */
int fe_dev_negotiate(struct fe_dev *dev);
int fe_dev_start(struct fe_dev *dev);
int fe_dev_enable(struct fe_dev *dev, bool on);
/** Only NUM, BASE, ADDR, KICK (and CALL) of one ring. */
int fe_dev_start_ring(struct fe_dev *dev, unsigned int i);
/** Stop as the client of cfg.order does; positions are kept in the rings for a start afterwards. */
int fe_dev_stop(struct fe_dev *dev);
/** Close the socket, reset the rings; fe_dev_connect may follow. */
void fe_dev_disconnect(struct fe_dev *dev);
void fe_dev_destroy(struct fe_dev *dev);
/** Publish what was added to ring i and kick if the device wants it. */
void fe_dev_publish(struct fe_dev *dev, unsigned int i);
/** Wait for a call on ring i. @return true when one came within ms */
bool fe_dev_wait_call(struct fe_dev *dev, unsigned int i, int ms);

#endif /* FE_H */
