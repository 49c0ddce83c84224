/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding: streams (one per port and queue pair), the lcores that run them, the modes.
 * A stream is run by one lcore at a time, so each of its counters has one writer.
 */
#ifndef VTP_FWD_H
#define VTP_FWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "port.h"

/* Counters of a stream; the names say whose ring: rx is what guests sent us. */
enum counter {
	RX_PACKETS, RX_BYTES,
	TX_PACKETS, TX_BYTES,
	TX_DROPPED,       /* not taken: ring full, no device, no ring */
	TX_UNFIT,         /* to be segmented, and the guest takes no such frames */
	CSUM_BAD_IP, CSUM_BAD_L4, CSUM_COMPLETED, CSUM_UNKNOWN,
	NR_COUNTERS,
};

struct lane;

/* What guest RX gets of one queue pair: received on one port, sent on another (or the same). */
struct stream {
	struct port *rx, *tx;
	uint16_t pair;
	struct lane *lane;                   /* the lcore that runs it */
	_Atomic uint64_t count[NR_COUNTERS]; /* written by that lcore only */
} __rte_cache_aligned;

static inline void
stream_count(struct stream *s, enum counter c, uint64_t n)
{
	uint64_t now = atomic_load_explicit(&s->count[c], memory_order_relaxed);

	atomic_store_explicit(&s->count[c], now + n, memory_order_relaxed);
}

/**
 * Make the streams: ports in pairs 0-1, 2-3, ...; a port left over is its own partner.
 * @return 0, or -1 after a line on stderr (no worker lcore, no memory)
 */
int fwd_setup(const struct options *o);
void fwd_teardown(void);

/** @return 0, -1 if there is no such mode */
int fwd_set_mode(const char *name);
const char *fwd_mode_name(void);

bool fwd_running(void);
/** Launch the worker lcores. @return 0, -1 running already, -2 no packet buffers */
int fwd_start(void);
/** Stop them and wait until they have left the library. @return 0, -1 not running */
int fwd_stop(void);

/** Sum of one port's counters since the last fwd_clear_stats() of that port. */
void fwd_port_stats(const struct port *p, uint64_t out[NR_COUNTERS]);
void fwd_clear_stats(const struct port *p);

/** Print which lcore runs what. */
void fwd_print_config(void);

/* ---- for the modes ---- */

/** Packets of the guest, to be freed or sent by the caller; counted. @return number, 0..burst */
uint16_t stream_receive(struct stream *s, struct rte_mbuf **pkts);

/** Offer packets to the partner's guest and count; they stay the caller's. */
void stream_offer(struct stream *s, struct rte_mbuf **pkts, uint16_t n);

/** Frame length and burst of txonly; frames of the calling lcore, made by fwd_start(). */
struct rte_mbuf **stream_frames(struct stream *s, uint16_t *n);

#endif /* VTP_FWD_H */
