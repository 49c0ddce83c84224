/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device without a socket: plans, resolution of rings, readiness, slots, violations of a ring, what telemetry shows.
 * Covers plan.c, resolve.c, device.c, registry.c, queue.c, ready.c, source.c, numa_node.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>

#include "device.h"
#include "door.h"
#include "numa_node.h"
#include "queue.h"
#include "ring.h"
#include "telemetry.h"
#include "work.h"

#define MEM (UINT64_C(4) << 20)
#define UVA UINT64_C(0x7f0000000000)

static struct vh_policy policy;
static char events[4096];

static void
note(const char *fmt, ...)
{
	size_t n = strlen(events);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(events + n, sizeof(events) - n, fmt, ap);
	va_end(ap);
}

static int
on_new(int vid)
{
	note("new;");
	return 0;
}

static void
on_destroy(int vid)
{
	note("destroy;");
}

static int
on_state(int vid, uint16_t ring, int on)
{
	note("%u=%d;", ring, on);
	return 0;
}

static const struct rte_vhost_device_ops ops = {
	.new_device = on_new, .destroy_device = on_destroy, .vring_state_changed = on_state,
};

static struct vh_memmap *
map_memory(struct vh_memmap *old)
{
	struct vh_region_req r = { .gpa = 0x100000, .size = MEM, .uva = UVA, .offset = 0 };
	int fd = memfd_create("guest", MFD_CLOEXEC);
	struct vh_memmap *m = NULL;
	struct vh_fault fault;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)MEM), 0);
	assert_int_equal(vh_memmap_build(&policy, old, &r, 1, &fd, &m, &fault), 0);
	return m;
}

static struct vh_device *
new_device(uint64_t features)
{
	struct vh_settings set = { .builtin_net = true, .ops = &ops, .features = ~UINT64_C(0) };
	struct vh_device *dev = vh_device_create("test", &policy, &set);

	events[0] = '\0';
	assert_non_null(dev);
	assert_int_equal(vh_slot_take(dev), 0);
	dev->features = features;
	dev->map = map_memory(NULL);
	assert_int_equal(vh_device_touch(dev, 1), 0);
	return dev;
}

static void
end_device(struct vh_device *dev)
{
	assert_true(vh_device_close_doors(dev));
	vh_device_unbind(dev);
	vh_device_open_doors(dev);
	vh_slot_clear(dev);
	vh_device_free(dev);
}

static void
configure(struct vh_queue_conf *c, uint64_t at, uint16_t size)
{
	c->size = size;
	c->desc.v = UVA + at;
	c->avail.v = UVA + at + 65536;
	c->used.v = UVA + at + 2 * 65536;
	c->addr_set = true;
	c->kickfd = VH_FD_NONE;
	c->callfd = VH_FD_NONE;
	c->enabled = true;
}

static void
apply(struct vh_plan *p)
{
	assert_int_equal(vh_plan_prepare(p), 0);
	vh_plan_commit(p);
	assert_true(vh_plan_quiet(p));
	vh_plan_end(p);
}

static void
start_both(struct vh_device *dev)
{
	struct vh_plan *p = vh_plan_begin(dev);

	configure(&p->ring[0].conf, 0, 256);
	configure(&p->ring[1].conf, 4 * 65536, 256);
	apply(p);
}

static void
test_life(void **state)
{
	struct vh_device *dev = new_device(VH_F_VERSION_1);
	struct vh_plan *p;

	assert_false(vh_ready_pending(dev));
	assert_string_equal(vh_queue_not_ready(dev->queue[0]), "no size");
	start_both(dev);
	assert_non_null(vh_doors[0][0].bind);
	assert_true(vh_bind_has(vh_doors[0][0].bind, VH_B_READY));
	assert_true(vh_ready_pending(dev));
	vh_ready_report_rings(dev);
	vh_ready_start_device(dev);
	assert_string_equal(events, "0=1;1=1;new;");
	assert_false(vh_ready_pending(dev));
	/* one ring stops */
	p = vh_plan_begin(dev);
	p->ring[1].conf.addr_set = false;
	p->ring[1].conf.started = false;
	apply(p);
	assert_null(vh_doors[0][1].bind);
	assert_non_null(vh_doors[0][0].bind);
	vh_ready_report_rings(dev);
	vh_ready_stop_device(dev);
	assert_string_equal(events, "0=1;1=1;new;1=0;destroy;");
	end_device(dev);
	assert_null(vh_doors[0][0].bind);
}

