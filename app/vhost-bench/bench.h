/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-bench: what its files share. Device side: public rte_vhost_* calls on the main lcore. Driver side: the
 * small driver and front-end of test/common in the same process, over a real socket.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_mbuf.h>

#include "fe.h"
#include "netq.h"

#define BENCH_TSO 65500u     /* bytes of the "64 KiB" segmentation frame, headers included */
#define BENCH_MAX_BURST 32u
#define BENCH_MAX_SAMPLES 65536u

/** One cell of the matrix of doc/performance.md. */
struct cell {
	bool packed, mergeable, in_order, indirect;
	bool enqueue; /* else dequeue */
	bool dual;    /* driver on another core */
	uint32_t frame; /* bytes */
	uint16_t burst;
};

/** Cycles per packet of one run of a cell. */
struct result {
	double median, min, p10, p90; /* over samples */
	double busy;                  /* two threads: lower quartile inside calls that moved packets; else = median */
	unsigned int samples;
	uint64_t packets;
	unsigned int verified; /* frames whose contents were compared */
};

/** All options of the command line. */
struct options {
	const char *cells;   /* comma-separated fnmatch patterns, or NULL */
	bool quick, json, list, serve, no_huge, control, no_stats;
	bool control_only;
	unsigned int time_ms;
	int device_cpu, driver_cpu;
	const char *dir;     /* sockets; NULL: a fresh folder below /tmp */
};

extern struct options opt;

/* cells.c */

/** "split.mrg.ino.ind.deq.64.b32.st" and so on. buf of CELL_NAME bytes. */
#define CELL_NAME 64u
const char *cell_name(const struct cell *c, char *buf);
/** The matrix, in an order that changes the negotiated set rarely. @return number; *cells is malloc'ed */
unsigned int cells_all(struct cell **cells);
/** Keep those that match --cells and --quick. @return number left */
unsigned int cells_select(struct cell *cells, unsigned int n);
/** Cell of exactly that name; NULL: none */
const struct cell *cell_find(const struct cell *cells, unsigned int n, const char *name);

/* frame.c: frames whose contents are checked */

/** A frame of c->frame bytes; in a segmentation cell with Ethernet, IPv4 and TCP headers, and a net header to match. */
void frame_make(const struct cell *c, uint8_t *frame, uint64_t seed, struct netq_hdr *hdr);
bool frame_check(const struct cell *c, const uint8_t *frame, uint32_t len);
/** The same for an mbuf chain. */
bool frame_check_mbuf(const struct cell *c, const struct rte_mbuf *m);

/* device.c: the back-end through the public API */

/** Register and start a server socket; its devices are seen by device_wait. @return 0 or < 0 */
int device_listen(const char *path);
void device_unlisten(const char *path);
/** vid of the device on this path once new_device came; -1 after ms. */
int device_wait(const char *path, unsigned int ms);
/** Wait until destroy_device came. */
bool device_wait_gone(const char *path, unsigned int ms);

/* link.c: a connected pair for one negotiated set */

struct link {
	struct cell cell; /* what it was made for */
	bool open;
	int vid;
	struct fe_dev dev;
	struct netq rx, tx; /* seen from the guest: rx = enqueue */
	struct netq_hdr hdr; /* in front of every frame of tx */
	struct rte_mempool *pool;
	struct rte_mbuf *out[BENCH_MAX_BURST]; /* frames for enqueue */
};

/** Path of the socket that links use. */
const char *link_path(void);
/** Make the link fit the cell: reconnects when the negotiated set or the buffers differ. @return 0 or < 0 */
int link_open(struct link *l, const struct cell *c);
void link_close(struct link *l);
/** Features that the cell needs; all are required of the device. */
uint64_t cell_features(const struct cell *c);

/* run.c, dual.c */

/** Run a cell for about ms milliseconds. @return 0, < 0 on a fault or wrong contents (printed to stderr) */
int run_single(struct link *l, const struct cell *c, unsigned int ms, struct result *r);
int run_dual(struct link *l, const struct cell *c, unsigned int ms, struct result *r);

/* stat.c */

/** Sorts v. Median, 10th and 90th percentile, minimum. */
void stat_result(double *v, unsigned int n, struct result *r);
double stat_median(double *v, unsigned int n);
double stat_percentile(const double *sorted, unsigned int n, double p);

/* control.c */

struct number {
	const char *name, *unit;
	double median, worst;
	unsigned int samples;
};

#define MAX_NUMBERS 32u

/* regions.c */

/** Cycles per frame when every frame lies in another region than the one before. @return 0 or < 0 */
int regions_run(struct rte_mempool *pool, unsigned int regions, const char *name, struct number *out);

/** Control-plane numbers. @return how many, < 0 on failure */
int control_run(struct rte_mempool *pool, struct number *out);

#endif /* BENCH_H */
