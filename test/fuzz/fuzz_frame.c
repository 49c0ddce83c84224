/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes and fds on a socket -> receive -> frame -> typed request, against a view of a device that is part of the input.
 * Whatever is accepted must satisfy what msg.h promises about the request; whatever is refused must say why and take
 * nothing; no fd may stay open.
 * Input: 12 bytes of view, then operations: a raw piece, or a message with a header that fits its row.
 */
#include "fuzz.h"

#include <errno.h>

#include "msg.h"
#include "virtio.h"
#include "work.h"

/* Closing goes on right here: libFuzzer's process has no worker threads. */
int
vh_work_start(void)
{
	return -ENOSYS;
}

void
vh_work_post_always(struct vh_job *j)
{
	REQUIRE(!"posted although no worker could start");
}

static int fds[32];
static unsigned int nr_fds;

static void
make_fds(unsigned int nr, uint8_t kinds)
{
	for (nr_fds = 0; nr_fds < nr; nr_fds++) {
		fds[nr_fds] = make_fd((enum fd_kind)((kinds + nr_fds * (kinds >> 4)) % FD_KINDS));
		REQUIRE(fds[nr_fds] >= 0);
	}
}

static void
close_fds(void)
{
	while (nr_fds > 0)
		close(fds[--nr_fds]);
}

static struct vh_view
take_view(struct input *in)
{
	uint8_t flags = take_u8(in);
	struct vh_view v = {
		.offered = flags & 1 ? UINT64_C(0xf7c66ffcb) : UINT64_C(0xd40000000),
		.protocol_offered = flags & 2 ? 0x11fff : 0x10008,
		.have_mem = flags & 4,
		.started = flags & 8,
		.ring_started = flags & 16,
		.features = flags & 32 ? VH_F_RING_PACKED | VH_F_VERSION_1 : VH_F_VERSION_1,
		.protocol = flags & 64 ? VH_PF_REPLY_ACK : 0,
		.max_rings = take_u8(in) + 1,
		.max_regions = take_u8(in) % 12,
		.ring_size = take_u16(in),
		.ring_avail = take_u16(in),
	};

	v.ring_desc = (uint64_t)take_u16(in) << 12;
	v.ring_avail_addr = v.ring_desc + take_u8(in);
	v.ring_used = v.ring_desc + (uint64_t)take_u16(in);
	return v;
}

static bool
reads_as_eventfd(int fd)
{
	char link[32], text[32] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	REQUIRE(readlink(link, text, sizeof(text) - 1) > 0);
	return strcmp(text, "anon_inode:[eventfd]") == 0;
}

/* The slow, obvious form of the table's rules, in 128 bits. */
static void
require_sane_table(const struct vh_view *v, const struct vh_mem_req *t)
{
	typedef unsigned __int128 wide;
	const wide end = (wide)1 << 64;
	uint32_t i, j;

	REQUIRE(t->nr <= VH_MAX_REGIONS && t->nr <= v->max_regions && t->fds.nr == t->nr);
	for (i = 0; i < t->nr; i++) {
		wide size = t->region[i].size, gpa = t->region[i].gpa;

		REQUIRE(size > 0 && gpa + size < end && t->region[i].uva + size < end);
		REQUIRE(t->region[i].offset % 4096 == 0 && t->region[i].offset + size + 4095 < end);
		for (j = 0; j < i; j++)
			REQUIRE(gpa + size <= t->region[j].gpa || (wide)t->region[j].gpa + t->region[j].size <= gpa);
	}
}

static void
require_sane_base(const struct vh_view *v, const struct vh_msg *m)
{
	bool packed = (v->features & VH_F_RING_PACKED) != 0;
	uint32_t n = v->ring_size, a, u;

	REQUIRE(!v->ring_started || m->base.avail == v->ring_avail);
	if (m->base.used == m->base.avail)
		return;
	REQUIRE(packed && n > 0 && (m->base.used & 0x7fffu) < n && (m->base.avail & 0x7fffu) < n);
	/* at most a ring behind: same wrap and not above, or other wrap and not below */
	a = m->base.avail & 0x7fff;
	u = m->base.used & 0x7fff;
	REQUIRE(((m->base.avail ^ m->base.used) & 0x8000) == 0 ? u <= a : u >= a);
}

static void
require_sane(const struct vh_view *v, const struct vh_frame *f, const struct vh_msg *m)
{
	const struct vh_msg_row *row = vh_msg_row(f->request);

	REQUIRE(row != NULL && row->supported && m->request == f->request && f->fds.nr == 0);
	REQUIRE((row->needs_offered & ~v->offered) == 0 && (row->needs_protocol & ~v->protocol_offered) == 0);
	REQUIRE(m->need_reply == ((f->flags & 8) != 0));
	REQUIRE(!row->names_ring || (m->ring < v->max_rings && m->ring == vh_msg_ring_index(f)));
	switch (m->request) {
	case VH_SET_FEATURES:
		REQUIRE((m->features & ~v->offered) == 0);
		REQUIRE(!v->started || ((m->features ^ v->features) & ~VH_F_LOG_ALL) == 0);
		break;
	case VH_SET_PROTOCOL_FEATURES:
		REQUIRE((m->features & ~v->protocol_offered) == 0 && (!v->started || m->features == v->protocol));
		break;
	case VH_SET_MEM_TABLE:
		require_sane_table(v, &m->mem);
		break;
	case VH_SET_VRING_NUM:
		REQUIRE(m->num >= 1 && m->num <= 32768 && (!v->ring_started || m->num == v->ring_size));
		break;
	case VH_SET_VRING_ADDR:
		REQUIRE(v->have_mem);
		REQUIRE(!v->ring_started || (m->addr.desc.v == v->ring_desc && m->addr.used.v == v->ring_used &&
			m->addr.avail.v == v->ring_avail_addr));
		break;
	case VH_SET_VRING_BASE:
		require_sane_base(v, m);
		break;
	case VH_SET_VRING_KICK:
	case VH_SET_VRING_CALL:
	case VH_SET_VRING_ERR:
		REQUIRE((m->fd == -1) == ((f->payload[1] & 1) != 0));
		REQUIRE(m->fd == -1 || reads_as_eventfd(m->fd));
		break;
	case VH_SET_BACKEND_REQ_FD:
		REQUIRE(m->fd >= 0 && !reads_as_eventfd(m->fd));
		break;
	case VH_NET_SET_MTU:
		REQUIRE(m->mtu >= 68);
		break;
	default:
		break;
	}
}

