/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What data threads report: a broken ring is stopped, told once, signalled on its err fd; kicks wanted or not.
 * And packets through the public bursts. Covers ctl/report.c, dev/queue.c, dev/door.c; rules RING-7, ERR-1, D3, H40.
 */
#include "fixture.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "door.h"
#include "netq.h"
#include "queue.h"

static uint16_t
dequeue(struct rte_mbuf **pkts)
{
	unsigned int i;
	uint16_t n = 0;

	for (i = 0; i < 2000 && n == 0; i++) {
		n = rte_vhost_dequeue_burst(0, 1, fx_pool(), pkts, 32);
		if (n == 0)
			usleep(100);
	}
	return n;
}

static void
packets(bool packed)
{
	const char *path = fx_serve("a", RTE_VHOST_USER_NET_STATS_ENABLE);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, packed);
	struct netq_cfg cfg = { .hdr_len = 12, .mergeable = true, .buf_size = 2048, .shape = NETQ_ONE };
	struct rte_vhost_stat stats[17];
	struct netq tx;
	struct rte_mbuf *pkts[32];
	uint8_t frame[1514];
	uint16_t n, i;

	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(netq_init(&tx, &cfg, &dev->ring[1], fe_mem_alloc(&dev->mem, netq_bytes(&cfg, 64)), 64), 0);
	for (i = 0; i < 10; i++) {
		netq_fill(frame, 60u + i * 100u, i);
		assert_int_equal(netq_send(&tx, NULL, frame, 60u + i * 100u), 0);
	}
	fe_dev_publish(dev, 1);
	n = dequeue(pkts);
	assert_int_equal(n, 10);
	for (i = 0; i < n; i++) {
		uint64_t seed;

		assert_int_equal(rte_pktmbuf_pkt_len(pkts[i]), 60u + i * 100u);
		assert_true(netq_check(rte_pktmbuf_mtod(pkts[i], uint8_t *), pkts[i]->data_len, &seed));
		assert_int_equal(seed, i);
		rte_pktmbuf_free(pkts[i]);
	}
	assert_int_equal(netq_sent(&tx), 10);
	assert_int_equal(rte_vhost_vring_stats_get(0, 1, stats, 17), 17);
	assert_int_equal(stats[0].value, 10);
	netq_fini(&tx);
	fx_dev_free(dev);
	fx_unserve(path);
}

static void
test_packets_split(void **state)
{
	packets(false);
}

static void
test_packets_packed(void **state)
{
	packets(true);
}

