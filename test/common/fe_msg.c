/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The usual vhost-user messages, in their honest form.
 */
#include <errno.h>
#include <string.h>

#include "fe.h"

int
fe_reply(struct fe *fe, uint32_t request, uint32_t size, struct fe_msg *msg)
{
	int rc = fe_recv(fe, msg);

	if (rc != 0)
		return rc;
	if (msg->hdr.request != request || msg->hdr.flags != (FE_VERSION | FE_REPLY) || msg->hdr.size != size)
		return -EBADMSG;
	return 0;
}

int
fe_ask(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size, uint32_t reply_size,
       struct fe_msg *msg)
{
	int rc = fe_send(fe, request, flags, payload, size, NULL, 0);

	return rc != 0 ? rc : fe_reply(fe, request, reply_size, msg);
}

int
fe_ack(struct fe *fe, uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned int nfds)
{
	struct fe_msg msg;
	int rc = fe_send(fe, request, FE_NEED_REPLY, payload, size, fds, nfds);

	if (rc == 0)
		rc = fe_reply(fe, request, 8, &msg);
	if (rc != 0)
		return rc;
	return msg.u64 > INT32_MAX ? INT32_MAX : (int)msg.u64;
}

int
fe_do(struct fe *fe, uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned int nfds)
{
	if (fe->need_reply)
		return fe_ack(fe, request, payload, size, fds, nfds);
	return fe_send(fe, request, 0, payload, size, fds, nfds);
}

int
fe_get_u64(struct fe *fe, uint32_t request, uint64_t *value)
{
	struct fe_msg msg;
	int rc = fe_ask(fe, request, 0, NULL, 0, 8, &msg);

	if (rc == 0)
		*value = msg.u64;
	return rc;
}

int
fe_set_u64(struct fe *fe, uint32_t request, uint64_t value)
{
	return fe_do(fe, request, &value, sizeof(value), NULL, 0);
}

int
fe_set_vring(struct fe *fe, uint32_t request, uint32_t index, uint32_t num)
{
	struct fe_vring_state s = { index, num };

	return fe_do(fe, request, &s, sizeof(s), NULL, 0);
}

int
fe_set_vring_fd(struct fe *fe, uint32_t request, uint32_t index, int fd)
{
	uint64_t payload = index | (fd < 0 ? FE_NOFD : 0);

	return fe_do(fe, request, &payload, sizeof(payload), &fd, fd < 0 ? 0 : 1);
}

int
fe_set_vring_addr(struct fe *fe, uint32_t index, const struct drv_ring *ring, bool log_flag)
{
	struct drv_ring_addr a = drv_ring_addr(ring);
	struct fe_vring_addr p = {
		.index = index,
		.flags = log_flag ? 1 : 0,
		.desc = (uintptr_t)a.desc,
		.used = (uintptr_t)a.device,
		.avail = (uintptr_t)a.driver,
		.log = drv_gpa(ring->cfg.mem, a.device),
	};

	return fe_do(fe, FE_SET_VRING_ADDR, &p, sizeof(p), NULL, 0);
}

int
fe_get_vring_base(struct fe *fe, uint32_t index, uint32_t *base)
{
	/* virtio-user sends uninitialised bytes here */
	struct fe_vring_state s = { index, 0xdeadbeef };
	struct fe_msg msg;
	int rc = fe_ask(fe, FE_GET_VRING_BASE, 0, &s, sizeof(s), sizeof(s), &msg);

	if (rc != 0)
		return rc;
	if (msg.state.index != index)
		return -EBADMSG;
	*base = msg.state.num;
	return 0;
}

int
fe_set_mem_table(struct fe *fe, const struct fe_mem *m, unsigned int surplus)
{
	struct fe_mem_table t = { .nregions = m->nr };
	int fds[FE_MAX_REGIONS];

	for (unsigned int i = 0; i < m->nr; i++) {
		t.region[i] = m->region[i].r;
		fds[i] = m->region[i].fd;
	}
	return fe_do(fe, FE_SET_MEM_TABLE, &t, 8 + m->nr * (uint32_t)sizeof(t.region[0]) + surplus, fds, m->nr);
}
