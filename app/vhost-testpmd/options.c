/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command line of vhost-testpmd, after the EAL arguments and "--".
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_vhost.h>

static const struct {
	const char *name;
	uint64_t bit;
} flag_names[] = {
	{ "client", RTE_VHOST_USER_CLIENT },
	{ "no-reconnect", RTE_VHOST_USER_NO_RECONNECT },
	{ "iommu", RTE_VHOST_USER_IOMMU_SUPPORT },
	{ "postcopy", RTE_VHOST_USER_POSTCOPY_SUPPORT },
	{ "extbuf", RTE_VHOST_USER_EXTBUF_SUPPORT },
	{ "linearbuf", RTE_VHOST_USER_LINEARBUF_SUPPORT },
	{ "compliant", RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS },
	{ "stats", RTE_VHOST_USER_NET_STATS_ENABLE },
};

static const char usage_text[] =
	"usage: %s [EAL arguments] -- [arguments]\n"
	"ports\n"
	"  --socket PATH        one vhost port on this socket; may be repeated\n"
	"  --ports N            N ports on DIR/vhost0.sock ...\n"
	"  --socket-dir DIR     folder for --ports (default: .)\n"
	"  --client             connect to the sockets instead of listening\n"
	"  --queues N           queue pairs to poll per port, 1..128 (default: 1)\n"
	"  --flags LIST         registration flags besides --client, by name or as one number\n"
	"                       (default: stats; names: no-reconnect, iommu, postcopy, extbuf,\n"
	"                       linearbuf, compliant, stats, none)\n"
	"  --tso                offer TCP segmentation to the guests\n"
	"forwarding\n"
	"  --fwd MODE           io, mac, rxonly, txonly or csum (default: io)\n"
	"  --burst N            packets per call, 1..32 (default: 32)\n"
	"  --txpkts BYTES       length of txonly frames, 60..2048 (default: 64)\n"
	"  --mbufs N            packet buffers (default: by number of lcores)\n"
	"  --auto-start         start forwarding at once\n"
	"console\n"
	"  -i, --interactive    prompt although standard input is not a terminal\n"
	"  --stats-period S     print port statistics every S seconds\n"
	"  -h, --help           this text\n"
	"Without a terminal commands are read from standard input. At its end the program goes on\n"
	"if --auto-start was given, and quits if not; SIGINT and SIGTERM end it.\n";

enum option_id {
	OPT_SOCKET = 256, OPT_PORTS, OPT_SOCKET_DIR, OPT_CLIENT, OPT_QUEUES, OPT_FLAGS, OPT_TSO,
	OPT_FWD, OPT_BURST, OPT_TXPKTS, OPT_MBUFS, OPT_AUTO_START, OPT_STATS_PERIOD,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "ports", required_argument, NULL, OPT_PORTS },
	{ "socket-dir", required_argument, NULL, OPT_SOCKET_DIR },
	{ "client", no_argument, NULL, OPT_CLIENT },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "flags", required_argument, NULL, OPT_FLAGS },
	{ "tso", no_argument, NULL, OPT_TSO },
	{ "fwd", required_argument, NULL, OPT_FWD },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ "txpkts", required_argument, NULL, OPT_TXPKTS },
	{ "mbufs", required_argument, NULL, OPT_MBUFS },
	{ "auto-start", no_argument, NULL, OPT_AUTO_START },
	{ "interactive", no_argument, NULL, 'i' },
	{ "stats-period", required_argument, NULL, OPT_STATS_PERIOD },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* What has to be kept until all arguments are known. */
struct pending {
	const char *folder;
	unsigned int nr_numbered;
	bool client;
};

const char *
options_flag_name(uint64_t bit)
{
	for (unsigned int i = 0; i < RTE_DIM(flag_names); i++)
		if (flag_names[i].bit == bit)
			return flag_names[i].name;
	return NULL;
}

static int
parse_number(const char *name, const char *text, unsigned long low, unsigned long high,
	     unsigned int *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < low ||
	    value > high) {
		fprintf(stderr, "--%s %s: a number from %lu to %lu is wanted\n", name, text, low, high);
		return -1;
	}
	*out = (unsigned int)value;
	return 0;
}

static int
flag_by_name(const char *name, size_t len, uint64_t *bit)
{
	if (len == 4 && strncmp(name, "none", len) == 0) {
		*bit = 0;
		return 0;
	}
	for (unsigned int i = 0; i < RTE_DIM(flag_names); i++) {
		if (strlen(flag_names[i].name) == len &&
		    strncmp(flag_names[i].name, name, len) == 0) {
			*bit = flag_names[i].bit;
			return 0;
		}
	}
	fprintf(stderr, "--flags: unknown name \"%.*s\"\n", (int)len, name);
	return -1;
}