/* A129: the index goes back. */
static void
test_broken_ring(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	int err = eventfd(0, EFD_NONBLOCK);
	struct rte_mbuf *pkts[32];
	uint64_t n = 0;
	uint32_t base;

	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(fe_set_vring_fd(&dev->fe, FE_SET_VRING_ERR, 1, err), 0);
	fx_clear();
	drv_poke_avail_idx(&dev->ring[1], 0xffff);
	assert_int_equal(rte_vhost_dequeue_burst(0, 1, fx_pool(), pkts, 32), 0);
	assert_true(fx_wait_count(0, "avail_idx", 1));
	assert_true(fx_wait("state 0 1 0;"));
	assert_int_equal(read(err, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 1);
	/* not read any more, even when the driver repents (RING-7); enabling does not revive it */
	drv_poke_avail_idx(&dev->ring[1], 0);
	assert_int_equal(rte_vhost_dequeue_burst(0, 1, fx_pool(), pkts, 32), 0);
	assert_int_equal(fe_set_vring(&dev->fe, FE_SET_VRING_ENABLE, 1, 1), 0);
	assert_int_equal(rte_vhost_dequeue_burst(0, 1, fx_pool(), pkts, 32), 0);
	assert_string_equal(fx_events(), "state 0 1 0;");
	assert_int_equal(fx_count(0, "avail_idx"), 1);
	/* a new set-up does */
	fx_clear();
	assert_int_equal(fe_get_vring_base(&dev->fe, 1, &base), 0);
	assert_int_equal(base, 0);
	drv_ring_reset(&dev->ring[1]);
	assert_int_equal(fe_dev_start_ring(dev, 1), 0);
	assert_true(fx_wait("state 0 1 1;new_device 0;"));
	close(err);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* H40, D3: a wish for a ring that is not there yet holds when it comes up. */
static void
test_wish_before_start(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(NULL, FE_ORDER_QEMU, false);
	unsigned int i;

	assert_int_equal(fe_connect(&dev->fe, path), 0);
	assert_int_equal(fe_dev_negotiate(dev), 0);
	assert_int_equal(rte_vhost_enable_guest_notification(0, 1, 0), -1);
	assert_int_equal(fe_dev_start(dev), 0);
	assert_true(fx_wait("new_device 0;"));
	for (i = 0; i < 1000 && dev->ring[1].used->flags != DRV_NO_NOTIFY; i++)
		usleep(1000);
	assert_int_equal(dev->ring[1].used->flags, DRV_NO_NOTIFY);
	assert_int_equal(rte_vhost_enable_guest_notification(0, 1, 1), 0);
	assert_int_equal(dev->ring[1].used->flags, 0);
	assert_int_equal(rte_vhost_enable_guest_notification(0, 200, 1), -1);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* A114: an eventfd that would block its writer for ever. */
static void
test_full_eventfd(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	uint64_t full = UINT64_C(0xfffffffffffffffe);
	int e = eventfd(0, 0), i;

	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(write(e, &full, sizeof(full)), sizeof(full));
	assert_int_equal(fe_set_vring_fd(&dev->fe, FE_SET_VRING_CALL, 1, e), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(rte_vhost_vring_call(0, 1), 0);
	close(e);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* STAT-3: DRIVER_OK withdrawn: rings pause where they are, without any callback. */
static void
test_status_pause(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct netq_cfg cfg = { .hdr_len = 12, .mergeable = true, .buf_size = 2048, .shape = NETQ_SPLIT };
	struct rte_mbuf *pkts[32];
	struct netq tx;
	uint8_t frame[64];

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	netq_fill(frame, 64, 1);
	assert_int_equal(netq_init(&tx, &cfg, &dev->ring[1], fe_mem_alloc(&dev->mem, netq_bytes(&cfg, 8)), 8), 0);
	assert_int_equal(netq_send(&tx, NULL, frame, 64), 0);
	assert_int_equal(fe_set_u64(&dev->fe, FE_SET_STATUS, 0), 0);
	fe_dev_publish(dev, 1);
	assert_int_equal(rte_vhost_dequeue_burst(0, 1, fx_pool(), pkts, 32), 0);
	assert_int_equal(fe_set_u64(&dev->fe, FE_SET_STATUS, 0xf), 0);
	assert_int_equal(dequeue(pkts), 1);
	rte_pktmbuf_free(pkts[0]);
	assert_string_equal(fx_events(), "");
	netq_fini(&tx);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* D6: who stays inside holds up this connection alone; that is said once, and all goes on when it leaves. */
static void
test_held_door(void **state)
{
	const char *path = fx_serve("a", 0), *other_path = fx_serve("b", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct fe_vring_state s = { 1, 0 };
	struct vh_door *d = vh_door_at(0, 1);
	struct fe_msg msg;
	struct fe other;
	uint64_t features;

	assert_true(fx_wait("new_device 0;"));
	fe_init(&other);
	assert_int_equal(fe_connect(&other, other_path), 0);
	assert_non_null(vh_door_enter(d, 1000));
	assert_int_equal(fe_send(&dev->fe, FE_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0), 0);
	assert_true(fe_quiet(&dev->fe, 500));
	assert_int_equal(fx_count(0, "door_held"), 0);
	assert_int_equal(fe_get_u64(&other, FE_GET_FEATURES, &features), 0);
	assert_true(fx_wait_count(0, "door_held", 1));
	assert_int_equal(fe_get_u64(&other, FE_GET_FEATURES, &features), 0);
	assert_true(fe_quiet(&dev->fe, 300));
	vh_door_leave(d);
	assert_int_equal(fe_reply(&dev->fe, FE_GET_VRING_BASE, sizeof(s), &msg), 0);
	assert_int_equal(fx_count(0, "door_held"), 1);
	fe_close(&other, true);
	fx_dev_free(dev);
	fx_unserve(other_path);
	fx_unserve(path);
}

/* Inside the ring's door: what a fetch does that finds the index wrong. */
static void
break_ring(struct vh_door *d)
{
	const struct vh_bind *b = vh_door_enter(d, 1000);
	struct vh_fault f = { .code = VH_V_AVAIL_IDX };

	assert_non_null(b);
	assert_int_equal(vh_queue_violation(b, &f), VH_STOP);
}

/* A ring breaks while another one's end is being told: it is told too. */
static void
test_two_break(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	break_ring(vh_door_at(0, 1));
	usleep(100000); /* the control side has taken it and waits for us to leave */
	break_ring(vh_door_at(0, 0));
	vh_door_leave(vh_door_at(0, 0));
	usleep(50000);
	vh_door_leave(vh_door_at(0, 1));
	assert_true(fx_wait("state 0 0 0;"));
	assert_string_equal(fx_events(), "state 0 1 0;state 0 0 0;");
	fx_dev_free(dev);
	fx_unserve(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_split),
		cmocka_unit_test(test_packets_packed),
		cmocka_unit_test(test_broken_ring),
		cmocka_unit_test(test_wish_before_start),
		cmocka_unit_test(test_full_eventfd),
		cmocka_unit_test(test_status_pause),
		cmocka_unit_test(test_held_door),
		cmocka_unit_test(test_two_break),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
