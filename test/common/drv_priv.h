/* SPDX-License-Identifier: BSD-3-Clause */
/* What the three files of the driver share. May touch: the ring given. */
#ifndef DRV_PRIV_H
#define DRV_PRIV_H

#include "drv.h"

/** Private record of a chain, by id. */
struct drv_meta {
	void *token;
	uint32_t writable; /* bytes the device may write */
	uint16_t slots;    /* descriptors (split) or slots (packed) it takes */
	bool in_flight;
};

/** Room for reading shared 16-bit words: once, with acquire. */
static inline uint16_t
drv_load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void
drv_store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void
drv_full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/** Remember the first fault. */
int drv_fail(struct drv_ring *r, enum drv_fault fault);
/** Book a chain as offered; its place in the order. */
void drv_book(struct drv_ring *r, uint16_t id, uint16_t slots, uint32_t writable, void *token);
/** Unbook it and fill done; the caller gives the slots back. */
void drv_unbook(struct drv_ring *r, uint16_t id, uint32_t len, struct drv_done *done);
/** Chains from the oldest in flight up to id; 0: id is not in flight. IN_ORDER only. */
uint32_t drv_batch(const struct drv_ring *r, uint16_t id);
/** Sum of the writable elements' bytes, saturated. */
uint32_t drv_writable(const struct drv_buf *bufs, unsigned int from, unsigned int to);
/** (new - event - 1) < (new - old) in 16 bits. */
bool drv_event_due(uint16_t event, uint16_t new_idx, uint16_t old);

void drv_split_reset(struct drv_ring *r);
int drv_split_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int nr_readable,
		  unsigned int nr_writable, enum drv_how how, void *token);
void drv_split_publish(struct drv_ring *r);
bool drv_split_need_kick(struct drv_ring *r);
bool drv_split_pending(const struct drv_ring *r);
int drv_split_collect(struct drv_ring *r, struct drv_done *done, unsigned int max);
void drv_split_interrupts(struct drv_ring *r, bool on);

void drv_packed_reset(struct drv_ring *r);
int drv_packed_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int nr_readable,
		   unsigned int nr_writable, enum drv_how how, void *token);
void drv_packed_publish(struct drv_ring *r);
bool drv_packed_need_kick(struct drv_ring *r);
bool drv_packed_pending(const struct drv_ring *r);
int drv_packed_collect(struct drv_ring *r, struct drv_done *done, unsigned int max);
void drv_packed_interrupts(struct drv_ring *r, bool on);

#endif /* DRV_PRIV_H */
