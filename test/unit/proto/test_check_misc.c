/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about the device as a whole. Rules FEAT-2..5, PROT-2, RARP-1, MTU-1, REQ-1, FD-12, STAT-1, STAT-2, A055,
 * V12, V13, V46, V60.
 */
#include "proto_test.h"

static struct vh_msg
passes(const struct vh_view *v, uint32_t request, uint64_t payload)
{
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;

	frame_init(&f, request, &payload, sizeof(payload));
	assert_int_equal(check(v, &f, &m, &fault), 0);
	return m;
}

static void
fails(const struct vh_view *v, uint32_t request, uint64_t payload, enum vh_violation code, uint64_t observed,
		uint64_t limit)
{
	struct vh_frame f;

	frame_init(&f, request, &payload, sizeof(payload));
	refused_as(v, &f, code, observed, limit);
}

static void
features_subset(void **state)
{
	const uint64_t offered = UINT64_C(0xd7c66ffcb);
	struct vh_view v = open_view();
	unsigned int bit;

	v.offered = offered;
	assert_int_equal(passes(&v, VH_SET_FEATURES, offered).features, offered);
	assert_int_equal(passes(&v, VH_SET_FEATURES, 0).features, 0);
	for (bit = 0; bit < 64; bit++) {
		uint64_t b = VH_BIT(bit);

		if ((offered & b) != 0)
			assert_int_equal(passes(&v, VH_SET_FEATURES, b).features, b);
		else
			fails(&v, VH_SET_FEATURES, b | VH_F_VERSION_1, VH_V_FEATURES, b, offered);
	}
}

/* Impossible combinations are a driver's choice: they park the rings, they are not refused (FEAT-7). */
static void
features_impossible(void **state)
{
	struct vh_view v = open_view();

	assert_int_equal(passes(&v, VH_SET_FEATURES, VH_F_RING_PACKED).features, VH_F_RING_PACKED);
	assert_int_equal(passes(&v, VH_SET_FEATURES, VH_F_IN_ORDER).features, VH_F_IN_ORDER);
	assert_int_equal(passes(&v, VH_SET_FEATURES, VH_F_NET_MQ).features, VH_F_NET_MQ);
}

static void
features_while_started(void **state)
{
	const uint64_t now = VH_F_VERSION_1 | VH_F_PROTOCOL_FEATURES | VH_F_NET_MRG_RXBUF;
	struct vh_view v = open_view();
	unsigned int bit;

	v.started = true;
	v.features = now;
	assert_int_equal(passes(&v, VH_SET_FEATURES, now).features, now);
	assert_int_equal(passes(&v, VH_SET_FEATURES, now | VH_F_LOG_ALL).features, now | VH_F_LOG_ALL);
	v.features = now | VH_F_LOG_ALL;
	assert_int_equal(passes(&v, VH_SET_FEATURES, now).features, now);
	for (bit = 0; bit < 64; bit++)
		if (VH_BIT(bit) != VH_F_LOG_ALL)
			fails(&v, VH_SET_FEATURES, now ^ VH_BIT(bit), VH_V_RUNNING, now ^ VH_BIT(bit), v.features);
	v.started = false; /* stopped: anything goes (FEAT-6) */
	assert_int_equal(passes(&v, VH_SET_FEATURES, VH_F_NET_CSUM).features, VH_F_NET_CSUM);
}

static void
protocol_features(void **state)
{
	const uint64_t offered = 0x10cbf;
	struct vh_view v = open_view();

	v.protocol_offered = offered;
	assert_int_equal(passes(&v, VH_SET_PROTOCOL_FEATURES, offered).features, offered);
	fails(&v, VH_SET_PROTOCOL_FEATURES, offered | VH_PF_CONFIG, VH_V_FEATURES, VH_PF_CONFIG, offered);
	fails(&v, VH_SET_PROTOCOL_FEATURES, UINT64_MAX, VH_V_FEATURES, ~offered, offered);
	v.started = true;
	v.protocol = VH_PF_MQ | VH_PF_REPLY_ACK;
	assert_int_equal(passes(&v, VH_SET_PROTOCOL_FEATURES, v.protocol).features, v.protocol); /* once per pair */
	fails(&v, VH_SET_PROTOCOL_FEATURES, VH_PF_MQ, VH_V_RUNNING, VH_PF_MQ, v.protocol);
}

