/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostile <socket> <case> [hold ms]: one attack of a front-end or a guest driver on a vhost-user socket, then holds
 * the connection. Prints a line of JSON about what it saw; judging is the caller's. "list" names the cases.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"

#define DEFAULT_HOLD_MS 3000

static const struct attack *const groups[] = { wire_attacks, fd_attacks, memory_attacks, ring_attacks };

static bool
hung_up(const struct fe *fe, int ms)
{
	struct pollfd p = { .fd = fe->fd };

	return poll(&p, 1, ms) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

void
hold(struct fe *fe, int hold_ms, struct outcome *o)
{
	uint64_t start = now_ns();

	if (fe->fd >= 0 && hung_up(fe, hold_ms))
		o->closed_ms = (double)(now_ns() - start) / 1e6;
}

void
hold_device(struct fe_dev *dev, int hold_ms, struct outcome *o)
{
	hold(&dev->fe, hold_ms, o);
	for (unsigned int i = 0; i < dev->nr_rings; i++) {
		struct pollfd p = { .fd = dev->err[i], .events = POLLIN };

		if (poll(&p, 1, 0) == 1)
			o->err_signalled = true;
	}
}

static const struct attack *
find(const char *name)
{
	for (unsigned int g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct attack *a = groups[g]; a->name != NULL; a++)
			if (strcmp(a->name, name) == 0)
				return a;
	return NULL;
}

static int
list(void)
{
	for (unsigned int g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct attack *a = groups[g]; a->name != NULL; a++)
			printf("%s %s\n", a->name, a->row);
	return 0;
}

int
main(int argc, char **argv)
{
	struct outcome o = { .closed_ms = -1, .note = "" };
	const struct attack *a = argc >= 3 ? find(argv[2]) : NULL;
	int rc;

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (a == NULL) {
		fprintf(stderr, "usage: hostile <socket> <case> [hold ms] | hostile list\n");
		return 2;
	}
	rc = a->run(argv[1], argc > 3 ? atoi(argv[3]) : DEFAULT_HOLD_MS, &o, a->arg);
	printf("{\"case\": \"%s\", \"result\": %d, \"closed_ms\": %.0f, \"refused\": %s, \"err_signalled\": %s, "
	       "\"note\": \"%s\"}\n",
	       a->name, rc, o.closed_ms, o.refused ? "true" : "false", o.err_signalled ? "true" : "false", o.note);
	return rc == 0 ? 0 : 1;
}
