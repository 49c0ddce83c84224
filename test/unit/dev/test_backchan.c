/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests to the front-end: sent, answered, never answered, answered wrongly, shut down while waiting. Rules BKC-1,
 * BKC-2, BKC-4; A230, A231, A232.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device.h"
#include "work.h"

struct peer {
	int fd;
	uint32_t head[3];
	uint64_t value;
	size_t send; /* bytes of the answer */
};

static void *
answer(void *arg)
{
	struct peer *p = arg;
	uint32_t req[3];
	uint8_t buf[20];

	if (read(p->fd, req, sizeof(req)) != sizeof(req))
		return NULL;
	memcpy(buf, p->head, 12);
	memcpy(buf + 12, &p->value, 8);
	if (p->send > 0)
		(void)!write(p->fd, buf, p->send);
	return req[0] == 2 && req[1] == (1 | 8) && req[2] == 0 ? p : NULL;
}

static int
ask(struct peer p, uint32_t deadline_ms)
{
	struct vh_backchan *b;
	int s[2], rc;
	void *ok = NULL;
	pthread_t t;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	assert_int_equal(fcntl(s[1], F_SETFL, 0), 0); /* the peer's end blocks */
	p.fd = s[1];
	b = vh_backchan_create(s[0]);
	assert_int_equal(pthread_create(&t, NULL, answer, &p), 0);
	rc = vh_backchan_config_change(b, true, deadline_ms);
	pthread_join(t, &ok);
	assert_non_null(ok);
	/* a channel that is out of step is not used again */
	if (rc != 0)
		assert_int_equal(vh_backchan_config_change(b, false, 10), -1);
	vh_backchan_put(b);
	close(s[1]);
	return rc;
}

static void
test_answers(void **state)
{
	assert_int_equal(ask((struct peer){ .head = { 2, 5, 8 }, .value = 0, .send = 20 }, 2000), 0);
	assert_int_equal(ask((struct peer){ .head = { 2, 5, 8 }, .value = 1, .send = 20 }, 2000), -1);
	assert_int_equal(ask((struct peer){ .head = { 3, 5, 8 }, .value = 0, .send = 20 }, 2000), -1);
	assert_int_equal(ask((struct peer){ .head = { 2, 1, 8 }, .value = 0, .send = 20 }, 2000), -1);
	assert_int_equal(ask((struct peer){ .head = { 2, 5, 8 }, .value = 0, .send = 12 }, 100), -1);
	assert_int_equal(ask((struct peer){ .send = 0 }, 100), -1);
}

static void
test_no_reply_wanted(void **state)
{
	struct vh_backchan *b;
	uint32_t req[3];
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	b = vh_backchan_create(s[0]);
	assert_int_equal(vh_backchan_config_change(b, false, 10), 0);
	assert_int_equal(read(s[1], req, sizeof(req)), sizeof(req));
	assert_int_equal(req[0], 2);
	assert_int_equal(req[1], 1);
	vh_backchan_get(b);
	vh_backchan_shutdown(b);
	assert_int_equal(vh_backchan_config_change(b, false, 10), -1);
	vh_backchan_put(b);
	vh_backchan_put(b);
	close(s[1]);
}

static int
setup(void **state)
{
	return vh_work_start();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_reply_wanted),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
