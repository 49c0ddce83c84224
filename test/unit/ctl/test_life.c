/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beginning and end of connections: unregister from anywhere, refused connections, reconnects, client mode.
 * Covers ctl/life.c, endpoint.c, connect.c, settings.c, thread.c; rules K6, K8, K9, K18, H23..H28,
 * H31, M2..M4.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
test_register_errors(void **state)
{
	const char *path = fx_path("r");
	char longpath[200];

	assert_int_equal(rte_vhost_driver_register(NULL, 0), -1);
	memset(longpath, 'a', sizeof(longpath));
	longpath[sizeof(longpath) - 1] = '\0';
	assert_int_equal(rte_vhost_driver_register(longpath, 0), -1);
	assert_int_equal(rte_vhost_driver_register(path,
			RTE_VHOST_USER_ASYNC_COPY | RTE_VHOST_USER_IOMMU_SUPPORT), -1);
	assert_int_equal(rte_vhost_driver_register(path, 0), 0);
	assert_int_equal(rte_vhost_driver_register(path, 0), -1);
	assert_int_equal(rte_vhost_driver_start(path), -1); /* no callbacks */
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
	assert_int_equal(rte_vhost_driver_unregister(path), -1);
	assert_int_equal(rte_vhost_driver_start(path), -1);
	setenv("HVHOST_OPTIONS", "no.such.key=1", 1);
	assert_int_equal(rte_vhost_driver_register(path, 0), -1);
	setenv("HVHOST_OPTIONS", "vq.budget=many", 1);
	assert_int_equal(rte_vhost_driver_register(path, 0), -1);
	unsetenv("HVHOST_OPTIONS");
}

/* K18, H25, A269: a file that was there is not ours. */
static void
test_foreign_socket_file(void **state)
{
	const char *path = fx_path("f");
	struct rte_vhost_device_ops none = { 0 };
	struct stat st;
	FILE *f = fopen(path, "w");

	fclose(f);
	assert_int_equal(rte_vhost_driver_register(path, 0), 0);
	assert_int_equal(rte_vhost_driver_callback_register(path, &none), 0);
	assert_int_equal(rte_vhost_driver_start(path), -1);
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	fx_serve("f", 0);
	assert_int_equal(rte_vhost_driver_start(path), -1); /* a second start does no damage */
	assert_int_equal(stat(path, &st), 0);
	fx_unserve(path);
	assert_int_equal(stat(path, &st), -1);
}

static void
test_features_of_path(void **state)
{
	const char *path = fx_path("p");
	uint64_t f = 0, p = 0;
	uint32_t n = 0;

	assert_int_equal(rte_vhost_driver_register(path, 0), 0);
	assert_int_equal(rte_vhost_driver_get_features(path, &f), 0);
	/* api.md 4.1 less what is not implemented: LOG_ALL */
	assert_int_equal(f, UINT64_C(0xd7c66ffcb) & ~FE_F_LOG_ALL);
	assert_int_equal(rte_vhost_driver_disable_features(path, FE_F_CSUM), 0);
	assert_int_equal(rte_vhost_driver_get_features(path, &p), 0);
	assert_int_equal(p, f & ~FE_F_CSUM);
	assert_int_equal(rte_vhost_driver_enable_features(path, FE_F_CSUM), 0);
	assert_int_equal(rte_vhost_driver_enable_features(path, FE_BIT(60)), -1);
	assert_int_equal(rte_vhost_driver_get_queue_num(path, &n), 0);
	assert_int_equal(n, 128);
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
	assert_int_equal(rte_vhost_driver_register(path, RTE_VHOST_USER_LINEARBUF_SUPPORT), 0);
	assert_int_equal(rte_vhost_driver_get_features(path, &f), 0);
	assert_int_equal(f, UINT64_C(0xd7c66a7cb) & ~FE_F_LOG_ALL);
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
	assert_int_equal(rte_vhost_driver_get_features(path, &f), -1);
}

/* K9: destroy_device in the caller, no destroy_connection; the vid is free on return. */
static void
test_unregister_connected(void **state)
{
	const char *path = fx_serve("a", 0);
	unsigned int fds;
	struct fe_dev *dev;
	uint64_t f;

	fds = fx_fds();
	dev = fx_dev(path, FE_ORDER_QEMU, false);
	assert_true(fx_wait("new_device 0;"));
	fx_clear();
	fx_unserve(path);
	assert_string_equal(fx_events(), "destroy_device 0;");
	assert_int_equal(rte_vhost_get_negotiated_features(0, &f), -1);
	assert_true(fe_peer_closed(&dev->fe, 1000));
	fx_dev_free(dev);
	assert_true(fx_wait_fds(fds));
}

