/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What our side runs out of, and what a front-end runs into: mapping fails, the heap is used up, replies have nobody to
 * read them, too many refusals, an application that refuses. Each is counted by its own name and costs only its sender.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "violation.h"

static uint64_t
count(int vid, enum vh_violation code)
{
	return fx_count(vid, vh_violation_info(code)->name);
}

/* The device is gone with its counters: they were added to the process's. */
static bool
wait_retired(enum vh_violation code, uint64_t before)
{
	unsigned int i;

	for (i = 0; i < 3000 && vh_guard_retired(code, VH_CLOSE) == before; i++)
		usleep(1000);
	return vh_guard_retired(code, VH_CLOSE) == before + 1;
}

/* A007 */
static void
test_reply_failed(void **state)
{
	const char *path = fx_serve("a", 0);
	uint64_t before = vh_guard_retired(VH_V_REPLY_FAILED, VH_CLOSE);
	struct fe fe;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_int_equal(shutdown(fe.fd, SHUT_RD), 0);
	assert_int_equal(fe_send(&fe, FE_GET_FEATURES, 0, NULL, 0, NULL, 0), 0);
	assert_true(wait_retired(VH_V_REPLY_FAILED, before));
	fe_close(&fe, true);
	fx_unserve(path);
}

static void
test_max_nacks(void **state)
{
	const char *path = fx_serve("a", 0);
	uint64_t before = vh_guard_retired(VH_V_MAX_NACKS, VH_CLOSE);
	struct fe fe;
	int i;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	for (i = 0; i < 100 && fe_ack(&fe, 99, NULL, 0, NULL, 0) > 0; i++)
		;
	assert_true(wait_retired(VH_V_MAX_NACKS, before));
	fe_close(&fe, true);
	fx_unserve(path);
}

static enum rte_vhost_msg_result
refuse(int vid, void *msg)
{
	return RTE_VHOST_MSG_RESULT_ERR;
}

static void
test_hook_refused(void **state)
{
	static const struct rte_vhost_user_extern_ops hooks = { .pre_msg_handle = refuse };
	const char *path = fx_serve("a", 0);
	uint64_t v = 0;
	struct fe fe;

	fx_hooks = &hooks;
	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_true(fe_ack(&fe, FE_SET_PROTOCOL_FEATURES, &v, 8, NULL, 0) > 0);
	assert_int_equal(count(fx_vid, VH_V_HOOK_REFUSED), 1);
	fe_close(&fe, true);
	fx_unserve(path);
}

/* More than the address space holds, with the quotas out of the way (A071). */
static void
test_mapping_fails(void **state)
{
	const uint64_t size = UINT64_C(127) << 40;
	struct fe_mem_table t = { 1, 0, { { 0, size, 0, 0 } } };
	int fd = memfd_create("huge", 0);
	const char *path;
	unsigned int fds;
	struct fe fe;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	setenv("HVHOST_OPTIONS", "mem.quota=128t,mem.quota_process=128t", 1);
	path = fx_serve("a", 0);
	unsetenv("HVHOST_OPTIONS");
	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, path), 0);
	assert_int_equal(fe_ack(&fe, FE_SET_OWNER, NULL, 0, NULL, 0), 0); /* accepted by now */
	fds = fx_fds();
	assert_true(fe_ack(&fe, FE_SET_MEM_TABLE, &t, 8 + 32, &fd, 1) > 0);
	assert_true(fx_wait_fds(fds));
	assert_true(fe_ack(&fe, FE_SET_MEM_TABLE, &t, 8 + 32, &fd, 1) > 0);
	assert_int_equal(count(fx_vid, VH_V_MEM_MAP), 2);
	assert_true(fx_wait_fds(fds));
	close(fd);
	fe_close(&fe, true);
	fx_unserve(path);
}

/* No heap for a ring's private state: the message that starts the ring is refused, nothing else happens. */
static void
test_heap_used_up(void **state)
{
	const char *path = fx_serve("a", 0);
	struct fe_dev *dev = fx_dev(NULL, FE_ORDER_QEMU, false);
	static void *held[65536];
	unsigned int n = 0, i;
	size_t size;

	assert_int_equal(fe_connect(&dev->fe, path), 0);
	assert_int_equal(fe_dev_negotiate(dev), 0);
	for (size = 1 << 20; size >= 4096; size /= 2)
		while (n < RTE_DIM(held) && (held[n] = rte_malloc(NULL, size, 0)) != NULL)
			n++;
	assert_true(fe_dev_start(dev) != 0);
	assert_true(count(fx_vid, VH_V_INTERNAL) >= 1);
	for (i = 0; i < n; i++)
		rte_free(held[i]);
	fx_dev_free(dev);
	assert_true(fx_wait("destroy_connection 0;"));
	/* and with memory again everything works */
	dev = fx_dev(path, FE_ORDER_QEMU, false);
	assert_true(fx_wait("new_device 0;"));
	fx_dev_free(dev);
	fx_unserve(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_failed),
		cmocka_unit_test(test_max_nacks),
		cmocka_unit_test(test_hook_refused),
		cmocka_unit_test(test_mapping_fails),
		cmocka_unit_test(test_heap_used_up),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