static void
rarp(void **state)
{
	static const uint8_t mac[] = { 1, 2, 3, 4, 5, 6 };
	struct vh_view v = open_view();
	struct vh_msg m = passes(&v, VH_SEND_RARP, UINT64_C(0xaaaa060504030201));

	assert_memory_equal(m.mac, mac, sizeof(mac));
	m = passes(&v, VH_SEND_RARP, 0); /* not validated further */
	assert_int_equal(m.mac[0], 0);
}

static void
mtu(void **state)
{
	struct vh_view v = open_view();

	assert_int_equal(passes(&v, VH_NET_SET_MTU, 68).mtu, 68);
	assert_int_equal(passes(&v, VH_NET_SET_MTU, 65535).mtu, 65535);
	fails(&v, VH_NET_SET_MTU, 0, VH_V_MTU, 0, 68);
	fails(&v, VH_NET_SET_MTU, 67, VH_V_MTU, 67, 68);
	fails(&v, VH_NET_SET_MTU, 65536, VH_V_MTU, 65536, 65535);
	fails(&v, VH_NET_SET_MTU, 0x100000000 + 1500, VH_V_MTU, 0x100000000 + 1500, 65535);
	fails(&v, VH_NET_SET_MTU, UINT64_MAX, VH_V_MTU, UINT64_MAX, 65535);
}

static void
status(void **state)
{
	static const uint64_t orders[] = { 0x08, 0x0f, 0, 0x0b, 0x0f, 0x0b, 0xff, 0x40, 0x80, 0 };
	struct vh_view v = open_view();
	unsigned int i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		assert_int_equal(passes(&v, VH_SET_STATUS, orders[i]).status, orders[i]);
		v.started = !v.started;
	}
	fails(&v, VH_SET_STATUS, 0x100, VH_V_STATUS, 0x100, 0xff);
	fails(&v, VH_SET_STATUS, UINT64_MAX, VH_V_STATUS, UINT64_MAX, 0xff);
}

static void
backend_channel(void **state)
{
	struct vh_view v = open_view();
	struct vh_fault fault;
	struct vh_frame f;
	struct vh_msg m;
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	frame_init(&f, VH_SET_BACKEND_REQ_FD, NULL, 0);
	frame_add_fd(&f, s[0]);
	assert_int_equal(check(&v, &f, &m, &fault), 0);
	assert_int_equal(m.fd, s[0]);
	vh_msg_release(&m);
	close(s[1]);
}

static void
not_a_channel(int fd)
{
	struct vh_view v = open_view();
	struct vh_frame f;

	frame_init(&f, VH_SET_BACKEND_REQ_FD, NULL, 0);
	frame_add_fd(&f, fd);
	refused_as(&v, &f, VH_V_FD_TYPE, 0, 0);
}

static void
backend_channel_of_another_kind(void **state)
{
	int s[2];

	not_a_channel(eventfd(0, 0));
	not_a_channel(memfd_create("no socket", 0));
	not_a_channel(open("/dev/null", O_RDWR));
	not_a_channel(socket(AF_UNIX, SOCK_STREAM, 0)); /* not connected */
	not_a_channel(socket(AF_INET, SOCK_DGRAM, 0));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	close(s[1]);
	not_a_channel(s[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	close(s[1]);
	not_a_channel(s[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(features_subset), CASE(features_impossible), CASE(features_while_started), CASE(protocol_features),
		CASE(rarp), CASE(mtu), CASE(status), CASE(backend_channel), CASE(backend_channel_of_another_kind),
	};

	return cmocka_run_group_tests_name("proto/check_misc", tests, NULL, NULL);
}