/* Prepared and then dropped: nothing changed, nothing leaks (sanitizers look). */
static void
test_dropped_plan(void **state)
{
	struct vh_device *dev = new_device(VH_F_VERSION_1);
	struct vh_plan *p = vh_plan_begin(dev);

	configure(&p->ring[0].conf, 0, 256);
	p->ring[0].conf.call = vh_efd_create(eventfd(0, EFD_NONBLOCK));
	p->features = 0;
	assert_int_equal(vh_plan_prepare(p), 0);
	vh_plan_end(p);
	assert_int_equal(dev->features, VH_F_VERSION_1);
	assert_null(dev->queue[0]->bind);
	assert_null(dev->queue[0]->conf.call);
	assert_int_equal(dev->queue[0]->conf.size, 0);
	end_device(dev);
}

/* A changed table gives every ring a new binding; the old map lives until the last binding is gone. */
static void
test_map_swap(void **state)
{
	struct vh_device *dev = new_device(VH_F_VERSION_1);
	const struct vh_bind *before, *inside;
	struct vh_memmap *m;
	struct vh_plan *p;

	start_both(dev);
	before = vh_doors[0][0].bind;
	inside = vh_door_try(&vh_doors[0][0]);
	assert_ptr_equal(inside, before);
	m = map_memory(dev->map);
	p = vh_plan_begin(dev);
	p->map = m;
	assert_int_equal(vh_plan_prepare(p), 0);
	vh_plan_commit(p);
	assert_ptr_not_equal(vh_doors[0][0].bind, before);
	/* a data thread is inside with the old one: not quiet, and the old one still usable */
	assert_false(vh_plan_quiet(p));
	assert_int_equal(inside->size, 256);
	assert_ptr_not_equal(inside->map, m);
	vh_door_leave(&vh_doors[0][0]);
	assert_true(vh_plan_quiet(p));
	vh_plan_end(p);
	/* positions went on: the ring was not started anew */
	assert_true(dev->queue[0]->conf.started);
	vh_map_release(m);
	end_device(dev);
}

static enum vh_violation
parked_by(struct vh_device *dev, void (*spoil)(struct vh_plan *p))
{
	struct vh_plan *p = vh_plan_begin(dev);
	enum vh_violation v;

	configure(&p->ring[0].conf, 0, 256);
	configure(&p->ring[1].conf, 4 * 65536, 256);
	spoil(p);
	assert_int_equal(vh_plan_prepare(p), 0);
	v = p->ring[1].parked != VH_V_NONE ? p->ring[1].parked : p->ring[0].parked;
	vh_plan_end(p);
	return v;
}

static void
spoil_size(struct vh_plan *p)
{
	p->ring[0].conf.size = 255;
}

static void
spoil_align(struct vh_plan *p)
{
	p->ring[0].conf.desc.v += 8;
}

static void
spoil_addr(struct vh_plan *p)
{
	p->ring[0].conf.used.v = UVA + MEM - 8;
}

static void
spoil_overlap(struct vh_plan *p)
{
	p->ring[1].conf.used.v = p->ring[0].conf.avail.v;
}

static void
spoil_overlap_inside(struct vh_plan *p)
{
	p->ring[0].conf.used.v = p->ring[0].conf.avail.v;
}

static void
spoil_features(struct vh_plan *p)
{
	p->features = VH_F_RING_PACKED;
}

static void
spoil_base(struct vh_plan *p)
{
	p->features = VH_F_RING_PACKED | VH_F_VERSION_1;
	p->ring[0].conf.base_avail = 0x8100;
	p->ring[0].conf.base_set = true;
}

static void
spoil_nothing(struct vh_plan *p)
{
	/* V27: the used ring ends with the region's last byte */
	p->ring[1].conf.used.v = UVA + MEM - 4 - 8 * 256;
}

