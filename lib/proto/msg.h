/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stages 1 and 2 of a message: bytes -> frame -> typed private request. None of this knows a device: it gets a small
 * read-only view and returns a request; nothing is changed. Table-driven (table.c): one row per message.
 * May touch: the socket (recv), its arguments. `vhost-io` (pure parts: any thread).
 * spec: vhost-user; rules HDR-*, FEAT-*, MEM-1..3, 5, 6, 10..12, NUM-1, ADDR-1.., BASE-1, KICK-1 …
 */
#ifndef VH_MSG_H
#define VH_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "fds.h"
#include "limits.h"
#include "memmap_req.h"
#include "res.h"
#include "violation.h"
#include "wire.h"

/* ---- stage 1: receive ---- */

/** Receive state of one connection: what has arrived of the current message. Owner: the connection's. */
struct vh_rx {
	uint32_t got;           /* bytes of header + payload so far */
	uint64_t first_byte_ns; /* when the first byte came; 0 = between messages (no deadline) */
	struct vh_fds fds;      /* owned until moved into a frame */
	struct vh_fault fault;  /* details of the violation vh_rx_read returned */
	uint8_t buf[VH_MSG_HEADER + VH_MAX_PAYLOAD] VH_ALIGNED(8);
};

/** A whole message as received. Owns fds. Payload bytes behind `size` are zero. */
struct vh_frame {
	uint32_t request, flags, size;
	uint8_t payload[VH_MAX_PAYLOAD] VH_ALIGNED(8);
	struct vh_fds fds;
};

void vh_rx_init(struct vh_rx *rx);
/** Request number of what is half received, as the peer sent it; 0: not known yet. */
uint32_t vh_rx_request(const struct vh_rx *rx);
/** Forget what is half received; its fds are closed later, on a worker. */
void vh_rx_reset(struct vh_rx *rx);
/**
 * Read what is there, at most one message. Never blocks; never reads beyond the message (fds belong to the byte
 * they came with).
 * @param sock    connected stream socket
 * @param now_ns  monotonic time; noted when the first byte of a message is among what came
 * @param f       receives the message; fds it held before must have been released
 * @return 0: *f holds a complete message; -EAGAIN: not complete yet; -EPIPE: end of file or a dead socket, half a
 *         message is dropped; > 0: violation of the stream (BAD_VERSION, BAD_FLAGS, FRAME_SIZE, FD_EXCESS,
 *         FD_MISPLACED), details in rx->fault, fds closed, the connection cannot go on
 * spec: vhost-user HDR-1..10
 */
int vh_rx_read(struct vh_rx *rx, int sock, uint64_t now_ns, struct vh_frame *f) VH_MUST_USE;
/** Close (later, on a worker) the fds nobody took. */
void vh_frame_release(struct vh_frame *f);

/* ---- stage 2: validate ---- */

/** What validation may know of the device. A copy; read-only. */
struct vh_view {
	uint64_t offered;            /* virtio features */
	uint64_t features;           /* acked */
	uint64_t protocol_offered;
	uint64_t protocol;           /* acked */
	bool have_mem;               /* a table is installed, possibly empty */
	bool started;                /* any ring started */
	uint16_t max_rings;          /* ring index must be below */
	uint32_t max_regions;
	/* of the ring the message names (filled by the caller through vh_msg_ring_index) */
	bool ring_started;
	uint16_t ring_size;          /* 0 = never set */
	uint16_t ring_avail;         /* position in message encoding */
	uint64_t ring_desc, ring_avail_addr, ring_used; /* UVAs as set, 0 if never */
};

struct vh_msg;
/** Stage 2b of one message: payload and fds of the frame -> typed request. 0 or violation, *fault filled. */
typedef int (*vh_msg_check_fn)(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault);

/** How a message is answered. */
enum vh_reply_kind {
	VH_REPLY_ACK,      /* u64 0/1 if NEED_REPLY */
	VH_REPLY_EXPLICIT, /* its own reply always, never an ack (HDR-13) */
};

