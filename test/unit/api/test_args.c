/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wrong arguments get the documented code and change nothing; a live device answers its queries.
 * Covers device.c, driver.c, export.c, net.c, stats.c, vring.c; api.md 2.1-2.6, 2.13, 2.14; H15, H18,
 * H35, K10, K15, K22.
 */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_vdpa.h>

#include "hvhost.h"

static const int bad_vids[] = { -1, 0, 5, 1023, 1024, INT32_MAX };

static void
test_bad_vid(void **state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(bad_vids); i++) {
		struct rte_vhost_user_extern_ops hooks = { 0 };
		struct rte_vhost_power_monitor_cond pmc;
		struct rte_vhost_memory *mem = NULL;
		struct rte_vhost_vring vring;
		struct rte_mbuf *pkts[1] = { NULL };
		int vid = bad_vids[i];
		uint16_t a = 7, u = 7;
		uint64_t f = 7;
		char name[8];

		assert_int_equal(rte_vhost_get_mtu(vid, &a), -ENODEV);
		assert_int_equal(rte_vhost_get_numa_node(vid), -1);
		assert_int_equal(rte_vhost_get_vring_num(vid), 0);
		assert_int_equal(rte_vhost_get_ifname(vid, name, sizeof(name)), -1);
		assert_int_equal(rte_vhost_get_negotiated_features(vid, &f), -1);
		assert_int_equal(rte_vhost_get_negotiated_protocol_features(vid, &f), -1);
		assert_int_equal(rte_vhost_get_mem_table(vid, &mem), -1);
		assert_null(rte_vhost_get_vdpa_device(vid));
		assert_int_equal(rte_vhost_extern_callback_register(vid, &hooks, NULL), -1);
		assert_int_equal(rte_vhost_get_vhost_vring(vid, 0, &vring), -1);
		assert_int_equal(rte_vhost_get_vring_base(vid, 0, &a, &u), -1);
		assert_int_equal(rte_vhost_set_vring_base(vid, 0, 0, 0), -1);
		assert_int_equal(rte_vhost_vring_call(vid, 0), -1);
		assert_int_equal(rte_vhost_vring_call_nonblock(vid, 0), -1);
		assert_int_equal(rte_vhost_enable_guest_notification(vid, 0, 1), -1);
		assert_int_equal(rte_vhost_avail_entries(vid, 0), 0);
		assert_int_equal(rte_vhost_rx_queue_count(vid, 1), 0);
		assert_int_equal(rte_vhost_enqueue_burst(vid, 0, pkts, 1), 0);
		assert_int_equal(rte_vhost_dequeue_burst(vid, 1, fx_pool(), pkts, 1), 0);
		assert_int_equal(rte_vhost_vring_stats_get_names(vid, 0, NULL, 0), -1);
		assert_int_equal(rte_vhost_vring_stats_get(vid, 0, NULL, 0), -1);
		assert_int_equal(rte_vhost_vring_stats_reset(vid, 0), -1);
		assert_int_equal(rte_vhost_get_monitor_addr(vid, 0, &pmc), -1);
		assert_int_equal(rte_vhost_slave_config_change(vid, false), -ENODEV);
		assert_int_equal(hvhost_violations_get(vid, NULL, 0), -ENODEV);
		assert_int_equal(a, 7);
		assert_int_equal(f, 7);
	}
}

static void
test_bad_path(void **state)
{
	uint64_t f;
	uint32_t n;

	assert_int_equal(rte_vhost_driver_callback_register("nowhere", NULL), -1);
	assert_int_equal(rte_vhost_driver_set_features("nowhere", 0), -1);
	assert_int_equal(rte_vhost_driver_enable_features("nowhere", 0), -1);
	assert_int_equal(rte_vhost_driver_disable_features("nowhere", 0), -1);
	assert_int_equal(rte_vhost_driver_get_features("nowhere", &f), -1);
	assert_int_equal(rte_vhost_driver_set_protocol_features("nowhere", 0), -1);
	assert_int_equal(rte_vhost_driver_get_protocol_features("nowhere", &f), -1);
	assert_int_equal(rte_vhost_driver_get_queue_num("nowhere", &n), -1);
	assert_int_equal(rte_vhost_driver_attach_vdpa_device("nowhere", NULL), -1);
	assert_int_equal(rte_vhost_driver_detach_vdpa_device("nowhere"), -1);
	assert_null(rte_vhost_driver_get_vdpa_device("nowhere"));
	assert_int_equal(rte_vhost_driver_get_vdpa_dev_type("nowhere", &n), -1);
	assert_int_equal(rte_vhost_driver_start("nowhere"), -1);
	assert_int_equal(rte_vhost_driver_unregister("nowhere"), -1);
	assert_int_equal(rte_vhost_driver_start(NULL), -1);
	assert_int_equal(rte_vhost_driver_unregister(NULL), -1);
}

