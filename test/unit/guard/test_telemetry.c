/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The telemetry commands over a made-up source of devices: asked through DPDK's real telemetry socket of this
 * process, as JSON text, and once with Debian's dpdk-telemetry.py. EAL without hugepages and devices.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>

#include <cmocka.h>

#include "limits.h"
#include "telemetry.h"
#include "virtio.h"

#define BIG_VID 1023 /* 256 rings, everything at its longest */

static char prefix[32];
static int sock;
static char reply[16 * 1024 + 1];
static bool bad_options, many_devices;

static int
fake_device(int vid, struct vh_device_state *out)
{
	if (vid != 0 && vid != BIG_VID && !many_devices)
		return -ENODEV;
	memset(out, 0, sizeof(*out));
	snprintf(out->path, sizeof(out->path), "/tmp/sock%d", vid);
	out->features = VH_F_VERSION_1 | VH_F_RING_PACKED | VH_BIT(31);
	out->protocol_features = VH_PF_MQ | VH_PF_NET_MTU;
	out->running = out->ready = vid == 0;
	out->status = 0x0f;
	out->nr_rings = 2;
	out->mtu = 1500;
	out->nr_regions = 2;
	out->mapped_bytes = UINT64_C(5) << 40;
	out->connection_s = 77;
	if (vid == BIG_VID) {
		memset(out->path, 'p', sizeof(out->path) - 1);
		out->features = out->protocol_features = UINT64_MAX;
		out->nr_rings = VH_MAX_RINGS;
		out->mapped_bytes = UINT64_MAX;
		out->connection_s = UINT32_MAX;
	}
	return 0;
}

static int
fake_ring(int vid, uint16_t index, struct vh_ring_state *out)
{
	if (vid == 0 && index == 1)
		return -ENODEV; /* never named by the front-end */
	memset(out, 0, sizeof(*out));
	out->index = index;
	out->size = 256;
	out->enabled = out->started = out->packed = true;
	out->last_avail = 40000;
	out->last_used = 39999;
	out->callfd = -1;
	out->kickfd = 17;
	if (vid == BIG_VID) {
		out->size = 32768;
		out->kickfd = out->callfd = 1000000;
		out->not_ready = "ring area outside the memory table: waiting for another memory table";
	}
	return 0;
}

static int
fake_violations(int vid, uint64_t out[VH_V_COUNT][VH_DECISIONS])
{
	if (vid != 0 && vid != BIG_VID)
		return -ENODEV;
	memset(out, 0, sizeof(uint64_t) * VH_V_COUNT * VH_DECISIONS);
	out[VH_V_AVAIL_IDX][VH_STOP] = 3;
	out[VH_V_AVAIL_IDX][VH_CLOSE] = 1;
	out[VH_V_BAD_SIZE][VH_DROP] = 2;
	out[VH_V_TX_META][VH_OBSERVE] = UINT64_C(1) << 40;
	out[VH_V_SETUP_ADDR][VH_PARK] = 5;
	if (vid == BIG_VID)
		memset(out, 0xff, sizeof(uint64_t) * VH_V_COUNT * VH_DECISIONS);
	return 0;
}

static int
fake_policy(int vid, struct vh_policy *out)
{
	if (vid > 0 || (vid == -1 && bad_options))
		return -ENODEV;
	vh_policy_defaults(out);
	if (vid == 0)
		out->gso_min = 99;
	return 0;
}

static const struct vh_telemetry_source fake = {
	.device = fake_device,
	.ring = fake_ring,
	.violations = fake_violations,
	.policy = fake_policy,
};

static const char *
ask(const char *command)
{
	ssize_t n;

	assert_int_equal(send(sock, command, strlen(command), 0), strlen(command));
	n = recv(sock, reply, sizeof(reply) - 1, 0);
	assert_true(n > 0);
	reply[n] = '\0';
	return reply;
}

static void
has(const char *part)
{
	if (strstr(reply, part) == NULL)
		fail_msg("%s not in %s", part, reply);
}

static void
lacks(const char *part)
{
	if (strstr(reply, part) != NULL)
		fail_msg("%s in %s", part, reply);
}

