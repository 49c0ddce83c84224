/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is not built yet returns what the contract says for a device that never negotiated it, before, during and after
 * a device's life, and writes nothing it should not.
 * Covers stubs_async.c, stubs_crypto.c, stubs_inflight.c, stubs_log.c; api.md 2.3-2.5, 2.7, 2.8, 2.10, 2.11, H17.
 */
#include "fixture.h"

#include <errno.h>

#include <rte_common.h>
#include <rte_vdpa.h>
#include <rte_vhost_async.h>
#include <rte_vhost_crypto.h>

#include "vdpa_abi.h"

static const int bad_vids[] = { -1, 0, 5, 1023, 1024, INT32_MAX };

/* no device: failure; device without the feature: 0 and nothing done (api.md 2.5) */
static void
inflight_setters(int vid, int want)
{
	uint16_t entry = 77;

	assert_int_equal(rte_vhost_set_inflight_desc_split(vid, 0, 0), want);
	assert_int_equal(rte_vhost_set_inflight_desc_split(vid, 9999, 65535), want); /* whatever the other arguments */
	assert_int_equal(rte_vhost_set_inflight_desc_packed(vid, 0, 0, 0, &entry), want);
	assert_int_equal(rte_vhost_clr_inflight_desc_split(vid, 0, 0, 0), want);
	assert_int_equal(rte_vhost_clr_inflight_desc_packed(vid, 0, 0), want);
	assert_int_equal(rte_vhost_set_last_inflight_io_split(vid, 0, 0), want);
	assert_int_equal(rte_vhost_set_last_inflight_io_packed(vid, 0, 0), want);
	assert_int_equal(entry, 77);
}

static void
inflight_getters(int vid)
{
	struct rte_vhost_ring_inflight area;
	uint16_t a = 7, u = 7;

	assert_int_equal(rte_vhost_get_vhost_ring_inflight(vid, 0, &area), -1);
	assert_int_equal(rte_vhost_get_vhost_ring_inflight(vid, 0, NULL), -1);
	assert_int_equal(rte_vhost_get_vring_base_from_inflight(vid, 0, &a, &u), -1);
	assert_int_equal(a, 7);
	assert_int_equal(u, 7);
}

static void
async_data_path(int vid)
{
	struct rte_mbuf *pkts[1] = { NULL };
	int inflight = 5;

	assert_int_equal(rte_vhost_submit_enqueue_burst(vid, 0, pkts, 1, 0, 0), 0);
	assert_int_equal(rte_vhost_poll_enqueue_completed(vid, 0, pkts, 1, 0, 0), 0);
	assert_int_equal(rte_vhost_clear_queue(vid, 0, pkts, 1, 0, 0), 0);
	assert_int_equal(rte_vhost_clear_queue_thread_unsafe(vid, 0, pkts, 1, 0, 0), 0); /* not 65535 (H17) */
	assert_int_equal(rte_vhost_async_try_dequeue_burst(vid, 1, NULL, pkts, 1, &inflight, 0, 0), 0);
	assert_int_equal(inflight, -1);
	assert_int_equal(rte_vhost_async_try_dequeue_burst(vid, 1, NULL, pkts, 1, NULL, 0, 0), 0);
	assert_int_equal(rte_vhost_async_get_inflight(vid, 0), -1);
	assert_int_equal(rte_vhost_async_get_inflight_thread_unsafe(vid, 0), -1);
	assert_int_equal(rte_vhost_async_channel_register(vid, 0), -1);
	assert_int_equal(rte_vhost_async_channel_register_thread_unsafe(vid, 0), -1);
	assert_null(pkts[0]);
}

