/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The telemetry commands. librte_telemetry of 22.11 allows no '.' in the names of a dictionary, so a counter
 * vq.broken.avail_idx is a path of nested dictionaries: {"vq": {"broken": {"avail_idx": 1}}}. A reply is at most
 * 16 KiB and an array 512 entries long: rings and devices come in pages.
 * May touch: librte_telemetry, devices through the source. Handlers run on the telemetry thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include "limits.h"
#include "telemetry.h"

#define RINGS_PER_PAGE 32u

static const struct vh_telemetry_source *source;

void
vh_telemetry_set_source(const struct vh_telemetry_source *src)
{
	__atomic_store_n(&source, src, __ATOMIC_RELEASE);
}

static const struct vh_telemetry_source *
get_source(void)
{
	return __atomic_load_n(&source, __ATOMIC_ACQUIRE);
}

/* ---- building replies: what does not fit or has no memory is left out ---- */

/* An empty dictionary or, with is_list, array of strings below parent; librte_telemetry frees it. NULL: no room. */
static struct rte_tel_data *
add_child(struct rte_tel_data *parent, const char *name, bool is_list)
{
	struct rte_tel_data *child = rte_tel_data_alloc();

	if (child == NULL)
		return NULL;
	if (is_list)
		rte_tel_data_start_array(child, RTE_TEL_STRING_VAL);
	else
		rte_tel_data_start_dict(child);
	if (rte_tel_data_add_dict_container(parent, name, child, 0) == 0)
		return child;
	rte_tel_data_free(child);
	return NULL;
}

static void
add_bit_names(struct rte_tel_data *d, const char *name, uint64_t bits, const char *(*name_of)(unsigned int))
{
	struct rte_tel_data *list = add_child(d, name, true);

	if (list == NULL)
		return;
	for (; bits != 0; bits &= bits - 1) {
		unsigned int bit = (unsigned int)__builtin_ctzll(bits);
		char number[16];

		snprintf(number, sizeof(number), "bit_%u", bit);
		rte_tel_data_add_array_string(list, name_of(bit) != NULL ? name_of(bit) : number);
	}
}

/* "a" or "a,b": numbers up to max each. @return how many there are, -EINVAL if it is anything else */
static int
parse_params(const char *params, unsigned long max, unsigned long out[2])
{
	int n = 0;

	while (params != NULL && *params != '\0') {
		char *end;

		if (n == 2 || *params < '0' || *params > '9')
			return -EINVAL;
		errno = 0;
		out[n] = strtoul(params, &end, 10);
		if (errno != 0 || out[n] > max || (*end != '\0' && *end != ',') || (*end == ',' && end[1] == '\0'))
			return -EINVAL;
		params = *end == ',' ? end + 1 : end;
		n++;
	}
	return n;
}

/* ---- /vhost/list ---- */

static int
list_devices(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct vh_telemetry_source *src = get_source();
	unsigned long arg[2] = { 0, 0 };
	struct vh_device_state dev;
	int n = parse_params(params, VH_MAX_DEVICES - 1, arg);

	if (src == NULL || n < 0 || n > 1)
		return -EINVAL;
	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	for (int vid = (int)arg[0]; vid < VH_MAX_DEVICES; vid++)
		if (src->device(vid, &dev) == 0 && rte_tel_data_add_array_int(d, vid) != 0)
			break; /* array full: the reader goes on behind the last one */
	return 0;
}

/* ---- /vhost/device ---- */

static void
add_ring(struct rte_tel_data *rings, const struct vh_ring_state *r)
{
	char name[16];
	struct rte_tel_data *d;

	snprintf(name, sizeof(name), "%u", r->index);
	d = add_child(rings, name, false);
	if (d == NULL)
		return;
	rte_tel_data_add_dict_int(d, "size", r->size);
	rte_tel_data_add_dict_string(d, "format", r->packed ? "packed" : "split");
	rte_tel_data_add_dict_int(d, "enabled", r->enabled);
	rte_tel_data_add_dict_int(d, "started", r->started);
	rte_tel_data_add_dict_int(d, "broken", r->broken);
	rte_tel_data_add_dict_int(d, "last_avail", r->last_avail);
	rte_tel_data_add_dict_int(d, "last_used", r->last_used);
	rte_tel_data_add_dict_int(d, "kickfd", r->kickfd);
	rte_tel_data_add_dict_int(d, "callfd", r->callfd);
	rte_tel_data_add_dict_string(d, "not_ready", r->not_ready != NULL ? r->not_ready : "");
}