static void
null_reply(const char *command)
{
	char want[128];

	snprintf(want, sizeof(want), "{\"%.*s\":null}", (int)strcspn(command, ","), command);
	assert_string_equal(ask(command), want);
}

static void
list(void **state)
{
	assert_string_equal(ask("/vhost/list"), "{\"/vhost/list\":[0,1023]}");
	assert_string_equal(ask("/vhost/list,1"), "{\"/vhost/list\":[1023]}");
	null_reply("/vhost/list,1024");
	null_reply("/vhost/list,x");
	null_reply("/vhost/list,1,2");
	many_devices = true; /* 1024 do not fit one array: two pages of 512 */
	ask("/vhost/list");
	has(",511]");
	lacks("512");
	ask("/vhost/list,512");
	has("[512,");
	has(",1023]");
	many_devices = false;
}

static void
device(void **state)
{
	ask("/vhost/device,0");
	has("\"vid\":0,\"path\":\"/tmp/sock0\",\"state\":\"running\",\"connected_s\":77");
	has("\"features\":[\"bit_31\",\"version_1\",\"ring_packed\"]");
	has("\"protocol_features\":[\"mq\",\"mtu\"]");
	has("\"status\":15,\"mtu\":1500,\"regions\":2,\"mapped_bytes\":5497558138880,\"nr_rings\":2");
	has("\"rings\":{\"0\":{\"size\":256,\"format\":\"packed\",\"enabled\":1,\"started\":1,\"broken\":0,"
		"\"last_avail\":40000,\"last_used\":39999,\"kickfd\":17,\"callfd\":-1,\"not_ready\":\"\"}}");
	null_reply("/vhost/device");
	null_reply("/vhost/device,1");
	null_reply("/vhost/device,1024");
	null_reply("/vhost/device,-1");
	null_reply("/vhost/device,0x0");
	null_reply("/vhost/device,18446744073709551616");
	null_reply("/vhost/device,0,");
	null_reply("/vhost/device,0,0,0");
}

/* The largest device: every page is whole JSON (the client parses it) and within the 16 KiB of a reply. */
static void
biggest_device(void **state)
{
	char command[64], part[64];

	for (unsigned int first = 0; first < VH_MAX_RINGS; first += 32) {
		snprintf(command, sizeof(command), "/vhost/device,%d,%u", BIG_VID, first);
		ask(command);
		assert_true(strlen(reply) < 14000);
		for (unsigned int i = first; i < first + 32; i++) {
			snprintf(part, sizeof(part), "\"%u\":{\"size\":32768", i);
			has(part);
		}
		has("\"net_speed_duplex\"");
		has("waiting for another memory table\"}}}}");
	}
	snprintf(command, sizeof(command), "/vhost/device,%d,256", BIG_VID);
	ask(command);
	has("\"rings\":{}");
}

static void
violations(void **state)
{
	assert_string_equal(ask("/vhost/violations,0"), "{\"/vhost/violations\":{\"vid\":0,\"total\":1099511627787,"
		"\"ctl\":{\"nack\":{\"bad_size\":2}},\"conn\":{\"closed\":{\"avail_idx\":1}},"
		"\"ring\":{\"parked\":{\"ring_addr\":5}},"
		"\"vq\":{\"observed\":{\"tx_meta\":1099511627776},\"broken\":{\"avail_idx\":3}}}}");
	null_reply("/vhost/violations,5");
	null_reply("/vhost/violations,0,0");
	/* every counter of every code at its largest: whole, and no decision forgotten */
	ask("/vhost/violations,1023");
	assert_true(strlen(reply) < 16000);
	has("\"notify_blocked\"");
	assert_string_equal(reply + strlen(reply) - 4, "}}}}");
}

/* Without a vid: live devices (two here, one of them all ones = -1 each) and those of the past. */
static void
violations_of_the_process(void **state)
{
	static struct vh_policy policy;
	static struct vh_guard guard;
	const struct vh_fault f = { .code = VH_V_BAD_VERSION };

	vh_policy_defaults(&policy);
	vh_guard_init(&guard, &policy, "/tmp/gone");
	for (unsigned int i = 0; i < 8; i++)
		vh_violation_report(&guard, &f);
	vh_guard_retire(&guard);
	ask("/vhost/violations");
	lacks("\"vid\"");
	has("\"conn\":{\"closed\":{\"bad_version\":7"); /* 8 + 0 - 1 */
	has("\"ring_addr\":4"); /* 0 + 5 - 1 */
}

