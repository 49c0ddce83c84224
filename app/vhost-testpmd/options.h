/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command line of vhost-testpmd, after the EAL arguments and "--".
 */
#ifndef VTP_OPTIONS_H
#define VTP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PORTS_MAX = 64,
	PAIRS_MAX = 128,             /* queue pairs of a vhost device */
	RINGS_MAX = 2 * PAIRS_MAX,
	BURST_MAX = 32,              /* the library serves no more per call */
	PATH_BYTES = 108,            /* a socket address with its NUL */
	FRAME_MIN = 60,
	FRAME_MAX = 2048,            /* txonly frames are one segment */
};

struct options {
	char paths[PORTS_MAX][PATH_BYTES];
	unsigned int nr_ports;
	unsigned int nr_pairs;       /* queue pairs polled per port, 1..PAIRS_MAX */
	uint64_t flags;              /* RTE_VHOST_USER_* given at registration */
	bool tso;                    /* keep offering TCP segmentation to the guests */
	bool auto_start;
	bool interactive;            /* prompt although standard input is no terminal */
	unsigned int stats_period;   /* seconds, 0: never */
	unsigned int nr_mbufs;       /* 0: chosen by the number of lcores */
	unsigned int burst;          /* packets per call, 1..BURST_MAX */
	unsigned int frame_len;      /* bytes of a txonly frame */
	const char *mode;            /* name of the forward mode */
};

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_WRONG };

/**
 * Parse the program's own arguments; says on stderr what is wrong with them.
 * @param argc, argv  as left by rte_eal_init(): argv[0] is the program's name
 * @param out         filled with defaults and what was given; the mode's name is not checked
 */
enum options_result options_parse(int argc, char **argv, struct options *out);

/** Name of one registration flag bit as --flags takes it, NULL if it has none. */
const char *options_flag_name(uint64_t bit);

#endif /* VTP_OPTIONS_H */
