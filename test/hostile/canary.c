/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * canary <socket>: the other tenant. Requests and paced frames all the time; each line on stdin ends a period and
 * prints what happened in it as a line of JSON. "flood" measures rate and round trip instead; end of file ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pass.h"

#define FRAME_NS 1000000u   /* a frame every ms */
#define REQUEST_NS 5000000u /* a request every 5 ms, when the one before is answered */
#define UNANSWERED_NS 1000000000u
#define MAX_REQUESTS 100000u
#define FLOODS 10
#define FLOOD_MS 50
#define PINGS 10
#define PING_MS 20
#define DRAIN_MS 2000

static struct pass pass;
static double request_us[MAX_REQUESTS];
static unsigned int nr_requests;
static uint64_t asked_ns; /* 0: no request under way */
static bool closed;       /* the back-end closed the connection */

static void
note_request(uint64_t now)
{
	if (nr_requests < MAX_REQUESTS)
		request_us[nr_requests++] = (double)(now - asked_ns) / 1e3;
}

static void
ask(uint64_t now)
{
	if (fe_send(&pass.dev.fe, FE_GET_FEATURES, 0, NULL, 0, NULL, 0) != 0)
		closed = true;
	asked_ns = now;
}

/* The answer is there (or the end of the connection). */
static void
take_answer(void)
{
	uint64_t arrived = now_ns();
	struct fe_msg msg;

	if (asked_ns == 0 || fe_reply(&pass.dev.fe, FE_GET_FEATURES, 8, &msg) != 0) {
		closed = true;
		return;
	}
	note_request(arrived);
	asked_ns = 0;
}

/* Wait up to ms for the answer that is due. */
static void
finish_request(int ms)
{
	struct pollfd p = { .fd = pass.dev.fe.fd, .events = POLLIN };

	if (asked_ns != 0 && !closed && poll(&p, 1, ms) == 1)
		take_answer();
}

static void
report(void)
{
	bool unanswered = asked_ns != 0 && now_ns() - asked_ns > UNANSWERED_NS;
	uint64_t lost = pass_drain(&pass, DRAIN_MS);

	/* one that is under way counts with its age so far */
	if (asked_ns != 0 && now_ns() - asked_ns > UNANSWERED_NS / 10)
		note_request(now_ns());
	printf("{\"requests\": %u, \"unanswered\": %s, \"closed\": %s, ", nr_requests, unanswered ? "true" : "false",
	       closed ? "true" : "false");
	printf("\"request_median_us\": %.1f, ", pass_percentile(request_us, nr_requests, 0.5));
	printf("\"request_p99_us\": %.1f, ", pass_percentile(request_us, nr_requests, 0.99));
	printf("\"request_max_us\": %.1f, ", pass_percentile(request_us, nr_requests, 1.0));
	printf("\"sent\": %lu, \"lost\": %lu, \"damaged\": %lu, ", (unsigned long)pass.sent, (unsigned long)lost,
	       (unsigned long)pass.damaged);
	printf("\"frame_median_us\": %.1f, ", pass_percentile(pass.rtt_us, pass.nr_rtt, 0.5));
	printf("\"frame_p99_us\": %.1f, ", pass_percentile(pass.rtt_us, pass.nr_rtt, 0.99));
	printf("\"frame_max_us\": %.1f, ", pass_percentile(pass.rtt_us, pass.nr_rtt, 1.0));
	printf("\"clean\": %s}\n", pass_clean(&pass) ? "true" : "false");
	fflush(stdout);
	nr_requests = 0;
	pass.nr_rtt = 0;
	pass_forget(&pass);
}

/*
 * How fast the path is: frames per second, and the round trip of a single one. The best of several short tries: the
 * others met somebody else's work on the same cores.
 */
static void
flood(void)
{
	double rate = 0, ping = 1e9;

	finish_request(100); /* nobody looks for answers meanwhile */
	for (unsigned int i = 0; i < FLOODS; i++) {
		double r = pass_flood(&pass, FLOOD_MS);

		rate = r > rate ? r : rate;
	}
	for (unsigned int i = 0; i < PINGS && pass_drain(&pass, DRAIN_MS) == 0; i++) {
		double us = pass_ping(&pass, PING_MS);

		ping = us > 0 && us < ping ? us : ping;
	}
	printf("{\"frames_per_second\": %.0f, \"ping_us\": %.2f, \"lost\": %lu}\n", rate, ping,
	       (unsigned long)pass_drain(&pass, DRAIN_MS));
	fflush(stdout);
	pass.nr_rtt = 0;
	pass_forget(&pass);
}

/* @return false at end of file */
static bool
take_line(void)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));

	if (n <= 0)
		return false;
	if (strncmp(line, "flood", 5) == 0)
		flood();
	else
		report();
	return true;
}

/* One turn: sleeps until the next frame is due, or something came in. @return false at the end */
static bool
turn(uint64_t *next_frame, uint64_t *next_request)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = closed ? -1 : pass.dev.fe.fd, .events = POLLIN } };
	uint64_t now = now_ns();
	struct timespec wait = { 0, *next_frame > now ? (long)(*next_frame - now) : 0 };

	ppoll(p, 2, &wait, NULL);
	if ((p[1].revents & (POLLIN | POLLHUP)) != 0)
		take_answer();
	pass_poll(&pass);
	now = now_ns();
	if (now >= *next_frame) {
		pass_send(&pass);
		*next_frame = now + FRAME_NS;
	}
	if (now >= *next_request && asked_ns == 0 && !closed) {
		ask(now);
		*next_request = now + REQUEST_NS;
	}
	return p[0].revents == 0 || take_line();
}

int
main(int argc, char **argv)
{
	struct fe_dev_cfg cfg = pass_cfg();
	uint64_t next_frame = 0, next_request = 0;
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: canary <socket>\n");
		return 2;
	}
	rc = pass_open(&pass, argv[1], &cfg);
	if (rc == 0)
		rc = pass_frames(&pass, 100, 5000);
	if (rc != 0) {
		fprintf(stderr, "canary: no traffic: %d (%s)\n", rc, rc < 0 ? strerror(-rc) : "refused");
		return 1;
	}
	pass.nr_rtt = 0;
	puts("ready");
	fflush(stdout);
	while (turn(&next_frame, &next_request))
		;
	finish_request(1000); /* to go with a request under way is not good manners */
	pass_close(&pass);
	return 0;
}
