/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Application's message hooks: what they see, what each result does. Covers ctl/hook.c; api.md 3.3; A020, V48, UNK-2.
 */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

struct wire {
	uint32_t request, flags, size;
	uint8_t payload[632];
	int fds[8];
	int fd_num;
} __attribute__((packed));

static _Atomic(enum rte_vhost_msg_result) pre_result, post_result;
static _Atomic(uint32_t) hook_request, pre_calls, post_calls;
static _Atomic(int) seen_fds;

static enum rte_vhost_msg_result
pre(int vid, void *msg)
{
	struct wire *w = msg;

	if (w->request != hook_request)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	pre_calls++;
	seen_fds = w->fd_num;
	if (pre_result == RTE_VHOST_MSG_RESULT_REPLY)
		memset(w->payload, 0x5a, w->size);
	if (pre_result == RTE_VHOST_MSG_RESULT_REPLY || pre_result == RTE_VHOST_MSG_RESULT_OK)
		while (w->fd_num > 0)
			close(w->fds[--w->fd_num]);
	return pre_result;
}

static enum rte_vhost_msg_result
post(int vid, void *msg)
{
	struct wire *w = msg;

	if (w->request != hook_request)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	post_calls++;
	return post_result;
}

static const struct rte_vhost_user_extern_ops hooks = { .pre_msg_handle = pre, .post_msg_handle = post };

static void
begin(struct fe *fe, const char **path, uint32_t request, enum rte_vhost_msg_result a, enum rte_vhost_msg_result b)
{
	*path = fx_serve("a", 0);
	fx_hooks = &hooks;
	hook_request = request;
	pre_result = a;
	post_result = b;
	pre_calls = post_calls = 0;
	fe_init(fe);
	assert_int_equal(fe_connect(fe, *path), 0);
}

static void
test_config_answered_by_hook(void **state)
{
	uint8_t cfg[12 + 8] = { 0, 0, 0, 0, 8 };
	const char *path;
	struct fe_msg m;
	struct fe fe;

	begin(&fe, &path, FE_GET_CONFIG, RTE_VHOST_MSG_RESULT_REPLY, RTE_VHOST_MSG_RESULT_NOT_HANDLED);
	/* NEED_REPLY as well: exactly one reply (V61) */
	assert_int_equal(fe_ask(&fe, FE_GET_CONFIG, FE_NEED_REPLY, cfg, sizeof(cfg), sizeof(cfg), &m), 0);
	assert_int_equal(m.bytes[19], 0x5a);
	fe.timeout_ms = 100;
	assert_int_equal(fe_recv(&fe, &m), -ETIMEDOUT);
	assert_int_equal(post_calls, 1);
	fe_close(&fe, true);
	fx_unserve(path);
}

static void
test_not_handled_passes_on(void **state)
{
	const char *path;
	uint64_t v = FE_PF_MQ;
	struct fe fe;

	begin(&fe, &path, FE_SET_PROTOCOL_FEATURES, RTE_VHOST_MSG_RESULT_NOT_HANDLED,
			RTE_VHOST_MSG_RESULT_NOT_HANDLED);
	assert_int_equal(fe_ack(&fe, FE_SET_PROTOCOL_FEATURES, &v, 8, NULL, 0), 0);
	assert_int_equal(pre_calls, 1);
	assert_int_equal(post_calls, 1);
	assert_int_equal(rte_vhost_get_negotiated_protocol_features(fx_vid, &v), 0);
	assert_int_equal(v, FE_PF_MQ);
	fe_close(&fe, true);
	fx_unserve(path);
}

static void
test_refused_by_hook(void **state)
{
	const char *path;
	uint64_t v = FE_PF_MQ;
	struct fe fe;

	begin(&fe, &path, FE_SET_PROTOCOL_FEATURES, RTE_VHOST_MSG_RESULT_ERR, RTE_VHOST_MSG_RESULT_OK);
	assert_true(fe_ack(&fe, FE_SET_PROTOCOL_FEATURES, &v, 8, NULL, 0) > 0);
	assert_int_equal(post_calls, 0);
	assert_int_equal(rte_vhost_get_negotiated_protocol_features(fx_vid, &v), 0);
	assert_int_equal(v, 0);
	fe_close(&fe, true);
	fx_unserve(path);
}

static void
test_unknown_request_taken_by_post(void **state)
{
	const char *path;
	struct fe fe;

	begin(&fe, &path, 50, RTE_VHOST_MSG_RESULT_NOT_HANDLED, RTE_VHOST_MSG_RESULT_OK);
	assert_int_equal(fe_ack(&fe, 50, NULL, 0, NULL, 0), 0);
	assert_true(fe_ack(&fe, 51, NULL, 0, NULL, 0) > 0);
	fe_close(&fe, true);
	fx_unserve(path);
}

/* A020: a kind that takes no fds brings some: closed before the hook, which is not asked. */
static void
test_fds_on_handled_message(void **state)
{
	uint8_t cfg[12 + 8] = { 0, 0, 0, 0, 8 };
	const char *path;
	unsigned int fds;
	struct fe fe;
	int p[8], i;

	begin(&fe, &path, FE_GET_CONFIG, RTE_VHOST_MSG_RESULT_REPLY, RTE_VHOST_MSG_RESULT_NOT_HANDLED);
	usleep(20000);
	fds = fx_fds();
	for (i = 0; i < 8; i++)
		p[i] = dup(2);
	assert_int_equal(fe_send(&fe, FE_GET_CONFIG, 0, cfg, sizeof(cfg), p, 8), 0);
	for (i = 0; i < 8; i++)
		close(p[i]);
	(void)fe_peer_closed(&fe, 200);
	assert_true(fx_wait_fds(fds));
	assert_true(pre_calls == 0 || seen_fds == 0);
	fe_close(&fe, true);
	fx_unserve(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_answered_by_hook),
		cmocka_unit_test(test_not_handled_passes_on),
		cmocka_unit_test(test_refused_by_hook),
		cmocka_unit_test(test_unknown_request_taken_by_post),
		cmocka_unit_test(test_fds_on_handled_message),
	};

	return cmocka_run_group_tests(tests, fx_init, fx_fini);
}
