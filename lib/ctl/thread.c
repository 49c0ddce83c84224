/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vhost-io`: made by the first driver_start, lives for ever (api.md 9.3).
 * May touch: plat/. Any ordinary thread.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <rte_lcore.h>

#include "ctl.h"
#include "log.h"

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vh_loop *loop;
static pthread_t io_thread;

static void *
io_main(void *arg)
{
	vh_loop_run(arg);
	return NULL;
}

/* An unknown request is logged by its number. */
static const char *
message_name(uint32_t request)
{
	const struct vh_msg_row *row = vh_msg_row(request);

	return row != NULL ? row->name : NULL;
}

static int
start_locked(void)
{
	struct vh_loop *l;
	int rc = vh_work_start();

	/* what signalling needs is opened now: a data thread should not have to, and fds stay countable */
	if (vh_efd_fallback())
		VH_LOG_CONFIG(INFO, "thread", "native AIO is not available: signalling guests falls back to write");
	if (rc < 0)
		return rc;
	l = vh_loop_create();
	if (l == NULL)
		return -ENOMEM;
	vh_report_set_loop(l);
	vh_guard_set_message_names(message_name);
	vh_loop_set_wake_handler(l, vh_ctl_reports);
	rc = rte_ctrl_thread_create(&io_thread, "vhost-io", NULL, io_main, l);
	if (rc != 0) {
		vh_loop_destroy(l);
		return rc < 0 ? rc : -rc;
	}
	loop = l;
	return 0;
}

int
vh_ctl_start(void)
{
	int rc = 0;

	pthread_mutex_lock(&start_lock);
	if (loop == NULL)
		rc = start_locked();
	pthread_mutex_unlock(&start_lock);
	if (rc < 0)
		VH_LOG_CONFIG(ERR, "thread", "cannot start the vhost threads: %s", strerror(-rc));
	return rc;
}

struct vh_loop *
vh_ctl_loop(void)
{
	return loop;
}
