/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints doc/violations.md from what is compiled into the library: the list of violations with their default and
 * possible answers, and the knobs.
 */
#include <stdio.h>
#include <string.h>

#include "policy.h"
#include "violation.h"

static const char *const scope_names[] = {
	[VH_SCOPE_CONNECTION] = "connection",
	[VH_SCOPE_MESSAGE] = "message",
	[VH_SCOPE_SETUP] = "ring set-up",
	[VH_SCOPE_RING] = "ring",
	[VH_SCOPE_REQUEST] = "request",
};

static const char head[] =
	"# Violations and knobs\n"
	"\n"
	"Generated from `lib/guard/violation.def` and the table in `lib/guard/policy.c` by\n"
	"`meson compile -C build violations-doc`; a lint test fails when it is stale.\n"
	"\n"
	"Settings come from the environment variable `HVHOST_OPTIONS`, read when a socket path is registered:\n"
	"`HVHOST_OPTIONS=preset=strict,violation.bad_addr=stop,log.rate=50`. At most 32 pairs, each key once. A key\n"
	"or value that is not known makes the registration fail with a log line that names it and what is allowed.\n"
	"\n"
	"Presets, applied before single keys wherever they stand: `default`; `strict` (one connection per socket,\n"
	"odd offload metadata drops the packet); `observe` (every violation that can be observed is, overlapping\n"
	"rings and disk files are accepted, quotas are at their largest).\n"
	"\n"
	"## Decisions\n"
	"\n"
	"| decision | what happens | counted as |\n"
	"|---|---|---|\n"
	"| observe | request: it goes on without the offending part. Ring: the chain is left where it is and met again "
	"(and counted) at the next call, as with the stock library | `vq.observed.<name>` |\n"
	"| retry | the request is left where it is and looked at again when memory changed or a timer fired | "
	"`vq.retry.<name>` |\n"
	"| drop | message: refused, nothing changed; without NEED_REPLY the connection is closed. Request: returned "
	"unused | `ctl.nack.<name>`, `vq.drop.<name>` |\n"
	"| park | the ring is not started until it is set up anew; the connection stays | `ring.parked.<name>` |\n"
	"| stop | the ring is not touched again until it is set up anew; its error eventfd is signalled | "
	"`vq.broken.<name>` |\n"
	"| close | the connection is closed | `conn.closed.<name>` |\n"
	"\n"
	"## Telemetry\n"
	"\n"
	"Read with `dpdk-telemetry.py`. Counters are nested dictionaries, since names there cannot have dots:\n"
	"`{\"vq\": {\"broken\": {\"avail_idx\": 1}}}` is `vq.broken.avail_idx`. Counters that are zero are left out.\n"
	"\n"
	"| command | answer |\n"
	"|---|---|\n"
	"| `/vhost/list[,<first vid>]` | the vids of all devices, at most 512 at a time |\n"
	"| `/vhost/device,<vid>[,<first ring>]` | path, state, features by name, memory, and 32 rings with their "
	"positions and why they are not ready |\n"
	"| `/vhost/violations[,<vid>]` | the counters of one device; without a vid those of all devices since "
	"the process began, closed ones included |\n"
	"| `/vhost/about[,<vid>]` | version, build, and the policy: that of the environment, or the one in force "
	"for a device |\n"
	"\n"
	"Log lines: `violation <name> queue=<n> message=<name> observed=<value> limit=<value> action=<what was done>\n"
	"suppressed=<n> (<text>)` at WARNING, after the prefix `VHOST_CONFIG: (<path>) ` or `VHOST_DATA: (<path>) `.\n"
	"The first of a kind on a socket path is always logged; further ones at `log.rate`, and each line tells\n"
	"how many it stands for.\n"
	"\n"
	"## Violations\n"
	"\n"
	"The key is `violation.<name>`.\n"
	"\n"
	"| name | where | default | possible | rule | meaning |\n"
	"|---|---|---|---|---|---|\n";

static const char knob_head[] =
	"\n"
	"## Knobs\n"
	"\n"
	"| key | default | possible | meaning |\n"
	"|---|---|---|---|\n";

static void
print_row(const struct vh_policy *p, unsigned int i)
{
	const struct vh_violation_info *info = NULL;
	const char *key, *text;
	char value[32], allowed[128];

	if (vh_policy_format(p, i, &key, value, sizeof(value)) != 0 ||
			vh_policy_describe(i, &text, allowed, sizeof(allowed)) != 0)
		return;
	if (strncmp(key, "violation.", 10) == 0)
		info = vh_violation_info(vh_violation_by_name(key + 10));
	if (info != NULL)
		printf("| `%s` | %s | %s | %s | %s | %s |\n", info->name, scope_names[info->scope], value, allowed,
			info->rule, text);
	else
		printf("| `%s` | %s | %s | %s |\n", key, value, allowed, text);
}

int
main(void)
{
	unsigned int first_violation = vh_policy_count() - (VH_V_COUNT - 1);
	struct vh_policy p;

	vh_policy_defaults(&p);
	fputs(head, stdout);
	for (unsigned int i = first_violation; i < vh_policy_count(); i++)
		print_row(&p, i);
	fputs(knob_head, stdout);
	for (unsigned int i = 0; i < first_violation; i++)
		print_row(&p, i);
	return fflush(stdout) == 0 ? 0 : 1;
}