static void
unregister_in(const char *callback, const char *events)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev;
	struct fe_dev_cfg cfg = fe_dev_defaults();

	fx_unregister_in = callback;
	fx_unregister_rc = 99;
	dev = malloc(sizeof(*dev));
	cfg.need_reply = false;
	cfg.mem_size = 8 << 20;
	assert_int_equal(fe_dev_create(dev, &cfg), 0);
	(void)fe_dev_connect(dev, path);
	assert_true(fe_peer_closed(&dev->fe, 3000));
	assert_true(fx_wait(events));
	assert_int_equal(fx_unregister_rc, 0);
	fx_dev_free(dev);
	/* the path can be registered again at once */
	fx_unserve(fx_serve("a", 0));
}

static void
test_unregister_in_callbacks(void **state)
{
	unregister_in("new_device", "new_device 0;destroy_device 0;");
	unregister_in("state", "state 0 0 1;");
	unregister_in("new_connection", "new_connection 0;");
}

/* H31, 7.5: a callback that blocks costs unregister its wait and nothing else. */
static void
test_unregister_while_callback_blocks(void **state)
{
	const char *a, *b = fx_serve("b", 0);
	struct fe_vring_state en = { 0, 1 };
	struct fe_dev *dev;
	struct fe canary;
	uint64_t v;

	setenv("HVHOST_OPTIONS", "api.wait_ms=100", 1);
	a = fx_serve("a", 0);
	unsetenv("HVHOST_OPTIONS");
	fx_block_ms = 800;
	dev = fx_dev(NULL, FE_ORDER_VIRTIO_USER, false);
	dev->cfg.protocol &= ~FE_PF_STATUS;
	assert_int_equal(fe_connect(&dev->fe, a), 0);
	assert_int_equal(fe_dev_negotiate(dev), 0);
	assert_int_equal(fe_dev_start(dev), 0);
	/* the message that starts the device, without waiting for anything behind it */
	for (en.index = 0; en.index < 2; en.index++)
		assert_int_equal(fe_send(&dev->fe, FE_SET_VRING_ENABLE, 0, &en, sizeof(en), NULL, 0), 0);
	fe_init(&canary);
	assert_int_equal(fe_connect(&canary, b), 0);
	usleep(100000);
	assert_int_equal(rte_vhost_driver_unregister(a), -1);
	assert_int_equal(rte_vhost_driver_register(a, 0), 0);
	assert_int_equal(rte_vhost_driver_unregister(a), 0);
	assert_true(fx_wait("destroy_device 0;") || strstr(fx_events(), "destroy_device 0;") != NULL);
	assert_int_equal(fe_get_u64(&canary, FE_GET_FEATURES, &v), 0);
	fe_close(&canary, true);
	fx_dev_free(dev);
	fx_unserve(b);
}

/* H28 for servers: refused, no destroy_connection; the next one is asked again. */
static void
test_connection_refused(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe fe;
	uint64_t v;

	fx_refuse_connection = true;
	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_true(fe_peer_closed(&fe, 1000));
	assert_true(fx_wait("new_connection(refused) 0;"));
	fe_close(&fe, true);
	fx_refuse_connection = false;
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_int_equal(fe_get_u64(&fe, FE_GET_FEATURES, &v), 0);
	fe_close(&fe, true);
	assert_true(fx_wait("destroy_connection 0;"));
	fx_unserve(path);
}

/* V41: the front-end dies and is back at once; the same vid is used (K6); fds come back. */
static void
test_reconnect_storm(void **state)
{
	const char *path = fx_serve("a", 0);
	unsigned int fds = fx_fds(), i;

	for (i = 0; i < 30; i++) {
		struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, (i & 1) != 0);

		assert_true(fx_wait("new_device 0;"));
		fx_dev_free(dev);
	}
	assert_true(fx_wait("destroy_connection 0;"));
	assert_true(fx_wait_fds(fds));
	fx_unserve(path);
}

/* The front-end dies after every message of a handshake: balanced callbacks, nothing left (U2, U8). */
static void
test_death_at_every_step(void **state)
{
	const char *path = fx_serve("a", 0);
	unsigned int fds = fx_fds(), cut;

	for (cut = 1; cut < 40; cut++) {
		struct fe_dev *dev = fx_dev(NULL, FE_ORDER_QEMU, false);

		fx_clear();
		assert_int_equal(fe_connect(&dev->fe, path), 0);
		dev->fe.cut_after = cut;
		if (fe_dev_negotiate(dev) == 0)
			(void)fe_dev_start(dev);
		fx_dev_free(dev);
		assert_true(fx_wait("destroy_connection 0;"));
		assert_int_equal(strstr(fx_events(), "new_device") != NULL,
				strstr(fx_events(), "destroy_device") != NULL);
	}
	assert_true(fx_wait_fds(fds));
	fx_unserve(path);
}