static void
test_parked(void **state)
{
	struct vh_device *dev = new_device(VH_F_VERSION_1);

	assert_int_equal(parked_by(dev, spoil_size), VH_V_SETUP_SIZE);
	assert_int_equal(parked_by(dev, spoil_align), VH_V_SETUP_ALIGN);
	assert_int_equal(parked_by(dev, spoil_addr), VH_V_SETUP_ADDR);
	assert_int_equal(parked_by(dev, spoil_overlap), VH_V_SETUP_OVERLAP);
	assert_int_equal(parked_by(dev, spoil_overlap_inside), VH_V_SETUP_OVERLAP);
	assert_int_equal(parked_by(dev, spoil_features), VH_V_SETUP_FEATURES);
	assert_int_equal(parked_by(dev, spoil_base), VH_V_SETUP_BASE);
	assert_int_equal(parked_by(dev, spoil_nothing), VH_V_NONE);
	end_device(dev);
}

/* FEAT-9, V66 */
static void
test_without_mq(void **state)
{
	struct vh_device *dev = new_device(VH_F_VERSION_1);
	struct vh_plan *p;

	assert_int_equal(vh_device_touch(dev, 3), 0);
	p = vh_plan_begin(dev);
	configure(&p->ring[2].conf, 0, 256);
	apply(p);
	assert_null(dev->queue[2]->bind);
	p = vh_plan_begin(dev);
	p->features |= VH_F_NET_MQ;
	apply(p);
	assert_non_null(dev->queue[2]->bind);
	end_device(dev);
}

/* A ring that breaks is seen by the guard and by vhost-io; another vid's report is another bit. */
static void
test_violation(void **state)
{
	struct vh_device *dev = new_device(VH_F_VERSION_1);
	struct vh_fault f = { .code = VH_V_AVAIL_IDX, .observed = 9, .limit = 8 };
	const struct vh_bind *b;
	struct vh_ring_state rs;

	start_both(dev);
	while (vh_report_next() >= 0)
		;
	b = vh_door_try(&vh_doors[0][1]);
	assert_int_equal(vh_queue_violation(b, &f), VH_STOP);
	vh_door_leave(&vh_doors[0][1]);
	assert_true(dev->queue[1]->ring->broken);
	assert_int_equal(dev->queue[1]->broke, VH_BROKE);
	assert_int_equal(vh_guard_count(&dev->guard, VH_V_AVAIL_IDX), 1);
	assert_int_equal(f.queue, 1);
	assert_int_equal(vh_report_next(), 0);
	assert_int_equal(vh_report_next(), -1);
	f.code = VH_V_TX_SHORT;
	b = vh_door_try(&vh_doors[0][0]);
	assert_int_equal(vh_queue_violation(b, &f), VH_DROP);
	vh_door_leave(&vh_doors[0][0]);
	assert_false(dev->queue[0]->ring->broken);
	memset(&rs, 0, sizeof(rs));
	end_device(dev);
}

static void
test_slots(void **state)
{
	struct vh_settings set = { .builtin_net = true };
	struct vh_device *a = vh_device_create("a", &policy, &set), *b = vh_device_create("b", &policy, &set);

	assert_int_equal(vh_slot_take(a), 0);
	assert_int_equal(vh_slot_take(b), 1);
	assert_true(vh_device_exists(1));
	vh_slot_clear(a);
	assert_false(vh_device_exists(0));
	assert_null(vh_device_lock(-1));
	assert_null(vh_device_lock(1024));
	assert_null(vh_queue_lock(1, 0));
	vh_device_free(a);
	a = vh_device_create("a", &policy, &set);
	assert_int_equal(vh_slot_take(a), 0); /* K6 */
	vh_slot_clear(a);
	vh_slot_clear(b);
	vh_device_free(a);
	vh_device_free(b);
	assert_true(vh_numa_node_of((const void __guest *)&policy) >= -1);
}

static int
setup(void **state)
{
	char *argv[] = { (char *)(uintptr_t)"t", (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"64", (char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--lcores=0", NULL };

	if (rte_eal_init(8, argv) < 0)
		return -1;
	vh_policy_defaults(&policy);
	return vh_work_start();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_dropped_plan),
		cmocka_unit_test(test_map_swap),
		cmocka_unit_test(test_parked),
		cmocka_unit_test(test_without_mq),
		cmocka_unit_test(test_violation),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