static int
parse_flags(const char *text, uint64_t *out)
{
	char *end;
	uint64_t flags = 0, bit;

	if (text[0] >= '0' && text[0] <= '9') {
		errno = 0;
		*out = strtoull(text, &end, 0);
		if (errno == 0 && *end == '\0')
			return 0;
		fprintf(stderr, "--flags %s: not a number\n", text);
		return -1;
	}
	for (;;) {
		size_t len = strcspn(text, ",");

		if (flag_by_name(text, len, &bit) < 0)
			return -1;
		flags |= bit;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	*out = flags;
	return 0;
}

static int
add_path(struct options *o, const char *path)
{
	if (path[0] == '\0' || strlen(path) >= PATH_BYTES) {
		fprintf(stderr, "socket path \"%s\": 1 to %d bytes are possible\n", path, PATH_BYTES - 1);
		return -1;
	}
	if (o->nr_ports == PORTS_MAX) {
		fprintf(stderr, "at most %d ports are possible\n", PORTS_MAX);
		return -1;
	}
	for (unsigned int i = 0; i < o->nr_ports; i++) {
		if (strcmp(o->paths[i], path) == 0) {
			fprintf(stderr, "socket path \"%s\" was given twice\n", path);
			return -1;
		}
	}
	strcpy(o->paths[o->nr_ports++], path);
	return 0;
}

static int
add_numbered_paths(struct options *o, const struct pending *p)
{
	for (unsigned int i = 0; i < p->nr_numbered; i++) {
		char path[2 * PATH_BYTES];

		snprintf(path, sizeof(path), "%s/vhost%u.sock", p->folder, i);
		if (add_path(o, path) < 0)
			return -1;
	}
	return 0;
}

static int
parse_one(int id, struct options *o, struct pending *p)
{
	switch (id) {
	case OPT_SOCKET:
		return add_path(o, optarg);
	case OPT_PORTS:
		return parse_number("ports", optarg, 1, PORTS_MAX, &p->nr_numbered);
	case OPT_SOCKET_DIR:
		p->folder = optarg;
		return 0;
	case OPT_CLIENT:
		p->client = true;
		return 0;
	case OPT_QUEUES:
		return parse_number("queues", optarg, 1, PAIRS_MAX, &o->nr_pairs);
	case OPT_FLAGS:
		return parse_flags(optarg, &o->flags);
	case OPT_TSO:
		o->tso = true;
		return 0;
	case OPT_FWD:
		o->mode = optarg;
		return 0;
	case OPT_BURST:
		return parse_number("burst", optarg, 1, BURST_MAX, &o->burst);
	case OPT_TXPKTS:
		return parse_number("txpkts", optarg, FRAME_MIN, FRAME_MAX, &o->frame_len);
	case OPT_MBUFS:
		return parse_number("mbufs", optarg, 64, 1U << 24, &o->nr_mbufs);
	case OPT_AUTO_START:
		o->auto_start = true;
		return 0;
	case OPT_STATS_PERIOD:
		return parse_number("stats-period", optarg, 0, 86400, &o->stats_period);
	case 'i':
		o->interactive = true;
		return 0;
	default:
		return -1; /* getopt_long() has said why */
	}
}

enum options_result
options_parse(int argc, char **argv, struct options *out)
{
	struct pending p = { .folder = "." };
	int id;

	*out = (struct options){
		.nr_pairs = 1, .burst = BURST_MAX, .frame_len = 64, .mode = "io",
		.flags = RTE_VHOST_USER_NET_STATS_ENABLE,
	};
	optind = 1;
	while ((id = getopt_long(argc, argv, "hi", long_options, NULL)) != -1) {
		if (id == 'h') {
			printf(usage_text, argv[0]);
			return OPTIONS_HELP;
		}
		if (parse_one(id, out, &p) < 0)
			return OPTIONS_WRONG;
	}
	if (optind < argc) {
		fprintf(stderr, "\"%s\" is not an argument of this program\n", argv[optind]);
		return OPTIONS_WRONG;
	}
	if (add_numbered_paths(out, &p) < 0)
		return OPTIONS_WRONG;
	if (out->nr_ports == 0) {
		fprintf(stderr, "no port: give --socket PATH or --ports N (--help lists all)\n");
		return OPTIONS_WRONG;
	}
	if (p.client)
		out->flags |= RTE_VHOST_USER_CLIENT;
	return OPTIONS_OK;
}
