/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order of callbacks and replies over whole lives of a device, good messages in every state, refusals that leave no
 * trace. Covers ctl/message.c, apply.c, stage.c, steps.c; rules api.md 3, K8, K11, K19, K29.
 */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void
start_stop(enum fe_order order, bool packed)
{
	const char *path = fx_serve("a", RTE_VHOST_USER_NET_STATS_ENABLE);
	unsigned int fds = fx_fds();
	struct fe_dev *dev = fx_dev(path, order, packed);

	assert_true(fx_wait("new_device 0;"));
	assert_string_equal(fx_events(), "new_connection 0;state 0 0 1;state 0 1 1;new_device 0;");
	fx_clear();
	assert_int_equal(fe_dev_stop(dev), 0);
	/* virtio-user disables first, QEMU does not */
	assert_true(fx_wait(order == FE_ORDER_QEMU ? "state 0 1 0;" : "destroy_device 0;"));
	assert_string_equal(fx_events(), order == FE_ORDER_QEMU ? "destroy_device 0;state 0 0 0;state 0 1 0;" :
			"state 0 0 0;state 0 1 0;destroy_device 0;");
	fx_clear();
	/* GET_VRING_BASE took the call fds back; virtio-user gives new ones before anything else */
	assert_int_equal(fe_set_vring_fd(&dev->fe, FE_SET_VRING_CALL, 0, dev->call[0]), 0);
	assert_int_equal(fe_set_vring_fd(&dev->fe, FE_SET_VRING_CALL, 1, dev->call[1]), 0);
	assert_int_equal(fe_dev_start(dev), 0);
	assert_int_equal(fe_dev_enable(dev, true), 0);
	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	fx_dev_free(dev);
	assert_true(fx_wait("destroy_connection 0;"));
	assert_string_equal(fx_events(), "destroy_device 0;destroy_connection 0;");
	assert_true(fx_wait_fds(fds));
	fx_unserve(path);
}

static void
test_qemu_split(void **state)
{
	start_stop(FE_ORDER_QEMU, false);
}

static void
test_qemu_packed(void **state)
{
	start_stop(FE_ORDER_QEMU, true);
}

static void
test_virtio_user_split(void **state)
{
	start_stop(FE_ORDER_VIRTIO_USER, false);
}

static void
test_virtio_user_packed(void **state)
{
	start_stop(FE_ORDER_VIRTIO_USER, true);
}

