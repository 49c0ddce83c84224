/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous copying, before it exists: no DMA channel can be configured and no ring registered, so the rest does
 * what the contract says for a ring without a channel.
 * Source: rte_vhost_async.h; api.md 2.7, H17. Any thread.
 */
#include <stdbool.h>

#include "api.h"
#include "device.h"
#include "log.h"

enum { NEED_EXISTS = 0, NEED_MAPPED = 1 };

/* Does the device have that ring, and (if asked) is it mapped? A bad vid is logged by the lookup. */
static bool
has_ring(int vid, uint16_t queue_id, bool mapped)
{
	struct vh_queue *q = vh_queue_lock(vid, queue_id);
	bool ok;

	if (q == NULL)
		return false;
	ok = !mapped || q->bind != NULL;
	vh_queue_unlock(q);
	return ok;
}

/* The *_thread_unsafe forms belong into callbacks that run with the rings held (K12); else the contract says -1. */
static bool
rings_held(int vid)
{
	return (uint32_t)vid < VH_MAX_DEVICES &&
		__atomic_load_n(&vh_slots[vid].cb_thread, __ATOMIC_ACQUIRE) != 0;
}

static int
refuse_channel(int vid, uint16_t queue_id)
{
	if (vh_device_exists(vid))
		VH_LOG_CONFIG(ERR, "dma", "vid=%d queue=%u: asynchronous copying is not part of this version", vid,
				queue_id);
	return -1;
}

int
rte_vhost_async_channel_register(int vid, uint16_t queue_id)
{
	return refuse_channel(vid, queue_id);
}

int
rte_vhost_async_channel_register_thread_unsafe(int vid, uint16_t queue_id)
{
	return refuse_channel(vid, queue_id);
}

int
rte_vhost_async_channel_unregister(int vid, uint16_t queue_id)
{
	return has_ring(vid, queue_id, NEED_MAPPED) ? 0 : -1; /* nothing registered is no error */
}

int
rte_vhost_async_channel_unregister_thread_unsafe(int vid, uint16_t queue_id)
{
	return has_ring(vid, queue_id, NEED_EXISTS) && rings_held(vid) ? 0 : -1;
}

uint16_t
rte_vhost_submit_enqueue_burst(int vid, uint16_t queue_id, struct rte_mbuf **pkts, uint16_t count, int16_t dma_id,
		uint16_t vchan_id)
{
	return 0;
}

uint16_t
rte_vhost_poll_enqueue_completed(int vid, uint16_t queue_id, struct rte_mbuf **pkts, uint16_t count, int16_t dma_id,
		uint16_t vchan_id)
{
	return 0;
}

int
rte_vhost_async_get_inflight(int vid, uint16_t queue_id)
{
	(void)vh_device_exists(vid); /* for its log line */
	return -1;
}

int
rte_vhost_async_get_inflight_thread_unsafe(int vid, uint16_t queue_id)
{
	(void)vh_device_exists(vid); /* for its log line */
	return -1;
}

uint16_t
rte_vhost_clear_queue(int vid, uint16_t queue_id, struct rte_mbuf **pkts, uint16_t count, int16_t dma_id,
		uint16_t vchan_id)
{
	return 0;
}

uint16_t
rte_vhost_clear_queue_thread_unsafe(int vid, uint16_t queue_id, struct rte_mbuf **pkts, uint16_t count,
		int16_t dma_id, uint16_t vchan_id)
{
	return 0;
}

uint16_t
rte_vhost_async_try_dequeue_burst(int vid, uint16_t queue_id, struct rte_mempool *mbuf_pool, struct rte_mbuf **pkts,
		uint16_t count, int *nr_inflight, int16_t dma_id, uint16_t vchan_id)
{
	if (nr_inflight != NULL)
		*nr_inflight = -1;
	return 0;
}

int
rte_vhost_async_dma_configure(int16_t dma_id, uint16_t vchan_id)
{
	VH_LOG_CONFIG(ERR, "dma", "dma=%d vchan=%u: asynchronous copying is not part of this version", dma_id,
			vchan_id);
	return -1;
}

int
rte_vhost_async_dma_unconfigure(int16_t dma_id, uint16_t vchan_id)
{
	VH_LOG_CONFIG(ERR, "dma", "dma=%d vchan=%u was never configured", dma_id, vchan_id);
	return -1;
}
