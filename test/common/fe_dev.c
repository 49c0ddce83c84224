/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Complete handshakes in the orders of real clients (contract: vhost-user messages as recorded from QEMU 7.2
 * and from DPDK 22.11's virtio-user).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fe.h"

#define STATUS_FEATURES_OK 0x0bu
#define STATUS_DRIVER_OK 0x0fu

struct fe_dev_cfg
fe_dev_defaults(void)
{
	return (struct fe_dev_cfg){
		.order = FE_ORDER_QEMU,
		.pairs = 1,
		.size = 256,
		.features = FE_F_VERSION_1 | FE_F_PROTOCOL,
		.protocol = FE_PF_MQ | FE_PF_REPLY_ACK,
		.need_reply = true,
		.mem_size = 64 << 20,
		.regions = 1,
	};
}

static struct drv_cfg
ring_cfg(const struct fe_dev *dev, uint64_t features)
{
	return (struct drv_cfg){
		.size = dev->cfg.size,
		.packed = (features & FE_F_PACKED) != 0,
		.event_idx = (features & FE_F_EVENT_IDX) != 0,
		.in_order = (features & FE_F_IN_ORDER) != 0,
		.max_table = dev->cfg.max_table,
		.shadow = dev->cfg.shadow,
		.seed = dev->cfg.seed,
		.mem = &dev->mem.mem,
	};
}

int
fe_dev_create(struct fe_dev *dev, const struct fe_dev_cfg *cfg)
{
	uint64_t size = cfg->mem_size ? cfg->mem_size : 64 << 20;
	unsigned int regions = cfg->regions ? cfg->regions : 1;
	uint64_t step = cfg->kind == FE_MEM_HUGE ? 2 << 20 : 4096;
	int rc;

	memset(dev, 0, sizeof(*dev));
	dev->cfg = *cfg;
	dev->nr_rings = cfg->pairs * 2u;
	fe_init(&dev->fe);
	for (unsigned int i = 0; i < FE_MAX_RINGS; i++)
		dev->kick[i] = dev->call[i] = dev->err[i] = -1;
	if (cfg->pairs == 0 || dev->nr_rings > FE_MAX_RINGS)
		return -EINVAL;
	rc = fe_mem_create(&dev->mem, regions, (size / regions + step - 1) / step * step, cfg->gap, cfg->guard,
			   cfg->kind);
	for (unsigned int i = 0; rc == 0 && i < dev->nr_rings; i++) {
		dev->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		dev->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		dev->err[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (dev->kick[i] < 0 || dev->call[i] < 0 || dev->err[i] < 0)
			rc = -errno;
	}
	if (rc != 0)
		fe_dev_destroy(dev);
	return rc;
}

static int
call_fd(const struct fe_dev *dev, unsigned int i)
{
	return dev->cfg.poll_call ? -1 : dev->call[i];
}

/* The part of the negotiation that both orders share: what is offered, what we take. */
static int
get_features(struct fe_dev *dev)
{
	struct fe *fe = &dev->fe;
	uint64_t wanted = dev->cfg.features;
	int rc = fe_get_u64(fe, FE_GET_FEATURES, &fe->offered);

	if (rc != 0)
		return rc;
	if (dev->cfg.max_table != 0)
		wanted |= FE_F_INDIRECT;
	if (dev->cfg.no_protocol)
		wanted &= ~FE_F_PROTOCOL;
	else
		wanted |= FE_F_PROTOCOL;
	if ((dev->cfg.require & ~fe->offered) != 0)
		return -EPROTONOSUPPORT;
	fe->features = wanted & fe->offered;
	return 0;
}

static int
negotiate_protocol(struct fe_dev *dev)
{
	struct fe *fe = &dev->fe;
	uint64_t queues;
	int rc;

	if ((fe->features & FE_F_PROTOCOL) == 0)
		return 0;
	rc = fe_get_u64(fe, FE_GET_PROTOCOL_FEATURES, &fe->pf_offered);
	if (rc != 0)
		return rc;
	fe->pf = dev->cfg.protocol & fe->pf_offered;
	/* the very message that allows acknowledgements is not acknowledged */
	rc = fe_set_u64(fe, FE_SET_PROTOCOL_FEATURES, fe->pf);
	fe->need_reply = dev->cfg.need_reply && (fe->pf & FE_PF_REPLY_ACK) != 0;
	if (rc != 0 || (fe->pf & FE_PF_MQ) == 0)
		return rc;
	rc = fe_get_u64(fe, FE_GET_QUEUE_NUM, &queues);
	return rc == 0 && queues < dev->cfg.pairs ? -EPROTONOSUPPORT : rc;
}

static int
status(struct fe_dev *dev, uint64_t value)
{
	uint64_t seen;
	int rc;

	if ((dev->fe.pf & FE_PF_STATUS) == 0)
		return 0;
	rc = fe_set_u64(&dev->fe, FE_SET_STATUS, value);
	if (rc != 0)
		return rc;
	rc = fe_get_u64(&dev->fe, FE_GET_STATUS, &seen);
	return rc == 0 && seen != value ? -EPROTO : rc;
}

/* Rings as the acked features say, in fresh memory. Only for the first start of a connection. */
static int
make_rings(struct fe_dev *dev)
{
	struct drv_cfg cfg = ring_cfg(dev, dev->fe.features);

	fe_mem_reset(&dev->mem);
	for (unsigned int i = 0; i < dev->nr_rings; i++) {
		void *memory = fe_mem_alloc(&dev->mem, drv_ring_bytes(&cfg));
		int rc = memory == NULL ? -ENOMEM : 0;

		drv_ring_fini(&dev->ring[i]);
		if (rc == 0)
			rc = drv_ring_init(&dev->ring[i], &cfg, memory);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
negotiate_qemu(struct fe_dev *dev)
{
	struct fe *fe = &dev->fe;
	int rc = get_features(dev);

	if (rc == 0)
		rc = negotiate_protocol(dev);
	if (rc == 0)
		rc = fe_do(fe, FE_SET_OWNER, NULL, 0, NULL, 0);
	for (unsigned int i = 0; rc == 0 && i < dev->nr_rings; i++) {
		if (i % 2 == 0)
			rc = fe_get_u64(fe, FE_GET_FEATURES, &fe->offered);
		if (rc == 0)
			rc = fe_set_vring_fd(fe, FE_SET_VRING_CALL, i, call_fd(dev, i));
		if (rc == 0)
			rc = fe_set_vring_fd(fe, FE_SET_VRING_ERR, i, dev->err[i]);
	}
	return rc;
}

static int
negotiate_virtio_user(struct fe_dev *dev)
{
	struct fe *fe = &dev->fe;
	int rc = fe_do(fe, FE_SET_OWNER, NULL, 0, NULL, 0);

	if (rc == 0)
		rc = get_features(dev);
	if (rc == 0)
		rc = negotiate_protocol(dev);
	/* all receive rings, then all transmit rings */
	for (unsigned int k = 0; rc == 0 && k < dev->nr_rings; k++) {
		unsigned int i = k < dev->cfg.pairs ? 2 * k : 2 * (k - dev->cfg.pairs) + 1;

		rc = fe_set_vring_fd(fe, FE_SET_VRING_CALL, i, call_fd(dev, i));
	}
	if (rc == 0)
		rc = fe_set_u64(fe, FE_SET_FEATURES, fe->features);
	return rc != 0 ? rc : status(dev, STATUS_FEATURES_OK);
}

int
fe_dev_negotiate(struct fe_dev *dev)
{
	int rc;

	dev->fe.need_reply = false;
	rc = dev->cfg.order == FE_ORDER_QEMU ? negotiate_qemu(dev) : negotiate_virtio_user(dev);
	return rc != 0 ? rc : make_rings(dev);
}

static uint32_t
base_of(const struct drv_ring *r)
{
	if (r->cfg.packed)
		return r->next_used | (r->used_wrap ? 0x8000u : 0);
	return r->next_used;
}

int
fe_dev_start_ring(struct fe_dev *dev, unsigned int i)
{
	struct fe *fe = &dev->fe;
	int rc = fe_set_vring(fe, FE_SET_VRING_NUM, i, dev->cfg.size);

	if (rc == 0)
		rc = fe_set_vring(fe, FE_SET_VRING_BASE, i, base_of(&dev->ring[i]));
	if (rc == 0)
		rc = fe_set_vring_addr(fe, i, &dev->ring[i], false);
	if (rc == 0)
		rc = fe_set_vring_fd(fe, FE_SET_VRING_KICK, i, dev->cfg.poll_kick ? -1 : dev->kick[i]);
	if (rc == 0 && dev->cfg.order == FE_ORDER_QEMU)
		rc = fe_set_vring_fd(fe, FE_SET_VRING_CALL, i, call_fd(dev, i));
	return rc;
}

int
fe_dev_enable(struct fe_dev *dev, bool on)
{
	int rc = 0;

	if ((dev->fe.features & FE_F_PROTOCOL) == 0)
		return 0;
	for (unsigned int i = 0; rc == 0 && i < dev->nr_rings; i++)
		rc = fe_set_vring(&dev->fe, FE_SET_VRING_ENABLE, i, on);
	return rc;
}

/* GET_FEATURES behind requests that are not acknowledged: the back-end has done them when it answers. */
static int
barrier(struct fe_dev *dev)
{
	uint64_t ignored;

	return dev->fe.need_reply ? 0 : fe_get_u64(&dev->fe, FE_GET_FEATURES, &ignored);
}

static int
start_qemu(struct fe_dev *dev)
{
	int rc = fe_dev_enable(dev, true);

	if (rc == 0)
		rc = fe_set_u64(&dev->fe, FE_SET_FEATURES, dev->fe.features);
	if (rc == 0)
		rc = status(dev, STATUS_FEATURES_OK);
	if (rc == 0)
		rc = fe_set_mem_table(&dev->fe, &dev->mem, dev->cfg.surplus);
	for (unsigned int i = 0; rc == 0 && i < dev->nr_rings; i++)
		rc = fe_dev_start_ring(dev, i);
	return rc != 0 ? rc : status(dev, STATUS_DRIVER_OK);
}

static int
start_virtio_user(struct fe_dev *dev)
{
	int rc = fe_set_mem_table(&dev->fe, &dev->mem, dev->cfg.surplus);

	for (unsigned int k = 0; rc == 0 && k < dev->nr_rings; k++)
		rc = fe_dev_start_ring(dev, k < dev->cfg.pairs ? 2 * k : 2 * (k - dev->cfg.pairs) + 1);
	if (rc == 0)
		rc = fe_dev_enable(dev, true);
	return rc != 0 ? rc : status(dev, STATUS_DRIVER_OK);
}

int
fe_dev_start(struct fe_dev *dev)
{
	int rc = dev->cfg.order == FE_ORDER_QEMU ? start_qemu(dev) : start_virtio_user(dev);

	if (rc == 0)
		rc = barrier(dev);
	dev->started = rc == 0;
	return rc;
}

int
fe_dev_accept(struct fe_dev *dev)
{
	int rc = fe_dev_negotiate(dev);

	if (rc == 0)
		rc = fe_dev_start(dev);
	if (rc != 0)
		fe_dev_disconnect(dev);
	return rc;
}

int
fe_dev_connect(struct fe_dev *dev, const char *path)
{
	int rc = fe_connect(&dev->fe, path);

	return rc != 0 ? rc : fe_dev_accept(dev);
}

int
fe_dev_stop(struct fe_dev *dev)
{
	int rc = dev->cfg.order == FE_ORDER_VIRTIO_USER ? fe_dev_enable(dev, false) : 0;

	for (unsigned int i = 0; rc == 0 && i < dev->nr_rings; i++) {
		uint32_t base;

		rc = fe_get_vring_base(&dev->fe, i, &base);
	}
	dev->started = false;
	return rc;
}

void
fe_dev_disconnect(struct fe_dev *dev)
{
	fe_close(&dev->fe, false);
	dev->started = false;
}

void
fe_dev_destroy(struct fe_dev *dev)
{
	fe_close(&dev->fe, true);
	for (unsigned int i = 0; i < FE_MAX_RINGS; i++) {
		drv_ring_fini(&dev->ring[i]);
		if (dev->kick[i] >= 0)
			close(dev->kick[i]);
		if (dev->call[i] >= 0)
			close(dev->call[i]);
		if (dev->err[i] >= 0)
			close(dev->err[i]);
		dev->kick[i] = dev->call[i] = dev->err[i] = -1;
	}
	fe_mem_destroy(&dev->mem);
}

void
fe_dev_publish(struct fe_dev *dev, unsigned int i)
{
	uint64_t one = 1;

	drv_publish(&dev->ring[i]);
	/* a full counter is as good as a kick */
	if (drv_need_kick(&dev->ring[i]) && !dev->cfg.poll_kick && write(dev->kick[i], &one, sizeof(one)) < 0)
		return;
}

bool
fe_dev_wait_call(struct fe_dev *dev, unsigned int i, int ms)
{
	struct pollfd p = { .fd = dev->call[i], .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, ms) == 1 && read(dev->call[i], &count, sizeof(count)) == sizeof(count);
}
