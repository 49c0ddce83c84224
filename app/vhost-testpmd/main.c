/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-testpmd: forwards packets between vhost-user ports, on the public librte_vhost API alone.
 * The main lcore is the console; worker lcores forward; the library's threads run the callbacks.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>

#include "fwd.h"
#include "options.h"
#include "port.h"
#include "prompt.h"
#include "report.h"

/* Before any other thread exists, so that all of them leave these signals to signalfd. */
static int
signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the console waits for. */
struct events {
	struct pollfd fds[2]; /* signals, standard input */
	int64_t period_ms;    /* 0: no periodic statistics */
	int64_t next_ms;
	bool stay_after_eof;
};

static int
poll_timeout(struct events *e)
{
	int64_t left;

	if (e->period_ms == 0)
		return -1;
	left = e->next_ms - now_ms();
	if (left > 0)
		return (int)left;
	prompt_show_all_stats();
	e->next_ms = now_ms() + e->period_ms;
	return (int)e->period_ms;
}

/* false: end the program */
static bool
read_input(struct events *e)
{
	char bytes[256];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n > 0)
		return prompt_input(bytes, (int)n);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	e->fds[1].fd = -1; /* poll() skips it */
	return e->stay_after_eof;
}

static void
wait_for_the_end(struct events *e)
{
	for (;;) {
		int n = poll(e->fds, 2, poll_timeout(e));

		if (n < 0 && errno != EINTR)
			return;
		if (n <= 0)
			continue;
		if (e->fds[0].revents != 0) {
			printf("\nsignal received, ending\n");
			return;
		}
		if (e->fds[1].revents != 0 && !read_input(e))
			return;
	}
}

static int
run(const struct options *o, int signals)
{
	bool terminal = o->interactive || isatty(STDIN_FILENO);
	struct events e = {
		.fds = { { .fd = signals, .events = POLLIN },
			 { .fd = STDIN_FILENO, .events = POLLIN } },
		.period_ms = (int64_t)o->stats_period * 1000,
		.stay_after_eof = o->auto_start && !terminal,
	};

	if (o->auto_start && prompt_start() < 0)
		return -1;
	fflush(stdout);
	if (prompt_open(isatty(STDIN_FILENO)) < 0) {
		fprintf(stderr, "no console\n");
		return -1;
	}
	e.next_ms = now_ms() + e.period_ms;
	wait_for_the_end(&e);
	prompt_close();
	return 0;
}

static int
serve(const struct options *o, int signals)
{
	int result = -1;

	if (fwd_set_mode(o->mode) < 0) {
		fprintf(stderr, "--fwd %s: unknown, --help lists the modes\n", o->mode);
		return -1;
	}
	report_library();
	if (ports_open(o) < 0)
		return -1;
	report_setup();
	if (fwd_setup(o) == 0)
		result = run(o, signals);
	fwd_stop();
	if (ports_close() < 0)
		result = -1;
	fwd_teardown();
	if (result == 0)
		printf("bye\n");
	fflush(stdout);
	return result;
}

int
main(int argc, char **argv)
{
	struct options o;
	int signals = signals_open(), used, result;

	setvbuf(stdout, NULL, _IOLBF, 0); /* in order with the log, which is not buffered */
	if (signals < 0) {
		perror("signalfd");
		return EXIT_FAILURE;
	}
	used = rte_eal_init(argc, argv);
	if (used < 0) {
		fprintf(stderr, "EAL could not be initialised\n");
		return EXIT_FAILURE;
	}
	switch (options_parse(argc - used, argv + used, &o)) {
	case OPTIONS_OK:
		result = serve(&o, signals);
		break;
	case OPTIONS_HELP:
		result = 0;
		break;
	default:
		result = -1;
	}
	rte_eal_cleanup();
	close(signals);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
