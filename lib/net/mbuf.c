/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames larger than one mbuf. May touch: mbufs, EAL heap. Data threads.
 */
#include "mbuf.h"

#include <errno.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>

/* mbufs taken from the pool in one go */
#define BULK 32u

static void
free_external(void *addr, void *opaque)
{
	rte_free(opaque);
}

/* One contiguous buffer from the EAL heap; the 16-bit lengths of mbufs bound it (A162). */
static int
attach_external(struct rte_mbuf *m, uint32_t len)
{
	const uint32_t extra = RTE_PKTMBUF_HEADROOM + (uint32_t)sizeof(struct rte_mbuf_ext_shared_info) +
		(uint32_t)sizeof(uintptr_t);
	struct rte_mbuf_ext_shared_info *info;
	uint16_t size;
	void *buf;

	if (len > UINT16_MAX - extra)
		return -E2BIG;
	size = (uint16_t)(len + extra);
	buf = rte_malloc("vhost frame", size, RTE_CACHE_LINE_SIZE);
	if (buf == NULL)
		return -ENOMEM;
	/* cannot fail: the room for it is part of the buffer; shortens size */
	info = rte_pktmbuf_ext_shinfo_init_helper(buf, &size, free_external, buf);
	rte_pktmbuf_attach_extbuf(m, buf, rte_malloc_virt2iova(buf), size, info);
	rte_pktmbuf_reset_headroom(m);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return 0;
}

/* Back to an empty mbuf. */
static void
shrink(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	m->data_len = 0;
	m->pkt_len = 0;
}

/* Append n fresh mbufs, room bytes each, for left bytes. @return the last */
static struct rte_mbuf *
link_up(struct rte_mbuf *head, struct rte_mbuf *last, struct rte_mbuf **more, uint32_t n, uint32_t room, uint32_t left)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		more[i]->data_len = (uint16_t)(left < room ? left : room);
		left -= more[i]->data_len;
		last->next = more[i];
		last = more[i];
	}
	head->nb_segs = (uint16_t)(head->nb_segs + n);
	return last;
}

static int
extend_chain(struct rte_mbuf *m, struct rte_mempool *pool, uint32_t len)
{
	/* all mbufs of a pool have the same room */
	const uint32_t room = rte_pktmbuf_tailroom(m);
	struct rte_mbuf *more[BULK] VH_UNINIT, *last = m;
	uint32_t left = len - room, want;

	/* a pool that could not hold the frame if it were full would stall the ring for ever */
	if (room == 0 || left / room + 2 > pool->populated_size)
		return -E2BIG;
	m->data_len = (uint16_t)room;
	m->pkt_len = len;
	for (want = (left + room - 1) / room; want > 0;) {
		uint32_t n = want < BULK ? want : BULK;

		if (rte_pktmbuf_alloc_bulk(pool, more, n) != 0) {
			shrink(m);
			return -ENOMEM;
		}
		last = link_up(m, last, more, n, room, left);
		left -= n * room < left ? n * room : left;
		want -= n;
	}
	return 0;
}

int
vh_mbuf_extend(const struct vh_bind *b, struct rte_mbuf *m, struct rte_mempool *pool, uint32_t len)
{
	if (vh_bind_has(b, VH_B_EXTBUF)) {
		int rc = attach_external(m, len);

		if (rc == 0 || vh_bind_has(b, VH_B_LINEARBUF))
			return rc;
	}
	if (vh_bind_has(b, VH_B_LINEARBUF))
		return -E2BIG;
	return extend_chain(m, pool, len);
}