static void
no_device(void **state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(bad_vids); i++) {
		int vid = bad_vids[i];
		uint64_t base = 7, size = 7;

		inflight_setters(vid, -1);
		inflight_getters(vid);
		async_data_path(vid);
		assert_int_equal(rte_vhost_async_channel_unregister(vid, 0), -1);
		assert_int_equal(rte_vhost_async_channel_unregister_thread_unsafe(vid, 0), -1);
		assert_int_equal(rte_vhost_get_log_base(vid, &base, &size), -1);
		assert_int_equal(base, 7);
		rte_vhost_log_write(vid, 0, 4096);
		rte_vhost_log_used_vring(vid, 0, 0, 8);
		assert_int_equal(rte_vhost_crypto_create(vid, 0, NULL, 0), -EINVAL);
		assert_int_equal(rte_vhost_crypto_free(vid), -EINVAL);
		assert_int_equal(rte_vhost_crypto_set_zero_copy(vid, RTE_VHOST_CRYPTO_ZERO_COPY_ENABLE), -EINVAL);
		assert_int_equal(rte_vhost_crypto_fetch_requests(vid, 0, NULL, 8), 0);
		assert_int_equal(rte_vdpa_relay_vring_used(vid, 0, NULL), -1);
		assert_int_equal(rte_vhost_host_notifier_ctrl(vid, UINT16_MAX, true), -ENODEV);
	}
}

static void
process_wide(void **state)
{
	int callfds[1] = { 7 };
	uint16_t n = 7;

	assert_int_equal(rte_vhost_async_dma_configure(0, 0), -1);
	assert_int_equal(rte_vhost_async_dma_configure(-1, 65535), -1);
	assert_int_equal(rte_vhost_async_dma_unconfigure(0, 0), -1);
	assert_int_equal(rte_vhost_crypto_driver_start("nowhere"), -1);
	assert_int_equal(rte_vhost_crypto_driver_start(NULL), -1);
	assert_int_equal(rte_vhost_crypto_finalize_requests(NULL, 0, callfds, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(callfds[0], 7);
}

static void
live_device(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);
	uint64_t base = 7, size = 7;

	assert_true(fx_wait("new_device 0;"));
	inflight_setters(0, 0);
	inflight_getters(0);
	async_data_path(0);
	assert_int_equal(rte_vhost_async_channel_unregister(0, 0), 0); /* mapped, nothing registered: fine */
	assert_int_equal(rte_vhost_async_channel_unregister(0, 200), -1);
	assert_int_equal(rte_vhost_async_channel_unregister(0, 65535), -1);
	assert_int_equal(rte_vhost_async_channel_unregister_thread_unsafe(0, 0), -1); /* rings are not held */
	assert_int_equal(rte_vhost_get_log_base(0, NULL, &size), -1);
	assert_int_equal(rte_vhost_get_log_base(0, &base, NULL), -1);
	assert_int_equal(rte_vhost_get_log_base(0, &base, &size), 0);
	assert_int_equal(base, 0);
	assert_int_equal(size, 0);
	rte_vhost_log_write(0, 0, 4096);
	rte_vhost_log_used_vring(0, 0, 0, 8);
	assert_true(rte_vhost_crypto_create(0, 0, NULL, 0) < 0);
	assert_int_equal(rte_vhost_crypto_free(0), -ENOENT);
	assert_int_equal(rte_vhost_crypto_set_zero_copy(0, RTE_VHOST_CRYPTO_ZERO_COPY_DISABLE), -ENOENT);
	assert_int_equal(rte_vhost_crypto_set_zero_copy(0, RTE_VHOST_CRYPTO_MAX_ZERO_COPY_OPTIONS), -EINVAL);
	assert_int_equal(rte_vhost_crypto_fetch_requests(0, 0, NULL, 8), 0);
	assert_int_equal(rte_vdpa_relay_vring_used(0, 0, NULL), -1);
	assert_int_equal(rte_vhost_host_notifier_ctrl(0, 0, true), -ENODEV);
	fx_dev_free(dev);
	fx_unserve(path); /* the vid is free on return */
	inflight_setters(0, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_device), cmocka_unit_test(process_wide), cmocka_unit_test(live_device),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
