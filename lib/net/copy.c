/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies over any number of pieces, one byte each if the driver likes (NET-2, NET-23).
 * May touch: guest memory through guest.h. The thread inside the ring's door.
 */
#include "copy.h"

#include <rte_mbuf.h>

/* Bytes left in the current segment, at most len, after stepping over used-up ones; 0 at the end. */
static VH_ALWAYS_INLINE uint32_t
run(struct vh_cursor *c, uint32_t len)
{
	uint32_t n;

	while (c->seg != c->end && c->off == c->seg->len) {
		c->seg++;
		c->off = 0;
	}
	if (c->seg == c->end)
		return 0;
	n = c->seg->len - c->off;
	return n < len ? n : len;
}

static VH_ALWAYS_INLINE void
read_bytes(struct vh_cursor *c, uint8_t *dst, uint32_t len)
{
	uint32_t n;

	for (; len > 0 && (n = run(c, len)) > 0; len -= n) {
		vh_guest_copy_in_fast(dst, c->seg->hva + c->off, n);
		c->off += n;
		dst += n;
	}
}

static VH_ALWAYS_INLINE void
write_bytes(struct vh_cursor *c, const uint8_t *src, uint32_t len)
{
	uint32_t n;

	for (; len > 0 && (n = run(c, len)) > 0; len -= n) {
		vh_guest_copy_out_fast(c->seg->hva + c->off, src, n);
		c->off += n;
		src += n;
	}
}

void
vh_cursor_skip(struct vh_cursor *c, uint32_t len)
{
	uint32_t n;

	for (; len > 0 && (n = run(c, len)) > 0; len -= n)
		c->off += n;
}

/* for headers: never as long as one step of a fast copy */
uint32_t
vh_cursor_read(struct vh_cursor *c, void *dst, uint32_t len)
{
	uint32_t done = 0, n;

	for (; done < len && (n = run(c, len - done)) > 0; done += n) {
		vh_guest_copy_in((uint8_t *)dst + done, c->seg->hva + c->off, n);
		c->off += n;
	}
	return done;
}

uint32_t
vh_cursor_write(struct vh_cursor *c, const void *src, uint32_t len)
{
	uint32_t done = 0, n;

	for (; done < len && (n = run(c, len - done)) > 0; done += n) {
		vh_guest_copy_out(c->seg->hva + c->off, (const uint8_t *)src + done, n);
		c->off += n;
	}
	return done;
}

void
vh_cursor_read_mbuf(struct vh_cursor *c, struct rte_mbuf *m)
{
	struct vh_cursor at = *c;

	for (; m != NULL; m = m->next)
		read_bytes(&at, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	*c = at;
}

void
vh_cursor_write_mbuf(struct vh_cursor *c, const struct rte_mbuf *m)
{
	struct vh_cursor at = *c;

	for (; m != NULL; m = m->next)
		write_bytes(&at, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	*c = at;
}
