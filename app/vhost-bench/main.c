/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-bench: cycles per packet of librte_vhost's net data path, and control-plane numbers. Uses the public API
 * only, so LD_LIBRARY_PATH chooses the library that is measured.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "bench.h"

#define POOL_MBUFS 8191u
#define HUGE_PAGES_NEEDED 160u /* 256 MiB of EAL memory and 32 MiB of guest memory, in pages of 2 MiB */

struct options opt = { .time_ms = 20, .device_cpu = -1, .driver_cpu = -1 };

static const char usage[] =
	"usage: vhost-bench [options]\n"
	"  --cells PATTERNS  only cells whose name matches one of these (fnmatch, comma-separated)\n"
	"  --quick           a part of the matrix: bursts of 32, few sizes\n"
	"  --time-ms N       time per cell (default 20)\n"
	"  --list            print the names of the cells and end\n"
	"  --control         control-plane numbers too;  --control-only: nothing else\n"
	"  --json            machine-readable output\n"
	"  --serve           read 'CELL MS', 'control' or 'quit' from stdin, answer each with a line of JSON\n"
	"  --cpus DEV,DRV    cores of the device and (two threads) of the driver; default: the last two\n"
	"  --no-huge         no hugepages (default: used where enough are free)\n"
	"  --no-stats        register without ring statistics\n"
	"  --dir DIR         folder for sockets (default: a fresh one below /tmp)\n"
	"cell name: ring.buffers.order.descriptors.direction.frame.burst.threads\n";

enum { O_CELLS = 256, O_QUICK, O_TIME, O_LIST, O_CONTROL, O_CONTROL_ONLY, O_JSON, O_SERVE, O_CPUS, O_NO_HUGE,
       O_NO_STATS, O_DIR, O_HELP };

static const struct option long_options[] = {
	{ "cells", required_argument, NULL, O_CELLS },
	{ "quick", no_argument, NULL, O_QUICK },
	{ "time-ms", required_argument, NULL, O_TIME },
	{ "list", no_argument, NULL, O_LIST },
	{ "control", no_argument, NULL, O_CONTROL },
	{ "control-only", no_argument, NULL, O_CONTROL_ONLY },
	{ "json", no_argument, NULL, O_JSON },
	{ "serve", no_argument, NULL, O_SERVE },
	{ "cpus", required_argument, NULL, O_CPUS },
	{ "no-huge", no_argument, NULL, O_NO_HUGE },
	{ "no-stats", no_argument, NULL, O_NO_STATS },
	{ "dir", required_argument, NULL, O_DIR },
	{ "help", no_argument, NULL, O_HELP },
	{ NULL, 0, NULL, 0 },
};

static int
take_option(int o)
{
	switch (o) {
	case O_CELLS:
		opt.cells = optarg;
		return 0;
	case O_QUICK:
		opt.quick = true;
		return 0;
	case O_TIME:
		opt.time_ms = (unsigned int)atoi(optarg);
		return opt.time_ms > 0 && opt.time_ms <= 60000 ? 0 : -1;
	case O_LIST:
		opt.list = true;
		return 0;
	case O_CONTROL_ONLY:
		opt.control_only = true;
		opt.control = true;
		return 0;
	case O_CONTROL:
		opt.control = true;
		return 0;
	case O_JSON:
		opt.json = true;
		return 0;
	case O_SERVE:
		opt.serve = true;
		return 0;
	case O_CPUS:
		return sscanf(optarg, "%d,%d", &opt.device_cpu, &opt.driver_cpu) == 2 ? 0 : -1;
	case O_NO_HUGE:
		opt.no_huge = true;
		return 0;
	case O_NO_STATS:
		opt.no_stats = true;
		return 0;
	case O_DIR:
		opt.dir = optarg;
		return 0;
	default:
		return -1;
	}
}

static int
parse(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int o;

	while ((o = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (take_option(o) != 0) {
			fputs(usage, o == O_HELP ? stdout : stderr);
			return -1;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return -1;
	}
	if (opt.device_cpu < 0) {
		opt.device_cpu = (int)cpus - 1;
		opt.driver_cpu = cpus > 1 ? (int)cpus - 2 : 0;
	}
	return 0;
}

static unsigned long
free_hugepages(void)
{
	unsigned long n = 0, size = 0, value;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "HugePages_Free: %lu", &value) == 1)
			n = value;
		if (sscanf(line, "Hugepagesize: %lu", &value) == 1)
			size = value;
	}
	if (f != NULL)
		fclose(f);
	return size == 2048 ? n : 0;
}

