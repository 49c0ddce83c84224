/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The console: commands of vhost-testpmd on librte_cmdline. Runs on the main lcore.
 */
#include "prompt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmdline.h>
#include <cmdline_parse.h>
#include <cmdline_parse_string.h>
#include <cmdline_socket.h>

#include "fwd.h"
#include "report.h"

static struct cmdline *console;
static bool on_terminal;
static bool quit_wanted;

/* All commands have at most five words; one layout serves them all. */
struct words {
	cmdline_fixed_string_t w[5];
};

#define WORD(name, place, choices) \
	static cmdline_parse_token_string_t name = \
		TOKEN_STRING_INITIALIZER(struct words, w[place], choices)

WORD(word_start, 0, "start");
WORD(word_stop, 0, "stop");
WORD(word_quit, 0, "quit");
WORD(word_help, 0, "help");
WORD(word_set, 0, "set");
WORD(word_show, 0, "show");
WORD(word_clear, 0, "clear");
WORD(word_fwd, 1, "fwd");
WORD(word_port, 1, "port");
WORD(word_vring, 1, "vring");
WORD(word_vhost, 1, "vhost");
WORD(word_violations, 1, "violations");
WORD(word_config, 1, "config");
WORD(word_mode, 2, "io#mac#rxonly#txonly#csum");
WORD(word_stats, 2, "stats");
WORD(word_info, 2, "info");
WORD(word_which2, 2, NULL);
WORD(word_which3, 3, NULL);

static const char help_text[] =
	"start                         start forwarding\n"
	"stop                          stop forwarding\n"
	"set fwd io|mac|rxonly|txonly|csum\n"
	"                              choose the mode (while stopped)\n"
	"show config                   mode, lcores and streams\n"
	"show port stats N|all         packets, bytes, drops, rates\n"
	"clear port stats [N|all]      set them and the rings' counters to 0\n"
	"show vring stats N|all        counters that the library keeps per ring\n"
	"show vhost info N|all         features, memory and rings of a port's device\n"
	"show violations VID|all       what the library found wrong with a device's peers\n"
	"help                          this text\n"
	"quit                          stop, remove all ports, end\n";

/* ---- commands ---- */

/* Number below limit, or -1. */
static int
parse_index(const char *text, unsigned int limit)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value >= limit)
		return -1;
	return (int)value;
}

static void
for_ports(const char *which, void (*fn)(struct port *p))
{
	int n;

	if (strcmp(which, "all") == 0) {
		for (unsigned int i = 0; i < nr_ports; i++)
			fn(&ports[i]);
	} else {
		n = parse_index(which, nr_ports);
		if (n < 0)
			printf("no port \"%s\": 0 to %u or all\n", which, nr_ports - 1);
		else
			fn(&ports[n]);
	}
}

static void
clear_one(struct port *p)
{
	report_clear(p);
}

static void
rings_of_one(struct port *p)
{
	report_vring_stats(p);
}

static void
info_of_one(struct port *p)
{
	report_vhost_info(p);
}

int
prompt_start(void)
{
	switch (fwd_start()) {
	case 0:
		printf("%s forwarding started\n", fwd_mode_name());
		return 0;
	case -1:
		printf("forwarding already\n");
		return -1;
	default:
		printf("not started: no packet buffers left, see --mbufs\n");
		return -1;
	}
}

static void
do_start(void *parsed, struct cmdline *cl, void *data)
{
	prompt_start();
	fflush(stdout);
}

static void
do_stop(void *parsed, struct cmdline *cl, void *data)
{
	printf("%s\n", fwd_stop() == 0 ? "forwarding stopped" : "not forwarding");
	fflush(stdout);
}

static void
do_set_fwd(void *parsed, struct cmdline *cl, void *data)
{
	const struct words *words = parsed;

	if (fwd_running()) {
		printf("stop forwarding first\n");
	} else {
		fwd_set_mode(words->w[2]);
		printf("mode %s\n", fwd_mode_name());
	}
	fflush(stdout);
}

static void
do_show_config(void *parsed, struct cmdline *cl, void *data)
{
	report_library();
	fwd_print_config();
	fflush(stdout);
}

static void
do_port_stats(void *parsed, struct cmdline *cl, void *data)
{
	const struct words *words = parsed;

	for_ports(words->w[3], report_port_stats);
	fflush(stdout);
}

static void
do_clear_stats(void *parsed, struct cmdline *cl, void *data)
{
	const struct words *words = parsed;

	for_ports(data != NULL ? data : words->w[3], clear_one);
	fflush(stdout);
}