static void
test_queries(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct rte_vhost_vring v;
	struct rte_vhost_memory *mem;
	uint64_t f = 0;
	uint16_t a, u, mtu;
	char name[8];

	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(rte_vhost_get_vring_num(0), 2);
	assert_int_equal(rte_vhost_get_negotiated_features(0, &f), 0);
	assert_int_equal(f, dev->fe.features);
	assert_int_equal(rte_vhost_get_vhost_vring(0, 1, &v), 0);
	assert_int_equal(v.size, dev->cfg.size);
	assert_non_null(v.desc);
	assert_true(v.callfd >= 0 && v.kickfd >= 0);
	assert_int_equal(rte_vhost_get_vhost_vring(0, 2, &v), -1);
	assert_int_equal(rte_vhost_get_mem_table(0, &mem), 0);
	assert_int_equal(mem->nregions, 1);
	assert_int_equal(mem->regions[0].guest_phys_addr, dev->mem.region[0].r.gpa);
	assert_int_equal(mem->regions[0].size, dev->mem.region[0].r.size);
	/* what the application sees there is what the front-end wrote */
	memcpy(dev->mem.region[0].va, "hello", 6);
	assert_string_equal((char *)(uintptr_t)mem->regions[0].host_user_addr, "hello");
	free(mem);
	assert_int_equal(rte_vhost_get_vring_base(0, 0, &a, &u), 0);
	assert_int_equal(a, 0);
	assert_int_equal(rte_vhost_get_mtu(0, &mtu), -ENOTSUP);
	assert_int_equal(rte_vhost_get_ifname(0, name, sizeof(name)), 0);
	assert_int_equal(strlen(name), sizeof(name) - 1);
	assert_int_equal(rte_vhost_get_ifname(0, name, 0), -1);
	assert_int_equal(rte_vhost_get_vring_num(77), 0);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* Every kind of refusal: the state is as before, the connection stays because NEED_REPLY was set. */
static void
test_refusals_leave_no_trace(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct fe *fe = &dev->fe;
	uint64_t f = 0;
	uint32_t base;
	struct fe_vring_state s = { 0, 0 };

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	s.num = 32;
	assert_true(fe_ack(fe, FE_SET_VRING_NUM, &s, sizeof(s), NULL, 0) > 0);
	assert_int_equal(fx_count(0, "ring_busy"), 1);
	s.num = 0;
	assert_true(fe_ack(fe, FE_SET_VRING_NUM, &s, sizeof(s), NULL, 0) > 0);
	f = fe->features | FE_F_LOG_ALL;
	assert_true(fe_ack(fe, FE_SET_FEATURES, &f, 8, NULL, 0) > 0);
	assert_int_equal(fx_count(0, "features"), 1);
	f = fe->features & ~FE_F_MRG_RXBUF;
	assert_true(fe_ack(fe, FE_SET_FEATURES, &f, 8, NULL, 0) > 0);
	assert_int_equal(fx_count(0, "running"), 1);
	f = fe->features;
	assert_int_equal(fe_ack(fe, FE_SET_FEATURES, &f, 8, NULL, 0), 0);
	s.index = 300;
	assert_true(fe_ack(fe, FE_SET_VRING_ENABLE, &s, sizeof(s), NULL, 0) > 0);
	assert_int_equal(fx_count(0, "bad_index"), 1);
	f = 67;
	assert_true(fe_ack(fe, FE_NET_SET_MTU, &f, 8, NULL, 0) > 0);
	f = 256;
	assert_true(fe_ack(fe, FE_SET_STATUS, &f, 8, NULL, 0) > 0);
	assert_true(fe_ack(fe, 77, NULL, 0, NULL, 0) > 0);
	assert_int_equal(fx_count(0, "unknown_request"), 1);
	/* nothing of that reached the device */
	assert_string_equal(fx_events(), "");
	assert_int_equal(rte_vhost_get_negotiated_features(0, &f), 0);
	assert_int_equal(f, fe->features);
	assert_int_equal(fe_get_vring_base(fe, 0, &base), 0);
	fx_dev_free(dev);
	assert_true(fx_wait("destroy_connection 0;"));
	fx_unserve(path);
}

static void
test_refused_without_need_reply_closes(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe fe;
	uint64_t mtu = 1;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_int_equal(fe_send(&fe, FE_NET_SET_MTU, 0, &mtu, 8, NULL, 0), 0);
	assert_true(fe_peer_closed(&fe, 2000));
	assert_true(fx_wait("destroy_connection 0;"));
	fe_close(&fe, true);
	fx_unserve(path);
}

/* K29: asked again after every message. */
static void
test_new_device_refused(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev;
	uint64_t v;

	fx_refuse_new_device = 3;
	dev = fx_dev(path, FE_ORDER_VIRTIO_USER, false);
	while (fx_refuse_new_device > 0)
		assert_int_equal(fe_get_u64(&dev->fe, FE_GET_FEATURES, &v), 0);
	assert_int_equal(fe_get_u64(&dev->fe, FE_GET_FEATURES, &v), 0);
	assert_true(fx_wait("new_device 0;"));
	fx_dev_free(dev);
	fx_unserve(path);
}

/* K19, V23: the same table again is no event; another one keeps the rings running. */
static void
test_mem_table_again(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct fe_mem more;
	unsigned int fds;
	int i;

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	fds = fx_fds();
	for (i = 0; i < 20; i++)
		assert_int_equal(fe_set_mem_table(&dev->fe, &dev->mem, 0), 0);
	assert_true(fx_wait_fds(fds));
	/* a second region comes and goes */
	assert_int_equal(fe_mem_create(&more, 1, 1 << 20, 0, 0, FE_MEM_MEMFD), 0);
	more.region[0].r.gpa = UINT64_C(1) << 40;
	more.region[1] = more.region[0];
	more.region[0] = dev->mem.region[0];
	more.nr = 2;
	assert_int_equal(fe_set_mem_table(&dev->fe, &more, 0), 0);
	assert_int_equal(fe_set_mem_table(&dev->fe, &dev->mem, 0), 0);
	assert_string_equal(fx_events(), "");
	more.region[0] = more.region[1];
	more.nr = 1;
	fe_mem_destroy(&more);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* MEM-13, A058: without memory the rings stop; with it they go on. */
static void
test_mem_table_empty(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct fe_mem_table none = { 0, 0, { { 0, 0, 0, 0 } } };

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	assert_int_equal(fe_ack(&dev->fe, FE_SET_MEM_TABLE, &none, 8, NULL, 0), 0);
	assert_true(fx_wait("state 0 0 0;state 0 1 0;"));
	assert_int_equal(fe_set_mem_table(&dev->fe, &dev->mem, 0), 0);
	assert_true(fx_wait("state 0 0 1;state 0 1 1;"));
	fx_dev_free(dev);
	fx_unserve(path);
}

/* V08, H48: swapping the call fd of a running ring is no event. */
static void
test_call_swapped_silently(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	uint64_t n = 0;
	int i, e = eventfd(0, EFD_NONBLOCK);
	unsigned int fds;

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	fds = fx_fds();
	for (i = 0; i < 50; i++)
		assert_int_equal(fe_set_vring_fd(&dev->fe, FE_SET_VRING_CALL, 1, e), 0);
	/* CALL-3: signalled once per swap */
	assert_int_equal(read(e, &n, sizeof(n)), sizeof(n));
	assert_true(n >= 1);
	assert_string_equal(fx_events(), "");
	assert_true(fx_wait_fds(fds));
	close(e);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* Set-up faults a guest can cause: the connection stays, the ring does not run (PARK). */
static void
test_parked(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(NULL, FE_ORDER_QEMU, false);
	struct fe *fe = &dev->fe;
	struct fe_vring_addr a = { 0, 0, 0, 0, 0, 0 };
	uint64_t v;

	assert_int_equal(fe_connect(fe, path), 0);
	assert_int_equal(fe_dev_negotiate(dev), 0);
	assert_int_equal(fe_dev_start(dev), 0);
	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(fe_dev_stop(dev), 0);
	assert_int_equal(fe_set_vring(fe, FE_SET_VRING_NUM, 0, 3), 0);
	a.desc = a.avail = a.used = dev->mem.region[0].r.uva;
	assert_int_equal(fe_ack(fe, FE_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
	assert_true(fe_set_vring_fd(fe, FE_SET_VRING_KICK, 0, dev->kick[0]) > 0);
	assert_int_equal(fx_count(0, "setup_size"), 1);
	assert_true(fe_set_vring(fe, FE_SET_VRING_NUM, 0, 64) > 0);
	assert_int_equal(fx_count(0, "ring_overlap"), 1);
	a.avail += 65536;
	a.used += 2 * 65536 + 2;
	assert_true(fe_ack(fe, FE_SET_VRING_ADDR, &a, sizeof(a), NULL, 0) > 0);
	assert_int_equal(fx_count(0, "ring_align"), 1);
	a.used = 64;
	assert_true(fe_ack(fe, FE_SET_VRING_ADDR, &a, sizeof(a), NULL, 0) > 0);
	assert_int_equal(fx_count(0, "ring_addr"), 1);
	assert_int_equal(fe_get_u64(fe, FE_GET_FEATURES, &v), 0);
	fx_dev_free(dev);
	fx_unserve(path);
}

/* V15, V62: RESET_OWNER keeps memory and negotiation, tells nobody about rings (K8). */
static void
test_reset_owner(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	unsigned int i;

	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	assert_int_equal(fe_ack(&dev->fe, FE_RESET_OWNER, NULL, 0, NULL, 0), 0);
	assert_true(fx_wait("destroy_device 0;"));
	assert_string_equal(fx_events(), "destroy_device 0;");
	fx_clear();
	for (i = 0; i < 2; i++) {
		drv_ring_reset(&dev->ring[i]);
		assert_int_equal(fe_dev_start_ring(dev, i), 0);
		assert_int_equal(fe_set_vring(&dev->fe, FE_SET_VRING_ENABLE, i, 1), 0);
	}
	assert_true(fx_wait("new_device 0;"));
	fx_dev_free(dev);
	fx_unserve(path);
}

/* GVB-4, A095, V58. */
static void
test_get_base_of_unknown_ring(void **state)
{
	const char *path = fx_serve("a", 0);
	uint32_t base = 7;
	struct fe fe;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_int_equal(fe_get_vring_base(&fe, 9, &base), 0);
	assert_int_equal(base, 0);
	assert_int_equal(rte_vhost_get_vring_num(fx_vid), 0);
	assert_int_equal(fe_get_vring_base(&fe, 256, &base), -ECONNRESET);
	fe_close(&fe, true);
	fx_unserve(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qemu_split),
		cmocka_unit_test(test_qemu_packed),
		cmocka_unit_test(test_virtio_user_split),
		cmocka_unit_test(test_virtio_user_packed),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_refusals_leave_no_trace),
		cmocka_unit_test(test_refused_without_need_reply_closes),
		cmocka_unit_test(test_new_device_refused),
		cmocka_unit_test(test_mem_table_again),
		cmocka_unit_test(test_mem_table_empty),
		cmocka_unit_test(test_call_swapped_silently),
		cmocka_unit_test(test_parked),
		cmocka_unit_test(test_reset_owner),
		cmocka_unit_test(test_get_base_of_unknown_ring),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
