/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that misbehave in time or in bytes: deadlines, replies never read, framing; another connection is
 * answered meanwhile. Covers ctl/conn.c, out.c, accept.c; rules HDR-1..12, A001..A009, V01, V02.
 */
#include "fixture.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Longest time the canary waits for an answer during ms milliseconds. */
static uint64_t
canary_worst(struct fe *canary, uint64_t ms)
{
	uint64_t end = now_ms() + ms, worst = 0, v;

	while (now_ms() < end) {
		uint64_t t = now_ms();

		assert_int_equal(fe_get_u64(canary, FE_GET_FEATURES, &v), 0);
		t = now_ms() - t;
		worst = t > worst ? t : worst;
		usleep(2000);
	}
	return worst;
}

static void
test_header_then_silence(void **state)
{
	const char *a = fx_serve("a", 0), *b = fx_serve("b", 0);
	struct fe_hdr h = { FE_SET_FEATURES, FE_VERSION, 8 };
	unsigned int fds;
	struct fe fe, canary;

	fe_init(&canary);
	assert_int_equal(fe_connect(&canary, b), 0);
	assert_true(canary_worst(&canary, 50) < 500);
	fds = fx_fds();
	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, a), 0);
	assert_int_equal(fe_send_hdr(&fe, &h, NULL, 0, NULL, 0), 0);
	assert_true(canary_worst(&canary, 700) < 500);
	assert_false(fe_peer_closed(&fe, 0));
	assert_true(fe_peer_closed(&fe, 1500));
	fe_close(&fe, true);
	assert_true(fx_wait_fds(fds));
	fe_close(&canary, true);
	fx_unserve(a);
	fx_unserve(b);
}

/* A002: the fds of half a message are closed with it. */
static void
test_half_message_with_fds(void **state)
{
	const char *a = fx_serve("a", 0);
	struct fe_hdr h = { FE_SET_MEM_TABLE, FE_VERSION, 8 + 32 * 8 };
	int p[8], i;
	uint8_t half[100] = { 0 };
	unsigned int fds = fx_fds();
	struct fe fe;

	for (i = 0; i < 8; i++)
		p[i] = dup(2);
	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, a), 0);
	assert_int_equal(fe_send_hdr(&fe, &h, half, sizeof(half), p, 8), 0);
	for (i = 0; i < 8; i++)
		close(p[i]);
	assert_true(fe_peer_closed(&fe, 2500));
	fe_close(&fe, true);
	assert_true(fx_wait_fds(fds));
	fx_unserve(a);
}

/* A004: a drip does not move the deadline. */
static void
test_drip(void **state)
{
	const char *a = fx_serve("a", 0);
	struct fe_hdr h = { FE_SET_FEATURES, FE_VERSION, 8 };
	uint64_t t = now_ms();
	uint8_t byte = 0;
	struct fe fe;
	int i;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, a), 0);
	assert_int_equal(fe_send_hdr(&fe, &h, NULL, 0, NULL, 0), 0);
	for (i = 0; i < 7 && now_ms() - t < 3000; i++) {
		usleep(400000);
		if (fe_send_raw(&fe, &byte, 1, NULL, 0) != 0)
			break;
	}
	assert_true(now_ms() - t < 2500);
	assert_true(fe_peer_closed(&fe, 1000));
	fe_close(&fe, true);
	fx_unserve(a);
}

/* A005: requests without end, no reply read. */
static void
test_replies_never_read(void **state)
{
	const char *a = fx_serve("a", 0), *b = fx_serve("b", 0);
	struct fe fe, canary;
	uint64_t t = now_ms();
	int rc = 0;

	fe_init(&canary);
	assert_int_equal(fe_connect(&canary, b), 0);
	fe_init(&fe);
	fe.timeout_ms = 300;
	assert_int_equal(fe_connect(&fe, a), 0);
	while (now_ms() - t < 4000 && (rc = fe_send(&fe, FE_GET_FEATURES, 0, NULL, 0, NULL, 0)) == 0)
		;
	assert_int_not_equal(rc, 0); /* the back-end stopped reading */
	assert_true(canary_worst(&canary, 300) < 500);
	assert_true(fx_wait("destroy_connection 0;") || strstr(fx_events(), "destroy_connection") != NULL);
	fe_close(&fe, true);
	fe_close(&canary, true);
	fx_unserve(a);
	fx_unserve(b);
}

static void
closes_for(const struct fe_hdr *h, unsigned int nfds)
{
	const char *a = fx_serve("a", 0);
	int p[FE_MAX_FDS];
	unsigned int i, fds = fx_fds();
	struct fe fe;

	for (i = 0; i < nfds; i++)
		p[i] = dup(2);
	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, a), 0);
	assert_int_equal(fe_send_hdr(&fe, h, NULL, 0, p, nfds), 0);
	for (i = 0; i < nfds; i++)
		close(p[i]);
	assert_true(fe_peer_closed(&fe, 500));
	assert_true(fx_wait("destroy_connection 0;"));
	fe_close(&fe, true);
	assert_true(fx_wait_fds(fds));
	fx_unserve(a);
}