static void
do_vring_stats(void *parsed, struct cmdline *cl, void *data)
{
	const struct words *words = parsed;

	for_ports(words->w[3], rings_of_one);
	fflush(stdout);
}

static void
do_vhost_info(void *parsed, struct cmdline *cl, void *data)
{
	const struct words *words = parsed;

	for_ports(words->w[3], info_of_one);
	fflush(stdout);
}

static void
do_violations(void *parsed, struct cmdline *cl, void *data)
{
	const struct words *words = parsed;
	int vid;

	if (strcmp(words->w[2], "all") == 0) {
		report_all_violations();
	} else {
		vid = parse_index(words->w[2], INT32_MAX);
		if (vid < 0)
			printf("no device \"%s\": a number or all\n", words->w[2]);
		else
			report_violations(vid);
	}
	fflush(stdout);
}

static void
do_help(void *parsed, struct cmdline *cl, void *data)
{
	fputs(help_text, stdout);
	fflush(stdout);
}

static void
do_quit(void *parsed, struct cmdline *cl, void *data)
{
	quit_wanted = true;
}

#define COMMAND(name, function, argument, help, ...) \
	static cmdline_parse_inst_t name = { \
		.f = function, .data = argument, .help_str = help, \
		.tokens = { __VA_ARGS__, NULL }, \
	}
#define T(word) ((void *)&(word))

static char every_port[] = "all";

COMMAND(cmd_start, do_start, NULL, "start", T(word_start));
COMMAND(cmd_stop, do_stop, NULL, "stop", T(word_stop));
COMMAND(cmd_quit, do_quit, NULL, "quit", T(word_quit));
COMMAND(cmd_help, do_help, NULL, "help", T(word_help));
COMMAND(cmd_set_fwd, do_set_fwd, NULL, "set fwd io|mac|rxonly|txonly|csum", T(word_set),
	T(word_fwd), T(word_mode));
COMMAND(cmd_show_config, do_show_config, NULL, "show config", T(word_show), T(word_config));
COMMAND(cmd_port_stats, do_port_stats, NULL, "show port stats N|all", T(word_show), T(word_port),
	T(word_stats), T(word_which3));
COMMAND(cmd_clear, do_clear_stats, every_port, "clear port stats", T(word_clear), T(word_port),
	T(word_stats));
COMMAND(cmd_clear_one, do_clear_stats, NULL, "clear port stats N|all", T(word_clear),
	T(word_port), T(word_stats), T(word_which3));
COMMAND(cmd_vring_stats, do_vring_stats, NULL, "show vring stats N|all", T(word_show),
	T(word_vring), T(word_stats), T(word_which3));
COMMAND(cmd_vhost_info, do_vhost_info, NULL, "show vhost info N|all", T(word_show),
	T(word_vhost), T(word_info), T(word_which3));
COMMAND(cmd_violations, do_violations, NULL, "show violations VID|all", T(word_show),
	T(word_violations), T(word_which2));

static cmdline_parse_ctx_t commands[] = {
	&cmd_start, &cmd_stop, &cmd_quit, &cmd_help, &cmd_set_fwd, &cmd_show_config,
	&cmd_port_stats, &cmd_clear, &cmd_clear_one, &cmd_vring_stats, &cmd_vhost_info,
	&cmd_violations, NULL,
};

/* ---- the line ---- */

void
prompt_show_all_stats(void)
{
	for_ports("all", report_port_stats);
	fflush(stdout);
}

/* Raw mode takes Ctrl-C away from the terminal driver; here it shall end the program cleanly. */
static void
keep_signals(void)
{
	struct termios state;

	if (tcgetattr(STDIN_FILENO, &state) != 0)
		return;
	state.c_lflag |= ISIG;
	tcsetattr(STDIN_FILENO, TCSANOW, &state);
}

int
prompt_open(bool terminal)
{
	on_terminal = terminal;
	if (terminal)
		console = cmdline_stdin_new(commands, "vhost-testpmd> ");
	else
		console = cmdline_new(commands, "vhost-testpmd> ", STDIN_FILENO, STDOUT_FILENO);
	if (console == NULL)
		return -1;
	if (terminal)
		keep_signals();
	return 0;
}

bool
prompt_input(const char *bytes, int n)
{
	for (int i = 0; i < n; i++) {
		/* one by one: a line may be the one that ends the program */
		if (cmdline_in(console, &bytes[i], 1) < 0)
			return false;
		if (quit_wanted)
			return false;
	}
	return true;
}

void
prompt_close(void)
{
	if (console == NULL)
		return;
	if (on_terminal)
		cmdline_stdin_exit(console);
	cmdline_free(console);
	console = NULL;
}
