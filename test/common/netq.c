/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames over a driver's ring.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netq.h"

#define MAX_FRAME (256u * 1024u)
#define MAX_ELEMENTS 256u

size_t
netq_bytes(const struct netq_cfg *cfg, unsigned int nr_bufs)
{
	return (size_t)cfg->buf_size * nr_bufs;
}

int
netq_init(struct netq *q, const struct netq_cfg *cfg, struct drv_ring *ring, void *memory, unsigned int nr_bufs)
{
	memset(q, 0, sizeof(*q));
	q->cfg = *cfg;
	q->ring = ring;
	q->memory = memory;
	q->nr_bufs = nr_bufs;
	q->free = calloc(nr_bufs, sizeof(*q->free));
	q->done = calloc(ring->cfg.size, sizeof(*q->done));
	q->elements = calloc(MAX_ELEMENTS, sizeof(*q->elements));
	q->frame = malloc(MAX_FRAME);
	if (!q->free || !q->done || !q->elements || !q->frame) {
		netq_fini(q);
		return -ENOMEM;
	}
	netq_reset(q);
	return 0;
}

void
netq_fini(struct netq *q)
{
	free(q->free);
	free(q->done);
	free(q->elements);
	free(q->frame);
	q->free = NULL;
	q->done = NULL;
	q->elements = NULL;
	q->frame = NULL;
}

void
netq_reset(struct netq *q)
{
	q->nr_free = q->nr_bufs;
	for (unsigned int i = 0; i < q->nr_bufs; i++)
		q->free[i] = q->nr_bufs - 1 - i;
}

static uint8_t *
buf_of(const struct netq *q, uint32_t i)
{
	return q->memory + (size_t)i * q->cfg.buf_size;
}

/* Elements of a buffer's first `len` bytes (header included). @return how many, 0: too many */
static unsigned int
cut(const struct netq *q, const uint8_t *buf, uint32_t len, struct drv_buf *out)
{
	uint64_t gpa = drv_gpa(q->ring->cfg.mem, buf);
	uint32_t limit = q->cfg.element ? q->cfg.element : UINT32_MAX;
	uint32_t next = q->cfg.shape == NETQ_SPLIT ? q->cfg.hdr_len : limit;
	unsigned int n = 0;

	while (len > 0 && n < MAX_ELEMENTS) {
		uint32_t part = len < next ? len : next;

		out[n++] = (struct drv_buf){ gpa, part };
		gpa += part;
		len -= part;
		next = limit;
	}
	return len == 0 ? n : 0;
}

unsigned int
netq_refill(struct netq *q)
{
	struct drv_buf *e = q->elements;
	unsigned int added = 0;

	while (q->nr_free > 0) {
		uint8_t *buf = buf_of(q, q->free[q->nr_free - 1]);
		unsigned int n = cut(q, buf, q->cfg.buf_size, e);

		if (drv_add(q->ring, e, 0, n, q->cfg.how, buf) < 0)
			break;
		q->nr_free--;
		added++;
	}
	return added;
}

int
netq_send(struct netq *q, const struct netq_hdr *hdr, const void *data, uint32_t len)
{
	static const struct netq_hdr none;
	struct drv_buf *e = q->elements;
	uint32_t total = q->cfg.hdr_len + len;
	uint8_t *buf;

	if (q->nr_free == 0 || total > q->cfg.buf_size)
		return -ENOSPC;
	buf = buf_of(q, q->free[q->nr_free - 1]);
	if (drv_add(q->ring, e, cut(q, buf, total, e), 0, q->cfg.how, buf) < 0)
		return -ENOSPC;
	/* not visible to the device yet */
	memcpy(buf, hdr ? hdr : &none, q->cfg.hdr_len);
	if (data != NULL)
		memcpy(buf + q->cfg.hdr_len, data, len);
	q->nr_free--;
	q->frames++;
	q->bytes += len;
	return 0;
}

static void
free_buf(struct netq *q, const void *token)
{
	size_t off = (size_t)((const uint8_t *)token - q->memory);

	q->free[q->nr_free++] = (uint32_t)(off / q->cfg.buf_size);
}

int
netq_sent(struct netq *q)
{
	int n = drv_collect(q->ring, q->done, q->ring->cfg.size);

	for (int i = 0; i < n; i++)
		free_buf(q, q->done[i].token);
	return n;
}

/*
 * One frame from done[0..]: copies its parts together unless it is one buffer.
 * @return buffers it takes, 0: the rest of it has not come yet, < 0: the device lied
 */
static int
one_frame(struct netq *q, const struct drv_done *done, unsigned int n, struct netq_hdr *hdr, const uint8_t **data,
	  uint32_t *len)
{
	const uint8_t *first = done[0].token;
	uint32_t h = q->cfg.hdr_len, total, parts = 1;

	memset(hdr, 0, sizeof(*hdr));
	if (done[0].len < h || done[0].len > q->cfg.buf_size)
		return -EBADMSG;
	memcpy(hdr, first, h);
	if (q->cfg.mergeable)
		parts = hdr->num_buffers;
	if (parts == 0 || parts > q->ring->cfg.size)
		return -EBADMSG;
	if (parts > n)
		return 0;
	*data = first + h;
	*len = done[0].len - h;
	if (parts == 1)
		return 1;
	total = *len;
	memcpy(q->frame, first + h, total);
	for (uint32_t i = 1; i < parts; i++) {
		if (done[i].len > q->cfg.buf_size || total + done[i].len > MAX_FRAME)
			return -EBADMSG;
		memcpy(q->frame + total, done[i].token, done[i].len);
		total += done[i].len;
	}
	*data = q->frame;
	*len = total;
	return (int)parts;
}

int
netq_receive(struct netq *q, netq_frame_fn fn, void *ctx)
{
	int n = drv_collect(q->ring, q->done, q->ring->cfg.size), frames = 0;

	for (int at = 0; at < n;) {
		struct netq_hdr hdr;
		const uint8_t *data;
		uint32_t len;
		int parts = one_frame(q, q->done + at, (unsigned int)(n - at), &hdr, &data, &len);

		/* A device publishes a frame as a whole: half a frame is a lie too. */
		if (parts <= 0) {
			q->bad++;
			return -EBADMSG;
		}
		if (fn != NULL)
			fn(ctx, &hdr, data, len);
		for (int i = 0; i < parts; i++)
			free_buf(q, q->done[at + i].token);
		at += parts;
		frames++;
		q->frames++;
		q->bytes += len;
	}
	return n < 0 ? n : frames;
}

#define HEAD 22u /* addresses, type, seed */

static uint8_t
byte_at(uint64_t seed, uint32_t i)
{
	return (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

void
netq_fill(uint8_t *frame, uint32_t len, uint64_t seed)
{
	static const uint8_t head[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };

	memcpy(frame, head, sizeof(head));
	memcpy(frame + sizeof(head), &seed, sizeof(seed));
	for (uint32_t i = HEAD; i < len; i++)
		frame[i] = byte_at(seed, i);
}

bool
netq_check(const uint8_t *frame, uint32_t len, uint64_t *seed)
{
	if (len < HEAD || frame[12] != 0x88 || frame[13] != 0xb5)
		return false;
	memcpy(seed, frame + 14, sizeof(*seed));
	for (uint32_t i = HEAD; i < len; i++)
		if (frame[i] != byte_at(*seed, i))
			return false;
	return true;
}
