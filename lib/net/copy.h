/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies between requests and packets, over any number of pieces and mbufs. Bounds come from the segments, never from
 * the frame alone.
 * May touch: guest memory through guest.h. The thread inside the ring's door.
 * Rules: NET-2, NET-23, RING-10
 */
#ifndef VH_COPY_H
#define VH_COPY_H

#include <stdint.h>

#include "guest.h"
#include "snapshot.h"

struct rte_mbuf;

/** A place in the bytes of consecutive requests of a burst; moves forward only. */
struct vh_cursor {
	const struct vh_seg *seg;
	const struct vh_seg *end; /* behind the last segment */
	uint32_t off;             /* in seg */
};

/** The first byte of n >= 1 consecutive requests: their segments follow one another in the arena. */
static VH_ALWAYS_INLINE void
vh_cursor_begin(struct vh_cursor *c, const struct vh_burst *u, unsigned int first, unsigned int n)
{
	const struct vh_req *last = &u->req[first + n - 1];

	c->seg = &u->seg[u->req[first].seg];
	c->end = &u->seg[last->seg + last->nr_segs];
	c->off = 0;
}

/** Skip up to len bytes. */
void vh_cursor_skip(struct vh_cursor *c, uint32_t len);
/** Copy up to len bytes out of the request. @return bytes copied: less than len only at the end of the request */
uint32_t vh_cursor_read(struct vh_cursor *c, void *dst, uint32_t len);
/** Copy up to len bytes into the request. @return bytes copied: less than len only at the end of the request */
uint32_t vh_cursor_write(struct vh_cursor *c, const void *src, uint32_t len);
/** Fill the segments of m, as long as their data_len says, or up to the end of the request. */
void vh_cursor_read_mbuf(struct vh_cursor *c, struct rte_mbuf *m);
/** Write all segments of m, or up to the end of the request. */
void vh_cursor_write_mbuf(struct vh_cursor *c, const struct rte_mbuf *m);

#endif /* VH_COPY_H */
