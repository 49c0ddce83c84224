/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vDPA device list: registration rules, lookup, pass-through, removal, and the EAL's own iteration over the class,
 * on a real generic device (a net_null port, which no hardware is needed for). api.md 2.9, 2.10, 8.1, 8.5; H21, K23.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <errno.h>

#include <cmocka.h>
#include <rte_class.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "vdpa_abi.h"

static struct rte_device *devs[2];
static int type_rc;
static struct rte_vdpa_device *seen_by_type;

static int queue_num(struct rte_vdpa_device *dev, uint32_t *n) { *n = 16; return 0; }
static int features(struct rte_vdpa_device *dev, uint64_t *f) { *f = 0xabc; return 3; }
static int protocol(struct rte_vdpa_device *dev, uint64_t *f) { *f = 0xdef; return 4; }
static int on_vid(int vid) { return 0; }
static int on_ring(int vid, int ring, int state) { return 0; }
static int names(struct rte_vdpa_device *dev, struct rte_vdpa_stat_name *n, unsigned int size) { return 5; }
static int stats(struct rte_vdpa_device *dev, int ring, struct rte_vdpa_stat *s, unsigned int n) { return ring; }
static int reset(struct rte_vdpa_device *dev, int ring) { return ring + 1; }

static int
dev_type(struct rte_vdpa_device *dev, uint32_t *type)
{
	seen_by_type = dev;
	/* the driver may look at these; nobody can find the device yet */
	assert_ptr_equal(dev->device, devs[0]);
	assert_non_null(dev->ops);
	assert_null(rte_vdpa_find_device_by_name(rte_dev_name(devs[0])));
	*type = RTE_VHOST_VDPA_DEVICE_TYPE_BLK;
	return type_rc;
}

static struct rte_vdpa_dev_ops
mandatory(void)
{
	return (struct rte_vdpa_dev_ops){ .get_queue_num = queue_num, .get_features = features,
		.get_protocol_features = protocol, .dev_conf = on_vid, .dev_close = on_vid,
		.set_vring_state = on_ring, .set_features = on_vid };
}

static void
find_and_remove(void **state)
{
	struct rte_vdpa_dev_ops ops = mandatory();
	struct rte_vdpa_device *a = rte_vdpa_register_device(devs[0], &ops);
	struct rte_vdpa_device *b = rte_vdpa_register_device(devs[1], &ops);
	char longer[80];

	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->type, RTE_VHOST_VDPA_DEVICE_TYPE_NET);
	assert_ptr_equal(rte_vdpa_find_device_by_name(rte_dev_name(devs[0])), a);
	assert_ptr_equal(rte_vdpa_find_device_by_name(rte_dev_name(devs[1])), b);
	assert_ptr_equal(rte_vdpa_get_rte_device(a), devs[0]);
	assert_null(rte_vdpa_get_rte_device(NULL));
	assert_null(rte_vdpa_find_device_by_name(NULL));
	assert_null(rte_vdpa_find_device_by_name(""));
	snprintf(longer, sizeof(longer), "%sx", rte_dev_name(devs[0]));
	assert_null(rte_vdpa_find_device_by_name(longer));
	assert_null(rte_vdpa_register_device(devs[0], &ops)); /* the name is taken */
	assert_int_equal(rte_vdpa_unregister_device(a), 0);
	assert_null(rte_vdpa_find_device_by_name(rte_dev_name(devs[0])));
	assert_int_equal(rte_vdpa_unregister_device(a), -1); /* compared, never followed */
	assert_int_equal(rte_vdpa_unregister_device(NULL), -1);
	assert_ptr_equal(rte_vdpa_find_device_by_name(rte_dev_name(devs[1])), b);
	assert_int_equal(rte_vdpa_unregister_device(b), 0);
}

static void
mandatory_operations(void **state)
{
	static const size_t at[] = { 0, 8, 16, 24, 32, 48, 56 };
	unsigned int i;

	for (i = 0; i < 7; i++) {
		struct rte_vdpa_dev_ops ops = mandatory();

		memset((char *)&ops + at[i], 0, sizeof(void *));
		assert_null(rte_vdpa_register_device(devs[0], &ops));
	}
	assert_null(rte_vdpa_register_device(devs[0], NULL));
	assert_null(rte_vdpa_find_device_by_name(rte_dev_name(devs[0])));
}

