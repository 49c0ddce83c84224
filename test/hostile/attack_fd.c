/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks with what a call fd is. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "attack.h"

#define FRAMES 64u

/* A device whose rings all call `fd`, with interrupts wanted, sending frames that come back. */
static int
call_with(const char *path, int fd, int hold_ms, struct outcome *o)
{
	struct pass *p = calloc(1, sizeof(*p));
	struct fe_dev_cfg cfg = pass_cfg();
	int rc = p == NULL ? -ENOMEM : pass_create(p, &cfg);

	for (unsigned int i = 0; rc == 0 && i < p->dev.nr_rings; i++) {
		close(p->dev.call[i]);
		p->dev.call[i] = dup(fd);
	}
	if (rc == 0) {
		rc = fe_dev_connect(&p->dev, path);
		o->refused = rc > 0;
		if (rc != 0)
			rc = rc > 0 || rc == -ECONNRESET ? 0 : rc; /* refused or closed: carried out */
		else if ((rc = pass_prepare(p)) == 0) {
			drv_interrupts(p->rx.ring, true);
			drv_interrupts(p->tx.ring, true);
			/* the peer may take back what the back-end set on the shared description */
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
			for (unsigned int i = 0; i < FRAMES; i++)
				pass_send(p);
			hold_device(&p->dev, hold_ms, o);
		}
	}
	if (p != NULL)
		pass_close(p);
	free(p);
	return rc;
}

static int
call_max(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	int fd = eventfd(0, EFD_CLOEXEC), rc;
	uint64_t most = UINT64_MAX - 1;

	if (fd < 0 || write(fd, &most, sizeof(most)) != sizeof(most))
		return -errno;
	rc = call_with(path, fd, hold_ms, o);
	/* wake whoever sleeps on it, so that the switch can be looked at afterwards: an attacker would not */
	close(fd);
	return rc;
}

static int
call_full_pipe(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	static const char junk[4096];
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	while (write(fds[1], junk, sizeof(junk)) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
	rc = call_with(path, fds[1], hold_ms, o);
	close(fds[0]);
	close(fds[1]);
	return rc;
}

static int
call_broken_pipe(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	close(fds[0]);
	rc = call_with(path, fds[1], hold_ms, o);
	close(fds[1]);
	return rc;
}

const struct attack fd_attacks[] = {
	{ "call-max", "A114", call_max, NULL },
	{ "call-full-pipe", "A115", call_full_pipe, NULL },
	{ "call-broken-pipe", "A116", call_broken_pipe, NULL },
	{ .name = NULL },
};
