/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See fixture.h.
 */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "hvhost.h"

_Atomic(int) fx_refuse_new_device;
_Atomic(bool) fx_refuse_connection;
_Atomic(unsigned int) fx_block_ms;
_Atomic(const char *) fx_unregister_in;
_Atomic(int) fx_unregister_rc;
_Atomic(int) fx_vid;
_Atomic(const struct rte_vhost_user_extern_ops *) fx_hooks;

static char dir[64];
static char log_text[65536];
static size_t log_len;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rte_mempool *pool;

static void
record(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&log_lock);
	va_start(ap, fmt);
	log_len += (size_t)vsnprintf(log_text + log_len, sizeof(log_text) - log_len, fmt, ap);
	va_end(ap);
	assert_true(log_len < sizeof(log_text));
	pthread_mutex_unlock(&log_lock);
}

static void
maybe_unregister(int vid, const char *where)
{
	char path[128];

	if (fx_unregister_in == NULL || strcmp(fx_unregister_in, where) != 0)
		return;
	fx_unregister_in = NULL;
	if (rte_vhost_get_ifname(vid, path, sizeof(path)) == 0)
		fx_unregister_rc = rte_vhost_driver_unregister(path);
}

static int
on_new_device(int vid)
{
	bool refuse = fx_refuse_new_device > 0;

	usleep(fx_block_ms * 1000);
	record("new_device%s %d;", refuse ? "(refused)" : "", vid);
	maybe_unregister(vid, "new_device");
	if (refuse)
		fx_refuse_new_device--;
	return refuse ? -1 : 0;
}

static void
on_destroy_device(int vid)
{
	record("destroy_device %d;", vid);
	maybe_unregister(vid, "destroy_device");
}

static int
on_state(int vid, uint16_t ring, int enable)
{
	record("state %d %u %d;", vid, ring, enable);
	maybe_unregister(vid, "state");
	return 0;
}

static int
on_new_connection(int vid)
{
	fx_vid = vid;
	record("new_connection%s %d;", fx_refuse_connection ? "(refused)" : "", vid);
	if (fx_hooks != NULL)
		assert_int_equal(rte_vhost_extern_callback_register(vid, fx_hooks, NULL), 0);
	maybe_unregister(vid, "new_connection");
	return fx_refuse_connection ? -1 : 0;
}

static void
on_destroy_connection(int vid)
{
	char path[128];

	/* still valid in here */
	assert_int_equal(rte_vhost_get_ifname(vid, path, sizeof(path)), 0);
	record("destroy_connection %d;", vid);
}

static const struct rte_vhost_device_ops ops = {
	.new_device = on_new_device,
	.destroy_device = on_destroy_device,
	.vring_state_changed = on_state,
	.new_connection = on_new_connection,
	.destroy_connection = on_destroy_connection,
};