static void
type_of_device(void **state)
{
	struct rte_vdpa_dev_ops ops = mandatory();
	struct rte_vdpa_device *dev;

	ops.get_dev_type = dev_type;
	type_rc = -1;
	assert_null(rte_vdpa_register_device(devs[0], &ops)); /* not an unlisted object (H21) */
	type_rc = 0;
	dev = rte_vdpa_register_device(devs[0], &ops);
	assert_ptr_equal(dev, seen_by_type);
	assert_int_equal(dev->type, RTE_VHOST_VDPA_DEVICE_TYPE_BLK);
	assert_int_equal(rte_vdpa_unregister_device(dev), 0);
}

static void
pass_through(void **state)
{
	struct rte_vdpa_dev_ops ops = mandatory();
	struct rte_vdpa_device *dev = rte_vdpa_register_device(devs[0], &ops);
	struct rte_vdpa_stat stat;
	uint64_t f = 0;
	uint32_t n = 0;

	assert_int_equal(rte_vdpa_get_queue_num(dev, &n), 0);
	assert_int_equal(n, 16);
	assert_int_equal(rte_vdpa_get_features(dev, &f), 3); /* the driver's own value */
	assert_int_equal(f, 0xabc);
	assert_int_equal(rte_vdpa_get_protocol_features(dev, &f), 4);
	assert_int_equal(f, 0xdef);
	assert_int_equal(rte_vdpa_get_queue_num(NULL, &n), -1);
	assert_int_equal(rte_vdpa_get_features(NULL, &f), -1);
	assert_int_equal(rte_vdpa_get_protocol_features(NULL, &f), -1);
	assert_int_equal(rte_vdpa_get_stats_names(dev, NULL, 0), -ENOTSUP);
	assert_int_equal(rte_vdpa_get_stats(dev, 0, &stat, 1), -ENOTSUP);
	assert_int_equal(rte_vdpa_reset_stats(dev, 0), -ENOTSUP);
	ops.get_stats_names = names;
	ops.get_stats = stats;
	ops.reset_stats = reset;
	assert_int_equal(rte_vdpa_get_stats_names(dev, NULL, 0), 5);
	assert_int_equal(rte_vdpa_get_stats(dev, 65535, &stat, 1), 65535);
	assert_int_equal(rte_vdpa_reset_stats(dev, 65535), 65536);
	assert_int_equal(rte_vdpa_get_stats_names(NULL, NULL, 0), -EINVAL);
	assert_int_equal(rte_vdpa_get_stats(NULL, 0, &stat, 1), -EINVAL);
	assert_int_equal(rte_vdpa_get_stats(dev, 0, NULL, 1), -EINVAL);
	assert_int_equal(rte_vdpa_get_stats(dev, 0, &stat, 0), -EINVAL);
	assert_int_equal(rte_vdpa_reset_stats(NULL, 0), -EINVAL);
	assert_int_equal(rte_vdpa_unregister_device(dev), 0);
}

static unsigned int
iterate(const char *text, const struct rte_device *want)
{
	struct rte_dev_iterator it;
	struct rte_device *dev;
	unsigned int n = 0;

	RTE_DEV_FOREACH(dev, text, &it) {
		assert_ptr_equal(dev, want);
		n++;
	}
	return n;
}

static void
class_of_the_eal(void **state)
{
	struct rte_vdpa_dev_ops ops = mandatory();
	struct rte_vdpa_device *dev;

	assert_non_null(rte_class_find_by_name("vdpa"));
	assert_int_equal(iterate("class=vdpa", NULL), 0);
	dev = rte_vdpa_register_device(devs[1], &ops);
	assert_int_equal(iterate("class=vdpa", devs[1]), 1);
	assert_int_equal(rte_vdpa_unregister_device(dev), 0);
	assert_int_equal(iterate("class=vdpa", NULL), 0);
}

static int
init(void **state)
{
	static char prefix[32];
	char *argv[] = { (char *)(uintptr_t)"test", (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"64", (char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--lcores=0",
		(char *)(uintptr_t)"--vdev=net_null0", (char *)(uintptr_t)"--vdev=net_null1", prefix, NULL };
	struct rte_dev_iterator it;
	struct rte_device *dev;
	unsigned int n = 0;

	snprintf(prefix, sizeof(prefix), "--file-prefix=hvvdpa%d", getpid());
	if (rte_eal_init(11, argv) < 0)
		return -1;
	RTE_DEV_FOREACH(dev, "bus=vdev", &it)
		if (n < 2)
			devs[n++] = dev;
	return n == 2 ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_and_remove), cmocka_unit_test(mandatory_operations),
		cmocka_unit_test(type_of_device), cmocka_unit_test(pass_through), cmocka_unit_test(class_of_the_eal),
	};

	return cmocka_run_group_tests_name("api/stubs_vdpa", tests, init, NULL);
}
