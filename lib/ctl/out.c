/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replies that a socket did not take at once: a bounded queue, written when there is room (HDR-12).
 * May touch: the connection's socket, never blocking. The token's owner.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "sock.h"

void
vh_out_init(struct vh_out *o)
{
	o->head = NULL;
	o->tail = &o->head;
	o->nr = 0;
	o->progress_ns = 0;
}

static void
drop_head(struct vh_out *o)
{
	struct vh_out_item *it = o->head;

	o->head = it->next;
	if (o->head == NULL)
		o->tail = &o->head;
	o->nr--;
	vh_fds_close_later(&it->fds);
	free(it);
}

void
vh_out_clear(struct vh_out *o)
{
	while (o->head != NULL)
		drop_head(o);
}

int
vh_out_flush(struct vh_out *o, int sock, uint64_t now_ns)
{
	while (o->head != NULL) {
		struct vh_out_item *it = o->head;
		ssize_t n = vh_sock_send(sock, it->buf + it->sent, it->len - it->sent, it->fds.fd,
				it->sent == 0 ? it->fds.nr : 0);

		if (n < 0)
			return (int)n;
		o->progress_ns = now_ns;
		it->sent += (uint32_t)n;
		if (it->sent == it->len)
			drop_head(o);
	}
	return 0;
}

int
vh_out_send(struct vh_out *o, int sock, const void *buf, uint32_t len, struct vh_fds *fds, uint64_t now_ns)
{
	struct vh_out_item *it = malloc(sizeof(*it) + len);
	int rc;

	if (it == NULL)
		return -ENOMEM;
	it->next = NULL;
	it->len = len;
	it->sent = 0;
	vh_fds_init(&it->fds);
	if (fds != NULL)
		vh_fds_move(&it->fds, fds);
	memcpy(it->buf, buf, len);
	if (o->head == NULL)
		o->progress_ns = now_ns;
	*o->tail = it;
	o->tail = &it->next;
	o->nr++;
	rc = vh_out_flush(o, sock, now_ns);
	return rc == -EAGAIN ? 0 : rc;
}