int
fx_init(void **state)
{
	static char prefix[32];
	char *argv[] = { (char *)(uintptr_t)"test", (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"128", (char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--lcores=0", prefix, NULL };

	snprintf(prefix, sizeof(prefix), "--file-prefix=hvut%d", getpid());
	if (rte_eal_init(9, argv) < 0)
		return -1;
	snprintf(dir, sizeof(dir), "/tmp/hvut.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	pool = rte_pktmbuf_pool_create("fx", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pool != NULL ? 0 : -1;
}

/* One whole life of a device, so that what the library opens once for the process is open before fds are counted. */
static void
warm_up(void)
{
	static bool warm;
	struct fe_dev *dev;

	if (warm)
		return;
	warm = true;
	dev = fx_dev(fx_serve("warm", 0), FE_ORDER_QEMU, false);
	assert_true(fx_wait("new_device 0;"));
	assert_int_equal(rte_vhost_vring_call(0, 1), 0);
	fx_dev_free(dev);
	assert_true(fx_wait("destroy_connection 0;"));
	fx_unserve(fx_path("warm"));
}

int
fx_fini(void **state)
{
	rmdir(dir);
	return 0;
}

struct rte_mempool *
fx_pool(void)
{
	return pool;
}

const char *
fx_path(const char *name)
{
	static char buf[8][108];
	static unsigned int at;
	char *p = buf[at++ % 8];

	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

const char *
fx_serve(const char *name, uint64_t flags)
{
	const char *path;

	warm_up();
	path = fx_path(name);
	fx_refuse_new_device = 0;
	fx_refuse_connection = false;
	fx_block_ms = 0;
	fx_unregister_in = NULL;
	fx_hooks = NULL;
	(void)rte_vhost_driver_unregister(path); /* left by a test that failed */
	fx_clear();
	assert_int_equal(rte_vhost_driver_register(path, flags), 0);
	assert_int_equal(rte_vhost_driver_callback_register(path, &ops), 0);
	assert_int_equal(rte_vhost_driver_start(path), 0);
	return path;
}

void
fx_unserve(const char *path)
{
	assert_int_equal(rte_vhost_driver_unregister(path), 0);
}

void
fx_clear(void)
{
	pthread_mutex_lock(&log_lock);
	log_len = 0;
	log_text[0] = '\0';
	pthread_mutex_unlock(&log_lock);
}

const char *
fx_events(void)
{
	static char copy[sizeof(log_text)];

	pthread_mutex_lock(&log_lock);
	memcpy(copy, log_text, log_len + 1);
	pthread_mutex_unlock(&log_lock);
	return copy;
}

bool
fx_wait(const char *tail)
{
	unsigned int i;

	for (i = 0; i < 3000; i++) {
		const char *e = fx_events();
		size_t n = strlen(e), m = strlen(tail);

		if (n >= m && strcmp(e + n - m, tail) == 0)
			return true;
		usleep(1000);
	}
	fprintf(stderr, "events: %s\nwanted at the end: %s\n", fx_events(), tail);
	return false;
}

uint64_t
fx_count(int vid, const char *violation)
{
	struct hvhost_violation_count v[256];
	int n = hvhost_violations_get(vid, v, 256), i;

	assert_true(n > 0);
	for (i = 0; i < n; i++)
		if (strcmp(v[i].name, violation) == 0)
			return v[i].count;
	fail_msg("no violation is called %s", violation);
	return 0;
}

bool
fx_wait_count(int vid, const char *violation, uint64_t n)
{
	unsigned int i;

	for (i = 0; i < 2000 && fx_count(vid, violation) < n; i++)
		usleep(1000);
	return fx_count(vid, violation) >= n;
}

unsigned int
fx_fds(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

bool
fx_wait_fds(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 3000 && fx_fds() > n; i++)
		usleep(1000);
	if (fx_fds() > n)
		fprintf(stderr, "%u fds open, expected %u\n", fx_fds(), n);
	return fx_fds() <= n;
}

struct fe_dev *
fx_dev(const char *path, enum fe_order order, bool packed)
{
	struct fe_dev_cfg cfg = fe_dev_defaults();
	struct fe_dev *dev = malloc(sizeof(*dev));

	cfg.order = order;
	cfg.mem_size = 16 << 20;
	cfg.features |= FE_F_MRG_RXBUF | FE_F_MQ | FE_F_CTRL_VQ | (packed ? FE_F_PACKED : 0);
	cfg.require = packed ? FE_F_PACKED : 0;
	cfg.protocol |= FE_PF_STATUS | FE_PF_MTU | FE_PF_RARP;
	assert_non_null(dev);
	assert_int_equal(fe_dev_create(dev, &cfg), 0);
	if (path != NULL)
		assert_int_equal(fe_dev_connect(dev, path), 0);
	return dev;
}

void
fx_dev_free(struct fe_dev *dev)
{
	fe_dev_disconnect(dev);
	fe_dev_destroy(dev);
	free(dev);
}
