/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 1: bytes and fds of one message into one owner, as they come, without waiting. A message is read in two
 * pieces, header and payload, so that no byte of the next one is taken, and with it no fd.
 * May touch: the socket, its arguments. The connection's owner on `vhost-io`.
 * spec: vhost-user "Message format"; rules HDR-1..10
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "sock.h"

struct header {
	uint32_t request, flags, size;
};
_Static_assert(sizeof(struct header) == VH_MSG_HEADER, "vhost-user header");

static struct header
header_of(const struct vh_rx *rx)
{
	struct header h;

	memcpy(&h, rx->buf, sizeof(h));
	return h;
}

void
vh_rx_init(struct vh_rx *rx)
{
	memset(rx, 0, sizeof(*rx));
}

uint32_t
vh_rx_request(const struct vh_rx *rx)
{
	return rx->got >= VH_MSG_HEADER ? header_of(rx).request : 0;
}

void
vh_rx_reset(struct vh_rx *rx)
{
	vh_fds_close_later(&rx->fds);
	rx->got = 0;
	rx->first_byte_ns = 0;
}

static int
refuse(struct vh_rx *rx, enum vh_violation code, uint64_t observed, uint64_t limit)
{
	uint32_t request = rx->got >= VH_MSG_HEADER ? header_of(rx).request : 0;

	vh_rx_reset(rx);
	return vh_fault_set(&rx->fault, code, request, VH_NO_QUEUE, observed, limit);
}

/* Bytes still missing of what the message consists of, as far as that is known. */
static uint32_t
missing(const struct vh_rx *rx)
{
	if (rx->got < VH_MSG_HEADER)
		return VH_MSG_HEADER - rx->got;
	return VH_MSG_HEADER + header_of(rx).size - rx->got; /* size was bounded by check_header() */
}

static int
check_header(struct vh_rx *rx)
{
	struct header h = header_of(rx);

	if ((h.flags & VH_MSG_VERSION_MASK) != VH_MSG_VERSION)
		return refuse(rx, VH_V_BAD_VERSION, h.flags & VH_MSG_VERSION_MASK, VH_MSG_VERSION);
	if ((h.flags & VH_MSG_REPLY) != 0 || (h.flags & ~VH_MSG_FLAGS_KNOWN) != 0)
		return refuse(rx, VH_V_BAD_FLAGS, h.flags, VH_MSG_VERSION | VH_MSG_NEED_REPLY);
	if (h.size > VH_MAX_PAYLOAD)
		return refuse(rx, VH_V_FRAME_SIZE, h.size, VH_MAX_PAYLOAD);
	return 0;
}

/* One recvmsg. @return 0 (*progress tells whether something came), -EPIPE or violation */
static int
receive_some(struct vh_rx *rx, int sock, uint64_t now_ns, bool *progress)
{
	unsigned int had = rx->fds.nr, excess = 0;
	bool payload = rx->got >= VH_MSG_HEADER;
	ssize_t n = vh_sock_recv(sock, rx->buf + rx->got, missing(rx), &rx->fds, &excess);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0) {
		vh_rx_reset(rx);
		return -EPIPE;
	}
	*progress = true;
	if (rx->got == 0)
		rx->first_byte_ns = now_ns != 0 ? now_ns : 1;
	rx->got += (uint32_t)n;
	if (excess != 0)
		return refuse(rx, VH_V_FD_EXCESS, rx->fds.nr + excess, VH_MAX_MSG_FDS);
	if (payload && rx->fds.nr != had)
		return refuse(rx, VH_V_FD_MISPLACED, rx->fds.nr - had, 0);
	if (!payload && rx->got == VH_MSG_HEADER)
		return check_header(rx);
	return 0;
}

static void
hand_over(struct vh_rx *rx, struct vh_frame *f)
{
	struct header h = header_of(rx);

	f->request = h.request;
	f->flags = h.flags;
	f->size = h.size;
	memcpy(f->payload, rx->buf + VH_MSG_HEADER, h.size);
	memset(f->payload + h.size, 0, sizeof(f->payload) - h.size);
	vh_fds_move(&f->fds, &rx->fds);
	rx->got = 0;
	rx->first_byte_ns = 0;
}

int
vh_rx_read(struct vh_rx *rx, int sock, uint64_t now_ns, struct vh_frame *f)
{
	while (missing(rx) != 0) {
		bool progress = false;
		int rc = receive_some(rx, sock, now_ns, &progress);

		if (rc != 0)
			return rc;
		if (!progress)
			return -EAGAIN;
	}
	hand_over(rx, f);
	return 0;
}

void
vh_frame_release(struct vh_frame *f)
{
	vh_fds_close_later(&f->fds);
}