static void
about(void **state)
{
	ask("/vhost/about");
	has("\"name\":\"hardened-vhost\",\"version\":\"" VH_VERSION "\",\"abi\":\"" VH_ABI "\",\"built_for\":\"DPDK "
		VH_DPDK_RELEASE "\",\"running_on\":\"DPDK " VH_DPDK_RELEASE ".");
	for (unsigned int i = 0; i < vh_policy_count(); i++) {
		struct vh_policy p;
		char value[32], part[96];
		const char *key;

		vh_policy_defaults(&p);
		vh_policy_format(&p, i, &key, value, sizeof(value));
		snprintf(part, sizeof(part), "\"%s\":\"%s\"", strchr(key, '.') + 1, value);
		has(part);
	}
	has("\"violation\":{\"bad_version\":\"close\"");
	ask("/vhost/about,0");
	has("\"gso_min\":\"99\"");
	null_reply("/vhost/about,7");
	bad_options = true;
	ask("/vhost/about");
	has("\"policy\":\"HVHOST_OPTIONS is not valid\"");
	bad_options = false;
}

/* One page of the biggest device takes megabytes while it is built. (Sanitizer builds leave it to LeakSanitizer.) */
static void
no_leak(void **state)
{
	struct mallinfo2 before, after;

	ask("/vhost/device,1023");
	before = mallinfo2();
	for (unsigned int i = 0; i < 50; i++)
		ask("/vhost/device,1023");
	after = mallinfo2();
	assert_true(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + 65536);
}

static void
debian_client(void **state)
{
	char command[256], out[64 * 1024];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "printf '/vhost/list\\n/vhost/device,%d,224\\n/vhost/violations,0\\n"
		"/vhost/about\\n' | dpdk-telemetry.py -f %s 2>&1", BIG_VID, prefix);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	if (pclose(f) != 0)
		fail_msg("dpdk-telemetry.py: %s", out);
	assert_non_null(strstr(out, "{\"/vhost/list\": [0, 1023]}"));
	assert_non_null(strstr(out, "\"255\": {\"size\": 32768"));
	assert_non_null(strstr(out, "\"broken\": {\"avail_idx\": 3}"));
	assert_non_null(strstr(out, "\"gso_min\": \"8\""));
}

static int
connect_telemetry(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char arg[64];
	char *argv[] = { (char[]){ "test" }, (char[]){ "--no-huge" }, (char[]){ "--no-shconf" }, (char[]){ "-m" },
		(char[]){ "64" },
		(char[]){ "--no-pci" }, (char[]){ "--log-level=*:error" }, arg, NULL };

	snprintf(prefix, sizeof(prefix), "vhguard%d", getpid());
	snprintf(arg, sizeof(arg), "--file-prefix=%s", prefix);
	assert_true(rte_eal_init(8, argv) >= 0);
	sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
	assert_int_equal(connect(sock, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_true(recv(sock, reply, sizeof(reply) - 1, 0) > 0); /* the greeting */
	null_reply("/vhost/list"); /* no source yet */
	ask("/vhost/about");
	has("\"version\"");
	vh_telemetry_set_source(&fake);
	return 0;
}

static int
leave(void **state)
{
	close(sock);
	return rte_eal_cleanup();
}

/* EAL unlinks its telemetry socket in an exit handler: this one was there before and runs after it. */
static void
remove_runtime_dir(void)
{
	rmdir(rte_eal_get_runtime_dir());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list),
		cmocka_unit_test(device),
		cmocka_unit_test(biggest_device),
		cmocka_unit_test(violations),
		cmocka_unit_test(violations_of_the_process),
		cmocka_unit_test(about),
		cmocka_unit_test(no_leak),
		cmocka_unit_test(debian_client),
	};

	atexit(remove_runtime_dir);
	return cmocka_run_group_tests(tests, connect_telemetry, leave);
}