static int
init_eal(void)
{
	char cpu[16], prefix[48], memory[] = "256", program[] = "vhost-bench";
	char *argv[] = { program, (char[]){ "-l" }, cpu, (char[]){ "-n" }, (char[]){ "1" }, (char[]){ "--no-pci" },
			 (char[]){ "--no-telemetry" }, (char[]){ "-m" }, memory, (char[]){ "--file-prefix" }, prefix,
			 (char[]){ "--log-level" }, (char[]){ "error" }, (char[]){ "--no-shconf" },
			 (char[]){ "--in-memory" }, NULL };
	char no_huge[] = "--no-huge";

	opt.no_huge = opt.no_huge || free_hugepages() < HUGE_PAGES_NEEDED;
	snprintf(cpu, sizeof(cpu), "%d", opt.device_cpu);
	snprintf(prefix, sizeof(prefix), "vhost-bench-%d", (int)getpid());
	if (opt.no_huge)
		argv[14] = no_huge;
	return rte_eal_init(15, argv) < 0 ? -1 : 0;
}

/* File of the librte_vhost that is mapped. */
static const char *
library(void)
{
	static char path[512];
	char line[1024];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f != NULL && path[0] == '\0' && fgets(line, sizeof(line), f) != NULL) {
		char *p = strchr(line, '/');

		if (p == NULL || strstr(p, "/librte_vhost.so") == NULL)
			continue;
		p[strcspn(p, "\n")] = '\0';
		snprintf(path, sizeof(path), "%.500s", p);
	}
	if (f != NULL)
		fclose(f);
	return path;
}

static int
run_cell(struct link *l, const struct cell *c, unsigned int ms, struct result *r)
{
	memset(r, 0, sizeof(*r));
	if (link_open(l, c) != 0)
		return -1;
	return c->dual ? run_dual(l, c, ms, r) : run_single(l, c, ms, r);
}

static void
print_json(const char *name, const struct result *r)
{
	printf("{\"cell\": \"%s\", \"median\": %.2f, \"min\": %.2f, \"p10\": %.2f, \"p90\": %.2f, "
	       "\"busy\": %.2f, \"samples\": %u, \"packets\": %lu, \"verified\": %u}",
	       name, r->median, r->min, r->p10, r->p90, r->busy, r->samples, (unsigned long)r->packets, r->verified);
}

static void
print_row(const char *name, const struct result *r)
{
	printf("%-46s %9.1f %9.1f %9.1f %9.1f %9.1f %8u\n", name, r->median, r->min, r->p10, r->p90, r->busy,
	       r->samples);
}

static void
print_number(const struct number *n)
{
	if (opt.json || opt.serve)
		printf("{\"name\": \"%s\", \"unit\": \"%s\", \"median\": %.2f, \"worst\": %.2f, \"samples\": %u}",
		       n->name, n->unit, n->median, n->worst, n->samples);
	else
		printf("%-46s %9.1f %9.1f %s (%u)\n", n->name, n->median, n->worst, n->unit, n->samples);
}

static void
print_head(void)
{
	if (opt.json || opt.serve) {
		printf("{\"library\": \"%s\", \"dpdk\": \"%s\", \"tsc_hz\": %lu, \"hugepages\": %s%s", library(),
		       rte_version(), (unsigned long)rte_get_tsc_hz(), opt.no_huge ? "false" : "true",
		       opt.serve ? "}\n" : ",\n\"cells\": [\n");
		return;
	}
	printf("library %s\n%s, TSC %.0f MHz, %s\ncycles per packet\n", library(), rte_version(),
	       (double)rte_get_tsc_hz() / 1e6, opt.no_huge ? "no hugepages" : "hugepages");
	if (!opt.control_only)
		printf("%-46s %9s %9s %9s %9s %9s %8s\n", "cell", "median", "min", "p10", "p90", "in calls", "samples");
}

