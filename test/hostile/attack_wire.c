/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks with the stream itself: messages that never end, replies that nobody reads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attack.h"

static int
half_message(const char *path, const void *bytes, size_t len, const int *fds, unsigned int nfds, int hold_ms,
	     struct outcome *o)
{
	struct fe fe;
	int rc;

	fe_init(&fe);
	rc = fe_connect(&fe, path);
	if (rc == 0)
		rc = fe_send_raw(&fe, bytes, len, fds, nfds);
	if (rc == 0)
		hold(&fe, hold_ms, o);
	fe_close(&fe, true);
	return rc;
}

static int
header_silence(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct fe_hdr h = { FE_SET_FEATURES, FE_VERSION, 8 };

	return half_message(path, &h, sizeof(h), NULL, 0, hold_ms, o);
}

static int
one_byte(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	return half_message(path, "\x01", 1, NULL, 0, hold_ms, o);
}

static int
half_table(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	uint8_t bytes[sizeof(struct fe_hdr) + 132] = { 0 };
	struct fe_hdr h = { FE_SET_MEM_TABLE, FE_VERSION, 8 + 32 * 8 };
	int fds[8], rc;

	memcpy(bytes, &h, sizeof(h));
	bytes[sizeof(h)] = 8;
	for (int i = 0; i < 8; i++)
		fds[i] = memfd_create("half", MFD_CLOEXEC);
	rc = half_message(path, bytes, sizeof(bytes), fds, 8, hold_ms, o);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	return rc;
}

/* A byte every 900 ms: a deadline that starts again with each byte never ends. */
static int
drip(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct fe_hdr h = { FE_SET_FEATURES, FE_VERSION, 8 };
	uint64_t start = now_ns();
	struct fe fe;
	int rc;

	fe_init(&fe);
	rc = fe_connect(&fe, path);
	if (rc == 0)
		rc = fe_send_raw(&fe, &h, sizeof(h), NULL, 0);
	while (rc == 0 && o->closed_ms < 0 && now_ns() - start < (uint64_t)hold_ms * 1000000u) {
		hold(&fe, 900, o);
		if (o->closed_ms < 0 && fe_send_raw(&fe, "", 1, NULL, 0) != 0)
			break;
	}
	if (o->closed_ms >= 0)
		o->closed_ms = (double)(now_ns() - start) / 1e6;
	fe_close(&fe, true);
	return rc;
}

/* Requests until the back-end takes no more. */
static int
pipeline(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size)
{
	int rc = 0;

	fe->timeout_ms = 200;
	for (unsigned int i = 0; rc == 0 && i < 1000000; i++)
		rc = fe_send(fe, request, flags, payload, size, NULL, 0);
	/* full, or closed already: both are what an attacker reaches */
	return rc == -ETIMEDOUT || rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

static int
unread_replies(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct fe fe;
	int rc;

	fe_init(&fe);
	rc = fe_connect(&fe, path);
	if (rc == 0)
		rc = pipeline(&fe, FE_GET_FEATURES, 0, NULL, 0);
	if (rc == 0)
		hold(&fe, hold_ms, o);
	fe_close(&fe, true);
	return rc;
}

/* The same on a running device with requests that touch its rings. */
static int
unread_enable(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct fe_vring_state on = { 1, 1 };
	struct pass *p = calloc(1, sizeof(*p));
	struct fe_dev_cfg cfg = pass_cfg();
	int rc = p == NULL ? -ENOMEM : pass_open(p, path, &cfg);

	if (rc == 0)
		rc = pipeline(&p->dev.fe, FE_SET_VRING_ENABLE, FE_NEED_REPLY, &on, sizeof(on));
	if (rc == 0)
		hold_device(&p->dev, hold_ms, o);
	if (p != NULL)
		pass_close(p);
	free(p);
	return rc;
}

const struct attack wire_attacks[] = {
	{ "header-silence", "A001", header_silence, NULL },
	{ "half-table", "A002", half_table, NULL },
	{ "one-byte", "A003", one_byte, NULL },
	{ "drip", "A004", drip, NULL },
	{ "unread-replies", "A005", unread_replies, NULL },
	{ "unread-enable", "A006", unread_enable, NULL },
	{ .name = NULL },
};