static void
test_application_runs_its_rings(void **state)
{
	const char *path = fx_path("x");
	uint64_t f = 0;

	assert_int_equal(rte_vhost_driver_register(path, 0), 0);
	/* what is not implemented is not offered, whoever asks */
	assert_int_equal(rte_vhost_driver_set_features(path, FE_F_VERSION_1 | FE_F_LOG_ALL), 0);
	assert_int_equal(rte_vhost_driver_get_features(path, &f), 0);
	assert_int_equal(f, FE_F_VERSION_1);
	assert_int_equal(rte_vhost_driver_set_protocol_features(path, FE_PF_MQ | FE_PF_LOG_SHMFD), 0);
	assert_int_equal(rte_vhost_driver_get_protocol_features(path, &f), 0);
	assert_int_equal(f, FE_PF_MQ);
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
}

static void
bad_rings(struct rte_mbuf **pkts)
{
	struct rte_vhost_vring vring;
	uint16_t a, u;

	assert_int_equal(rte_vhost_get_vhost_vring(0, 256, &vring), -1);
	assert_int_equal(rte_vhost_get_vhost_vring(0, 0, NULL), -1);
	assert_int_equal(rte_vhost_get_vring_base(0, 65535, &a, &u), -1);
	assert_int_equal(rte_vhost_get_vring_base(0, 0, NULL, &u), -1);
	assert_int_equal(rte_vhost_vring_call(0, 256), -1);
	assert_int_equal(rte_vhost_vring_call(0, 2), -1);
	assert_int_equal(rte_vhost_enable_guest_notification(0, 300, 1), -1);
	assert_int_equal(rte_vhost_rx_queue_count(0, 0), 0);
	assert_int_equal(rte_vhost_rx_queue_count(0, 257), 0);
	/* wrong parity, no count */
	assert_int_equal(rte_vhost_enqueue_burst(0, 1, pkts, 1), 0);
	assert_int_equal(rte_vhost_dequeue_burst(0, 0, fx_pool(), pkts, 1), 0);
	assert_int_equal(rte_vhost_dequeue_burst(0, 1, fx_pool(), pkts, 0), 0);
	assert_int_equal(rte_vhost_enqueue_burst(0, 0, pkts, 0), 0);
	assert_int_equal(rte_vhost_get_mem_table(0, NULL), -1);
	assert_int_equal(rte_vhost_get_ifname(0, NULL, 5), -1);
	assert_int_equal(rte_vhost_get_negotiated_features(0, NULL), -1);
	assert_int_equal(rte_vhost_extern_callback_register(0, NULL, NULL), -1);
	assert_int_equal(rte_vhost_get_monitor_addr(0, 0, NULL), -1);
}

static void
test_live_device(void **state)
{
	const char *path = fx_serve("a", RTE_VHOST_USER_NET_STATS_ENABLE);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct rte_vhost_power_monitor_cond pmc;
	struct rte_vhost_stat_name names[17];
	struct rte_vhost_stat stats[17];
	struct rte_mbuf *pkts[1] = { NULL };

	assert_true(fx_wait("new_device 0;"));
	bad_rings(pkts);
	assert_int_equal(rte_vhost_vring_stats_get_names(0, 0, NULL, 0), 17);
	assert_int_equal(rte_vhost_vring_stats_get_names(0, 0, names, 16), 17);
	assert_int_equal(rte_vhost_vring_stats_get_names(0, 1, names, 17), 17);
	assert_string_equal(names[0].name, "rx_q0_good_packets");
	assert_string_equal(names[16].name, "rx_q0_inflight_completed");
	assert_int_equal(rte_vhost_vring_stats_get_names(0, 2, names, 17), -1);
	assert_int_equal(rte_vhost_vring_stats_get(0, 1, stats, 17), 17);
	assert_int_equal(stats[16].id, 16);
	assert_int_equal(rte_vhost_vring_stats_reset(0, 1), 0);
	assert_int_equal(rte_vhost_get_monitor_addr(0, 1, &pmc), 0);
	assert_int_equal(pmc.size, 2);
	assert_int_equal(pmc.mask, dev->cfg.size - 1);
	assert_int_equal(rte_vhost_vring_call_nonblock(0, 1), 0);
	assert_true(rte_vhost_get_numa_node(0) >= 0);
	assert_int_equal(rte_vhost_slave_config_change(0, false), -1); /* no channel */
	assert_true(hvhost_violations_get(0, NULL, 0) > 50);
	assert_non_null(strstr(hvhost_version(), "ABI 23"));
	fx_dev_free(dev);
	fx_unserve(path);
}

static void
test_no_stats_flag(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	struct rte_vhost_stat stats[17];

	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(rte_vhost_vring_stats_get_names(0, 0, NULL, 0), -1);
	assert_int_equal(rte_vhost_vring_stats_get(0, 0, stats, 17), -1);
	fx_dev_free(dev);
	fx_unserve(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_vid),
		cmocka_unit_test(test_bad_path),
		cmocka_unit_test(test_application_runs_its_rings),
		cmocka_unit_test(test_live_device),
		cmocka_unit_test(test_no_stats_flag),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