static void
add_rings(struct rte_tel_data *d, const struct vh_telemetry_source *src, int vid, unsigned int first,
	unsigned int nr)
{
	struct rte_tel_data *rings = add_child(d, "rings", false);
	struct vh_ring_state ring;

	if (rings == NULL)
		return;
	for (unsigned int i = first; i < nr && i - first < RINGS_PER_PAGE; i++)
		if (src->ring(vid, (uint16_t)i, &ring) == 0)
			add_ring(rings, &ring);
}

static const char *
device_state_name(const struct vh_device_state *dev)
{
	if (dev->running)
		return "running";
	return dev->ready ? "ready" : "configuring";
}

static void
add_device(struct rte_tel_data *d, int vid, const struct vh_device_state *dev)
{
	rte_tel_data_add_dict_int(d, "vid", vid);
	rte_tel_data_add_dict_string(d, "path", dev->path);
	rte_tel_data_add_dict_string(d, "state", device_state_name(dev));
	rte_tel_data_add_dict_u64(d, "connected_s", dev->connection_s);
	add_bit_names(d, "features", dev->features, vh_feature_name);
	add_bit_names(d, "protocol_features", dev->protocol_features, vh_protocol_feature_name);
	rte_tel_data_add_dict_int(d, "status", dev->status);
	rte_tel_data_add_dict_int(d, "mtu", dev->mtu);
	rte_tel_data_add_dict_u64(d, "regions", dev->nr_regions);
	rte_tel_data_add_dict_u64(d, "mapped_bytes", dev->mapped_bytes);
	rte_tel_data_add_dict_int(d, "nr_rings", dev->nr_rings);
}

static int
show_device(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct vh_telemetry_source *src = get_source();
	unsigned long arg[2] = { 0, 0 };
	struct vh_device_state dev;

	if (src == NULL || parse_params(params, VH_MAX_DEVICES - 1, arg) < 1 || src->device((int)arg[0], &dev) != 0)
		return -EINVAL;
	rte_tel_data_start_dict(d);
	add_device(d, (int)arg[0], &dev);
	add_rings(d, src, (int)arg[0], (unsigned int)arg[1], dev.nr_rings);
	return 0;
}

/* ---- /vhost/violations ---- */

typedef uint64_t counters[VH_DECISIONS];

/* Counters whose prefix is "<group>.<outcome>" below d; the dictionary is made when the first is not zero. */
static void
add_outcome(struct rte_tel_data *d, const char *group, const char *outcome, const counters *count)
{
	struct rte_tel_data *dict = NULL;
	char want[32];

	snprintf(want, sizeof(want), "%s.%s", group, outcome);
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++) {
		const struct vh_violation_info *info = vh_violation_info((enum vh_violation)i);
		uint64_t sum = 0;

		for (unsigned int dec = 0; dec < VH_DECISIONS; dec++)
			if (strcmp(vh_decision_prefix(info->scope, (enum vh_decision)dec), want) == 0)
				sum += count[i][dec];
		if (sum != 0 && dict == NULL)
			dict = add_child(d, outcome, false);
		if (sum != 0 && dict != NULL)
			rte_tel_data_add_dict_u64(dict, info->name, sum);
	}
}

static void
add_group(struct rte_tel_data *d, const char *group, const char *const *outcomes, const counters *count)
{
	struct rte_tel_data *dict = add_child(d, group, false);

	for (; dict != NULL && *outcomes != NULL; outcomes++)
		add_outcome(dict, group, *outcomes, count);
}

/* Past devices first: one that goes meanwhile is missing in this answer rather than counted twice. */
static void
count_process(const struct vh_telemetry_source *src, counters *count)
{
	uint64_t one[VH_V_COUNT][VH_DECISIONS];

	for (unsigned int i = VH_V_NONE; i < VH_V_COUNT; i++)
		for (unsigned int dec = 0; dec < VH_DECISIONS; dec++)
			count[i][dec] = vh_guard_retired((enum vh_violation)i, (enum vh_decision)dec);
	for (int vid = 0; vid < VH_MAX_DEVICES; vid++) {
		if (src->violations(vid, one) != 0)
			continue;
		for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
			for (unsigned int dec = 0; dec < VH_DECISIONS; dec++)
				count[i][dec] += one[i][dec];
	}
}