/** Declarative row: everything about a message that needs no code. */
struct vh_msg_row {
	const char *name;
	uint32_t request;
	enum { VH_SIZE_EXACT, VH_SIZE_MIN } size_rule;
	uint16_t size;               /* bytes: exact, or at least */
	uint8_t fds_min, fds_max;
	enum vh_reply_kind reply;
	uint64_t needs_offered;      /* virtio bits that must be OFFERED, else NOT_OFFERED */
	uint64_t needs_protocol;     /* protocol bits that must be OFFERED (PROT-4) */
	bool supported;              /* false: name known, refused as NOT_OFFERED unless a hook serves it */
	bool names_ring;             /* payload begins with a ring index */
	bool ring_idx8;              /* index is the low 8 bits of a u64 (KICK, CALL, ERR; IDX-2) */
	bool doors;                  /* application hooks run with all doors closed (api.md 3.3 step 4) */
	vh_msg_check_fn check;       /* NULL: nothing behind the frame to look at */
};

/** NULL: unknown number. */
const struct vh_msg_row *vh_msg_row(uint32_t request);
/** Name for logs: "SET_MEM_TABLE", or "unknown". Never NULL. */
const char *vh_msg_name(uint32_t request);
/** Ring index a frame names, -1 if its row names none or the payload is too short. Not range-checked. */
int64_t vh_msg_ring_index(const struct vh_frame *f);

/**
 * Stage 2a: number, fd count, offered features and size against the row. Changes nothing; pure.
 * A message of an application's feature (offered, but not supported here) has its size checked before a hook sees it.
 * @return 0 or violation (UNKNOWN_REQUEST, FD_COUNT, NOT_OFFERED, BAD_SIZE); *fault filled
 */
int vh_frame_check(const struct vh_view *v, struct vh_frame *f, struct vh_fault *fault) VH_MUST_USE;

/** Typed request: the only thing apply sees. Which member is valid follows from `request`. */
struct vh_msg {
	uint32_t request;
	bool need_reply;
	uint16_t ring;                /* < view.max_rings where the row names a ring */
	union {
		uint64_t features;    /* SET_FEATURES, SET_PROTOCOL_FEATURES */
		struct vh_mem_req mem; /* SET_MEM_TABLE: owns its fds */
		uint16_t num;         /* SET_VRING_NUM: 1..32768 */
		struct {
			uva_t desc, avail, used, log;
			bool log_used;
		} addr;               /* SET_VRING_ADDR: any values; resolved, or not, when the ring starts */
		struct {
			uint16_t avail, used; /* api.md 2.4 encoding; used == avail unless BASE-3 lets it differ */
		} base;               /* SET_VRING_BASE */
		int fd;               /* KICK, CALL, ERR, SET_BACKEND_REQ_FD: owned; -1 = none given (polling) */
		bool enable;          /* SET_VRING_ENABLE */
		uint8_t mac[6];       /* SEND_RARP */
		uint16_t mtu;         /* NET_SET_MTU */
		uint8_t status;       /* SET_STATUS */
	};
};

/**
 * Stage 2b: payload -> *m. Moves fds out of the frame into the request. Checks kinds of eventfds and sockets (FD-7,
 * FD-12), ranges, busy rings, subset of offers, overlaps of regions (GPA; UVA except exact alias is decided in
 * vh_memmap_build which knows files). Changes nothing else. Only after vh_frame_check() returned 0.
 * @return 0: *m valid, owns its fds; or violation, *fault filled, *m owns nothing, fds still in the frame
 */
int vh_msg_check(const struct vh_view *v, struct vh_frame *f, struct vh_msg *m, struct vh_fault *fault) VH_MUST_USE;
/** Close the fds that apply did not take. Idempotent; a zeroed request holds none. */
void vh_msg_release(struct vh_msg *m);

/* ---- replies ---- */

/** A reply ready to send: header + payload, zero where nothing was set (HDR-17). */
struct vh_reply {
	uint32_t len;
	uint8_t buf[VH_MSG_HEADER + VH_MAX_PAYLOAD];
};

void vh_encode_u64(struct vh_reply *r, uint32_t request, uint64_t value);
void vh_encode_vring_state(struct vh_reply *r, uint32_t request, uint32_t index, uint32_t num);
/** Any payload. len <= VH_MAX_PAYLOAD. flags of the reply are exactly version 1 | REPLY. */
void vh_encode_bytes(struct vh_reply *r, uint32_t request, const void *payload, uint32_t len);
/** A request of ours on the back-end channel (no payload). */
void vh_encode_backend_request(struct vh_reply *r, uint32_t request, bool need_reply);

#endif /* VH_MSG_H */
