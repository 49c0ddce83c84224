/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A well-behaved client of a switch that sends every frame back (testpmd with --port-topology=loop): paced,
 * closed-loop traffic whose every byte is checked. Single-threaded.
 */
#ifndef PASS_H
#define PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "fe.h"
#include "netq.h"

#define PASS_WINDOW 64u /* frames on their way */
#define PASS_SAMPLES 200000u

struct pass {
	struct fe_dev dev;
	struct netq rx, tx;
	uint64_t sent, returned, damaged, reordered;
	uint64_t start_ns[PASS_WINDOW]; /* by sequence number */
	uint64_t next_seen;
	uint64_t forgotten;     /* frames below this number count no more */
	double *rtt_us;         /* of returned frames, PASS_SAMPLES at most */
	unsigned int nr_rtt;
	bool fault;             /* the device broke a rule of the ring */
};

uint64_t now_ns(void);

/** What the canary and most tests use: see fe_dev_defaults, with guard regions, shadowed rings and 2 regions. */
struct fe_dev_cfg pass_cfg(void);
/** Memory and rings; no socket. */
int pass_create(struct pass *p, const struct fe_dev_cfg *cfg);
/** Buffers on the rings that fe_dev_negotiate made; receive buffers are published. */
int pass_prepare(struct pass *p);
/** Both, connect and prepare. */
int pass_open(struct pass *p, const char *path, const struct fe_dev_cfg *cfg);
/** Send a frame if the window allows. @return true if sent */
bool pass_send(struct pass *p);
/** Take what came back, refill. @return frames, < 0 on a fault */
int pass_poll(struct pass *p);
/** n frames there and back within ms. @return 0 if every one returned undamaged */
int pass_frames(struct pass *p, unsigned int n, int ms);
/** Frames per second for ms milliseconds, as fast as it goes with a full window. */
double pass_flood(struct pass *p, int ms);
/** Sorts v; 0 if empty. part: 0 (smallest) .. 1 (largest) */
double pass_percentile(double *v, unsigned int n, double part);
/** Median round trip of single frames in us, for ms milliseconds; < 0: none came back. */
double pass_ping(struct pass *p, int ms);
/** Wait up to ms for the frames that are still on their way. @return frames missing */
uint64_t pass_drain(struct pass *p, int ms);
/** Forget what is still on its way: it has been counted as lost. */
void pass_forget(struct pass *p);
/** Guard regions untouched, rings as the driver left them, nothing damaged? Prints what is wrong. */
bool pass_clean(struct pass *p);
void pass_close(struct pass *p);

#endif /* PASS_H */