static void
validate(const struct vh_view *v, struct vh_frame *f)
{
	struct vh_fault fault = { 0 };
	struct vh_msg m = { 0 };
	unsigned int had = f->fds.nr;
	int rc = vh_frame_check(v, f, &fault);

	if (rc == 0)
		rc = vh_msg_check(v, f, &m, &fault);
	if (rc == 0) {
		require_sane(v, f, &m);
	} else {
		const struct vh_violation_info *info = vh_violation_info((enum vh_violation)rc);

		REQUIRE(info != NULL && info->scope == VH_SCOPE_MESSAGE);
		REQUIRE(fault.code == (enum vh_violation)rc && fault.message == f->request);
		REQUIRE(m.request == 0 && f->fds.nr == had);
	}
	vh_msg_release(&m);
	vh_frame_release(f);
}

/* @return false once the stream is of no use any more */
static bool
read_all(struct vh_rx *rx, int sock, const struct vh_view *v)
{
	static struct vh_frame f;
	int rc;

	while ((rc = vh_rx_read(rx, sock, 1, &f)) == 0) {
		size_t i;

		REQUIRE((f.flags & ~8u) == 1 && f.size <= VH_MAX_PAYLOAD && f.fds.nr <= VH_MAX_MSG_FDS);
		for (i = f.size; i < VH_MAX_PAYLOAD; i++)
			REQUIRE(f.payload[i] == 0);
		validate(v, &f);
	}
	if (rc > 0) {
		REQUIRE(vh_violation_info((enum vh_violation)rc)->scope == VH_SCOPE_CONNECTION);
		REQUIRE(rx->fault.code == (enum vh_violation)rc);
	}
	REQUIRE(rc == -EAGAIN || rx->fds.nr == 0);
	return rc == -EAGAIN;
}

static void
send_raw(struct input *in, int sock, uint8_t op)
{
	uint8_t buf[256];
	size_t len = take_u8(in);

	len = take(in, buf, len + 1);
	make_fds(op & 0x0f, op & 0x10 ? take_u8(in) : FD_EVENTFD);
	if (len > 0)
		REQUIRE(send_with_fds(sock, buf, len, fds, nr_fds) == (ssize_t)len);
	close_fds();
}

/* Header and fd count as the row wants them (unless the operation says otherwise), payload from the input. */
static void
send_message(struct input *in, int sock, uint8_t op)
{
	uint8_t buf[VH_MSG_HEADER + VH_MAX_PAYLOAD];
	uint32_t h[3] = { take_u8(in) % 48, op & 0x01 ? 9 : 1, 0 };
	const struct vh_msg_row *row = vh_msg_row(h[0]);
	uint8_t extra = take_u8(in), kinds = FD_EVENTFD;
	unsigned int nr = extra % 9;

	h[2] = row != NULL ? row->size : extra;
	if (h[0] == VH_SET_MEM_TABLE)
		h[2] += nr * 32u;
	if (op & 0x02)
		h[2] = (h[2] + extra) % (VH_MAX_PAYLOAD + 1);
	if (row != NULL && nr > row->fds_max && (op & 0x04) == 0)
		nr = row->fds_max;
	if (op & 0x08)
		kinds = take_u8(in);
	else if (h[0] == VH_SET_BACKEND_REQ_FD)
		kinds = FD_SOCKET;
	memcpy(buf, h, sizeof(h));
	take(in, buf + VH_MSG_HEADER, h[2]);
	make_fds(nr, kinds);
	REQUIRE(send_with_fds(sock, buf, VH_MSG_HEADER + h[2], fds, nr_fds) == (ssize_t)(VH_MSG_HEADER + h[2]));
	close_fds();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static struct vh_rx rx;
	int before = lowest_free_fd(), s[2];
	struct vh_view v = take_view(&in);
	bool open = true;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
	vh_rx_init(&rx);
	while (open && in.left > 0) {
		uint8_t op = take_u8(&in);

		if (op & 0x80)
			send_message(&in, s[0], op);
		else
			send_raw(&in, s[0], op);
		open = read_all(&rx, s[1], &v);
	}
	close(s[0]);
	if (open)
		REQUIRE(!read_all(&rx, s[1], &v));
	vh_rx_reset(&rx);
	close(s[1]);
	REQUIRE(lowest_free_fd() == before);
	return 0;
}
