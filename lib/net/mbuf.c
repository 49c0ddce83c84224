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

/* Append n raw mbufs for left bytes. @return the last */
static struct rte_mbuf *
link_up(const struct vh_mbuf_form *f, struct rte_mbuf *last, struct rte_mbuf **more, uint32_t n, uint32_t left)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		vh_mbuf_open(f, more[i], (uint16_t)(left < f->room ? left : f->room));
		left -= more[i]->data_len;
		last->next = more[i];
		last = more[i];
	}
	return last;
}

static int
extend_chain(struct rte_mbuf *m, struct rte_mempool *pool, uint32_t len)
{
	const struct vh_mbuf_form f = vh_mbuf_form(m);
	struct rte_mbuf *more[BULK] VH_UNINIT, *last = m;
	uint32_t left = len - f.room, want, n;

	/* a pool that could not hold the frame if it were full would stall the ring for ever */
	if (f.room == 0 || (left + f.room - 1) / f.room + 1 > pool->populated_size)
		return -E2BIG;
	m->data_len = (uint16_t)f.room;
	m->pkt_len = len;
	for (want = (left + f.room - 1) / f.room; want > 0; want -= n) {
		n = want < BULK ? want : BULK;
		if (rte_mempool_get_bulk(pool, (void **)more, n) != 0) {
			shrink(m);
			return -ENOMEM;
		}
		last = link_up(&f, last, more, n, left);
		m->nb_segs = (uint16_t)(m->nb_segs + n);
		left -= want > n ? n * f.room : left;
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
