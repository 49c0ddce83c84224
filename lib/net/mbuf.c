/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames larger than one mbuf. May touch: mbufs, EAL heap. Data threads.
 */
#include "mbuf.h"

#include <errno.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>

static void
free_external(void *addr, void *opaque)
{
	rte_free(opaque);
}

/* One contiguous buffer from the EAL heap; 16-bit lengths of mbufs bound it (A162). */
static int
attach_external(struct rte_mbuf *m, uint32_t len)
{
	uint32_t total = RTE_PKTMBUF_HEADROOM + len + (uint32_t)sizeof(struct rte_mbuf_ext_shared_info) +
		(uint32_t)sizeof(uintptr_t);
	struct rte_mbuf_ext_shared_info *info;
	uint16_t size = (uint16_t)total;
	void *buf;

	if (total > UINT16_MAX)
		return -E2BIG;
	buf = rte_malloc("vhost frame", total, RTE_CACHE_LINE_SIZE);
	if (buf == NULL)
		return -ENOMEM;
	info = rte_pktmbuf_ext_shinfo_init_helper(buf, &size, free_external, buf);
	if (info == NULL) {
		rte_free(buf);
		return -E2BIG;
	}
	rte_pktmbuf_attach_extbuf(m, buf, rte_malloc_virt2iova(buf), size, info);
	rte_pktmbuf_reset_headroom(m);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return 0;
}

static int
extend_chain(struct rte_mbuf *m, struct rte_mempool *pool, uint32_t len)
{
	struct rte_mbuf *last = m;
	uint32_t left = len - rte_pktmbuf_tailroom(m);

	m->data_len = rte_pktmbuf_tailroom(m);
	m->pkt_len = len;
	while (left > 0) {
		struct rte_mbuf *n = rte_pktmbuf_alloc(pool);
		uint32_t room;

		if (n == NULL) {
			rte_pktmbuf_free(m->next);
			m->next = NULL;
			m->nb_segs = 1;
			m->data_len = 0;
			m->pkt_len = 0;
			return -ENOMEM;
		}
		room = rte_pktmbuf_tailroom(n);
		n->data_len = (uint16_t)(left < room ? left : room);
		left -= n->data_len;
		last->next = n;
		last = n;
		m->nb_segs++;
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