static int
run_matrix(struct link *l, const struct cell *cells, unsigned int n)
{
	char name[CELL_NAME];
	struct result r;

	for (unsigned int i = 0; i < n; i++) {
		cell_name(&cells[i], name);
		if (run_cell(l, &cells[i], opt.time_ms, &r) != 0)
			return -1;
		if (opt.json) {
			print_json(name, &r);
			puts(i + 1 < n ? "," : "");
		} else {
			print_row(name, &r);
		}
		fflush(stdout);
	}
	return 0;
}

static int
run_control(struct rte_mempool *pool)
{
	struct number numbers[MAX_NUMBERS];
	int n = control_run(pool, numbers);

	for (int i = 0; i < n; i++) {
		print_number(&numbers[i]);
		if (opt.json || opt.serve)
			fputs(i + 1 < n ? ", " : "", stdout);
		if (opt.json && !opt.serve)
			putchar('\n');
	}
	return n < 0 ? -1 : 0;
}

/* One request a line; a line of JSON back. A failed request ends the program. */
static int
serve(struct link *l, const struct cell *cells, unsigned int n)
{
	char line[256], name[128];
	unsigned int ms;
	struct result r;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		const struct cell *c;

		if (strcmp(line, "quit\n") == 0)
			return 0;
		if (strcmp(line, "control\n") == 0) {
			link_close(l);
			putchar('[');
			if (run_control(l->pool) != 0)
				return -1;
			puts("]");
			fflush(stdout);
			continue;
		}
		if (sscanf(line, "%127s %u", name, &ms) != 2 || (c = cell_find(cells, n, name)) == NULL) {
			fprintf(stderr, "no such request: %s", line);
			return -1;
		}
		if (run_cell(l, c, ms, &r) != 0)
			return -1;
		print_json(name, &r);
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}

static int
run(const struct cell *cells, unsigned int n)
{
	static struct link link;
	int rc = 0;

	link.pool = rte_pktmbuf_pool_create("frames", POOL_MBUFS, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (link.pool == NULL || device_listen(link_path()) != 0) {
		fprintf(stderr, "no mbuf pool or no socket in %s\n", opt.dir);
		return -1;
	}
	print_head();
	fflush(stdout);
	if (opt.serve)
		rc = serve(&link, cells, n);
	else if (!opt.control_only)
		rc = run_matrix(&link, cells, n);
	link_close(&link);
	if (opt.json && !opt.serve)
		printf("],\n\"control\": [\n");
	if (rc == 0 && opt.control && !opt.serve)
		rc = run_control(link.pool);
	if (opt.json && !opt.serve)
		printf("]}\n");
	device_unlisten(link_path());
	rte_mempool_free(link.pool);
	return rc;
}

int
main(int argc, char **argv)
{
	char folder[] = "/tmp/vhost-bench-XXXXXX", name[CELL_NAME];
	bool own_folder;
	struct cell *cells;
	unsigned int n;
	int rc = 0;

	if (parse(argc, argv) != 0)
		return 2;
	n = cells_all(&cells);
	if (!opt.serve)
		n = cells_select(cells, n);
	if (n == 0 && !opt.control_only) {
		fprintf(stderr, "no cell of that name\n");
		return 2;
	}
	for (unsigned int i = 0; opt.list && i < n; i++)
		puts(cell_name(&cells[i], name));
	if (opt.list) {
		free(cells);
		return 0;
	}
	/* The limits of a hardened library against busy peers are not what is measured; others ignore this. */
	setenv("HVHOST_OPTIONS", "ctl.rate=1000000,ctl.burst=1000000,conn.rate=1000000,conn.burst=1000000,"
	       "mem.table_rate=1000000,mem.table_burst=1000000", 0);
	own_folder = opt.dir == NULL;
	if (own_folder)
		opt.dir = mkdtemp(folder);
	if (opt.dir == NULL || init_eal() != 0) {
		fprintf(stderr, "no folder for sockets, or EAL does not start\n");
		rc = -1;
	} else {
		rc = run(cells, n);
		rte_eal_cleanup();
	}
	if (own_folder && opt.dir != NULL)
		rmdir(opt.dir);
	free(cells);
	return rc == 0 ? 0 : 1;
}
