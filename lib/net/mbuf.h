/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Room for a frame: one mbuf, an external buffer, or a chain, as the path was registered.
 * May touch: mbufs, EAL heap (external buffers). Data threads.
 * Source: api.md 4.3, 5.3
 */
#ifndef VH_MBUF_H
#define VH_MBUF_H

#include <stdint.h>

#include "bind.h"

struct rte_mbuf;
struct rte_mempool;

/**
 * Give m (fresh from its pool) room for a frame of len bytes that exceeds its tailroom: lengths of all segments and
 * nb_segs are set.
 * @return 0; -ENOMEM: no buffers now; -E2BIG: never, the path wants one buffer and there is none so large, or the pool
 *         as a whole is too small. m is as it was then
 */
int vh_mbuf_extend(const struct vh_bind *b, struct rte_mbuf *m, struct rte_mempool *pool, uint32_t len) VH_MUST_USE;

#endif /* VH_MBUF_H */