static int
show_violations(const char *cmd, const char *params, struct rte_tel_data *d)
{
	static const char *const ctl[] = { "observed", "retry", "nack", NULL };
	static const char *const conn[] = { "closed", NULL };
	static const char *const ring[] = { "parked", NULL };
	static const char *const vq[] = { "observed", "retry", "drop", "broken", NULL };
	const struct vh_telemetry_source *src = get_source();
	uint64_t count[VH_V_COUNT][VH_DECISIONS], total = 0;
	unsigned long arg[2];
	int n = parse_params(params, VH_MAX_DEVICES - 1, arg);

	if (src == NULL || n < 0 || n > 1 || (n == 1 && src->violations((int)arg[0], count) != 0))
		return -EINVAL;
	if (n == 0)
		count_process(src, count);
	for (unsigned int i = VH_V_NONE + 1; i < VH_V_COUNT; i++)
		for (unsigned int dec = 0; dec < VH_DECISIONS; dec++)
			total += count[i][dec];
	rte_tel_data_start_dict(d);
	if (n == 1)
		rte_tel_data_add_dict_int(d, "vid", (int)arg[0]);
	rte_tel_data_add_dict_u64(d, "total", total);
	add_group(d, "ctl", ctl, (const counters *)count);
	add_group(d, "conn", conn, (const counters *)count);
	add_group(d, "ring", ring, (const counters *)count);
	add_group(d, "vq", vq, (const counters *)count);
	return 0;
}

/* ---- /vhost/about ---- */

static void
add_build(struct rte_tel_data *d)
{
	rte_tel_data_add_dict_string(d, "name", "hardened-vhost");
	rte_tel_data_add_dict_string(d, "version", VH_VERSION);
	rte_tel_data_add_dict_string(d, "abi", VH_ABI);
	rte_tel_data_add_dict_string(d, "built_for", "DPDK " VH_DPDK_RELEASE);
	rte_tel_data_add_dict_string(d, "running_on", rte_version());
	rte_tel_data_add_dict_string(d, "compiler", __VERSION__);
#ifdef NDEBUG
	rte_tel_data_add_dict_string(d, "assertions", "off");
#else
	rte_tel_data_add_dict_string(d, "assertions", "on");
#endif
}

/* Knobs "<group>.<name>" become {"<group>": {"<name>": "<value>"}}; those of a group stand together. */
static void
add_policy(struct rte_tel_data *d, const struct vh_policy *p)
{
	struct rte_tel_data *policy = add_child(d, "policy", false), *dict = NULL;
	char group[32] = "", value[32];
	const char *key;

	for (unsigned int i = 0; policy != NULL && vh_policy_format(p, i, &key, value, sizeof(value)) == 0; i++) {
		size_t len = strcspn(key, ".");

		if (strncmp(group, key, len) != 0 || group[len] != '\0') {
			snprintf(group, sizeof(group), "%.*s", (int)len, key);
			dict = add_child(policy, group, false);
		}
		if (dict != NULL)
			rte_tel_data_add_dict_string(dict, key + len + 1, value);
	}
}

static int
show_about(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct vh_telemetry_source *src = get_source();
	unsigned long arg[2];
	struct vh_policy policy;
	int n = parse_params(params, VH_MAX_DEVICES - 1, arg);
	int ret;

	if (n < 0 || n > 1)
		return -EINVAL;
	ret = src != NULL ? src->policy(n == 1 ? (int)arg[0] : -1, &policy) : -ENODEV;
	if (n == 1 && ret != 0)
		return -EINVAL;
	rte_tel_data_start_dict(d);
	add_build(d);
	if (ret == 0)
		add_policy(d, &policy);
	else
		rte_tel_data_add_dict_string(d, "policy", "HVHOST_OPTIONS is not valid");
	return 0;
}

RTE_INIT(vh_telemetry_register)
{
	rte_telemetry_register_cmd("/vhost/list", list_devices,
		"Returns the vids of all vhost devices. Parameters: int first vid (optional)");
	rte_telemetry_register_cmd("/vhost/device", show_device,
		"Returns a vhost device and 32 of its rings. Parameters: int vid, int first ring (optional)");
	rte_telemetry_register_cmd("/vhost/violations", show_violations,
		"Returns what peers did wrong. Parameters: int vid (optional: else all devices, past ones included)");
	rte_telemetry_register_cmd("/vhost/about", show_about,
		"Returns version, build and policy of the library. Parameters: int vid (optional: its policy)");
}