static void
test_framing(void **state)
{
	closes_for(&(struct fe_hdr){ FE_GET_FEATURES, 0, 0 }, 0);
	closes_for(&(struct fe_hdr){ FE_GET_FEATURES, 2, 0 }, 0);
	closes_for(&(struct fe_hdr){ FE_GET_FEATURES, FE_VERSION | FE_REPLY, 0 }, 0);
	closes_for(&(struct fe_hdr){ FE_GET_FEATURES, 0xfffffff1u, 0 }, 0);
	closes_for(&(struct fe_hdr){ FE_GET_FEATURES, FE_VERSION, 0xffffffffu }, 0);
	closes_for(&(struct fe_hdr){ FE_GET_FEATURES, FE_VERSION, 633 }, 0);
	closes_for(&(struct fe_hdr){ FE_SET_OWNER, FE_VERSION, 0 }, 200);
}

/* V01: cut at any byte; V02: many in one segment. */
static void
test_cut_and_joined(void **state)
{
	const char *a = fx_serve("a", 0);
	struct fe_hdr h = { FE_SET_PROTOCOL_FEATURES, FE_VERSION | FE_NEED_REPLY, 8 };
	uint8_t bytes[20 * 8];
	uint64_t pf = FE_PF_MQ;
	struct fe_msg msg;
	struct fe fe;
	unsigned int i;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, a), 0);
	memcpy(bytes, &h, 12);
	memcpy(bytes + 12, &pf, 8);
	for (i = 1; i < 20; i++) {
		assert_int_equal(fe_send_raw(&fe, bytes, i, NULL, 0), 0);
		usleep(2000);
		assert_int_equal(fe_send_raw(&fe, bytes + i, 20 - i, NULL, 0), 0);
		assert_int_equal(fe_reply(&fe, FE_SET_PROTOCOL_FEATURES, 8, &msg), 0);
		assert_int_equal(msg.u64, 0);
	}
	for (i = 1; i < 8; i++)
		memcpy(bytes + 20 * i, bytes, 20);
	assert_int_equal(fe_send_raw(&fe, bytes, sizeof(bytes), NULL, 0), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(fe_reply(&fe, FE_SET_PROTOCOL_FEATURES, 8, &msg), 0);
	fe_close(&fe, true);
	fx_unserve(a);
}

/* ctl.max_nacks: 64 refusals in a row are enough. */
static void
test_max_nacks(void **state)
{
	const char *a = fx_serve("a", 0);
	struct fe fe;
	int i, rc = 0;

	fe_init(&fe);
	assert_int_equal(fe_connect(&fe, a), 0);
	for (i = 0; i < 100 && (rc = fe_ack(&fe, 99, NULL, 0, NULL, 0)) > 0; i++)
		;
	assert_true(rc < 0);
	assert_in_range(i, 60, 66);
	fe_close(&fe, true);
	fx_unserve(a);
}

/* conn.per_socket: the seventeenth waits in the backlog; the socket serves again afterwards. */
static void
test_many_connections(void **state)
{
	const char *a = fx_serve("a", 0);
	unsigned int fds = fx_fds();
	struct fe fe[20];
	uint64_t v;
	int i;

	for (i = 0; i < 20; i++) {
		fe_init(&fe[i]);
		assert_int_equal(fe_connect(&fe[i], a), 0);
	}
	for (i = 0; i < 16; i++)
		assert_int_equal(fe_get_u64(&fe[i], FE_GET_FEATURES, &v), 0);
	fe[19].timeout_ms = 300;
	assert_int_equal(fe_get_u64(&fe[19], FE_GET_FEATURES, &v), -ETIMEDOUT);
	for (i = 0; i < 19; i++)
		fe_close(&fe[i], true);
	usleep(300000);
	fe_close(&fe[19], true);
	assert_true(fx_wait_fds(fds));
	fe_init(&fe[0]);
	assert_int_equal(fe_connect(&fe[0], a), 0);
	assert_int_equal(fe_get_u64(&fe[0], FE_GET_FEATURES, &v), 0);
	fe_close(&fe[0], true);
	fx_unserve(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_then_silence),
		cmocka_unit_test(test_half_message_with_fds),
		cmocka_unit_test(test_drip),
		cmocka_unit_test(test_replies_never_read),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_cut_and_joined),
		cmocka_unit_test(test_max_nacks),
		cmocka_unit_test(test_many_connections),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