/* V42: the front-end listens later, goes away and comes back. */
static void
test_client_mode(void **state)
{
	const char *path = fx_serve("c", RTE_VHOST_USER_CLIENT);
	struct fe_dev *dev = fx_dev(NULL, FE_ORDER_QEMU, false);
	int i;

	dev->fe.timeout_ms = 3000;
	usleep(50000);
	for (i = 0; i < 5; i++) {
		assert_int_equal(fe_listen(&dev->fe, path), 0);
		assert_int_equal(fe_accept(&dev->fe), 0);
		assert_int_equal(fe_dev_accept(dev), 0);
		assert_true(fx_wait("new_device 0;"));
		fe_dev_disconnect(dev);
		fe_close(&dev->fe, true);
		assert_true(fx_wait("destroy_connection 0;"));
	}
	fx_unserve(path);
	fx_dev_free(dev);
	unlink(path);
}

static void
test_client_first_connect_in_caller(void **state)
{
	const char *path = fx_path("d");
	struct fe_dev *dev = fx_dev(NULL, FE_ORDER_VIRTIO_USER, false);

	assert_int_equal(fe_listen(&dev->fe, path), 0);
	fx_serve("d", RTE_VHOST_USER_CLIENT);
	assert_string_equal(fx_events(), "new_connection 0;"); /* before start returned */
	assert_int_equal(fe_accept(&dev->fe), 0);
	assert_int_equal(fe_dev_accept(dev), 0);
	assert_true(fx_wait("new_device 0;"));
	fx_unserve(path);
	fe_close(&dev->fe, true);
	fx_dev_free(dev);
	unlink(path);
}

static void
test_client_no_reconnect(void **state)
{
	const char *path = fx_path("e");
	struct rte_vhost_device_ops none = { 0 };

	assert_int_equal(rte_vhost_driver_register(path, RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT), 0);
	assert_int_equal(rte_vhost_driver_callback_register(path, &none), 0);
	assert_int_equal(rte_vhost_driver_start(path), -1);
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
}

/* A260, A265: registration, connections and queries race; thread sanitizer runs this too. */
static void *
racer(void *arg)
{
	_Atomic(bool) *stop = arg;
	char buf[64];
	uint16_t a, u;
	struct rte_vhost_memory *mem;

	while (!*stop) {
		struct rte_vhost_vring v;

		(void)rte_vhost_get_ifname(0, buf, sizeof(buf));
		(void)rte_vhost_get_vring_base(0, 1, &a, &u);
		(void)rte_vhost_get_vhost_vring(0, 0, &v);
		(void)rte_vhost_vring_call(0, 1);
		(void)rte_vhost_rx_queue_count(0, 1);
		(void)rte_vhost_enable_guest_notification(0, 1, 0);
		if (rte_vhost_get_mem_table(0, &mem) == 0)
			free(mem);
	}
	return NULL;
}

static void
test_races(void **state)
{
	unsigned int fds = fx_fds(), i;
	_Atomic(bool) stop = false;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, racer, &stop), 0);
	for (i = 0; i < 30; i++) {
		const char *path = fx_serve("a", 0);
		struct fe_dev *dev = fx_dev(path, FE_ORDER_QEMU, false);

		if ((i & 1) != 0)
			fe_dev_disconnect(dev);
		fx_unserve(path);
		fx_dev_free(dev);
	}
	stop = true;
	pthread_join(t, NULL);
	assert_true(fx_wait_fds(fds));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_errors),
		cmocka_unit_test(test_foreign_socket_file),
		cmocka_unit_test(test_features_of_path),
		cmocka_unit_test(test_unregister_connected),
		cmocka_unit_test(test_unregister_in_callbacks),
		cmocka_unit_test(test_unregister_while_callback_blocks),
		cmocka_unit_test(test_connection_refused),
		cmocka_unit_test(test_reconnect_storm),
		cmocka_unit_test(test_death_at_every_step),
		cmocka_unit_test(test_client_mode),
		cmocka_unit_test(test_client_first_connect_in_caller),
		cmocka_unit_test(test_client_no_reconnect),
		cmocka_unit_test(test_races),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
