/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks with what lies behind a memory table. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "attack.h"

#define TIB (UINT64_C(1) << 40)

/* 1 TiB that costs nobody anything until it is touched. */
static int
sparse(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct pass *p = calloc(1, sizeof(*p));
	struct fe_dev_cfg cfg = pass_cfg();
	int rc;

	cfg.mem_size = TIB;
	cfg.regions = 1;
	cfg.guard = 0;
	rc = p == NULL ? -ENOMEM : pass_create(p, &cfg);
	if (rc == 0) {
		rc = fe_dev_connect(&p->dev, path);
		o->refused = rc > 0;
		if (rc == 0)
			rc = pass_prepare(p);
		else
			o->note = "not served";
		/* no answer in time is an outcome too */
		if (rc == 0 && pass_frames(p, 100, 2000) != 0)
			o->note = "no traffic";
		rc = 0;
		hold_device(&p->dev, hold_ms, o);
	}
	if (p != NULL)
		pass_close(p);
	free(p);
	return rc;
}

/* Take the memory away; nothing of it may be touched here afterwards. */
static void
truncate_all(struct fe_dev *dev)
{
	for (unsigned int i = 0; i < dev->mem.nr; i++)
		if (ftruncate(dev->mem.region[i].fd, 0) != 0)
			abort();
}

static int
truncated(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct pass *p = calloc(1, sizeof(*p));
	struct fe_dev_cfg cfg = pass_cfg();
	int rc = p == NULL ? -ENOMEM : pass_open(p, path, &cfg);

	if (rc == 0)
		rc = pass_frames(p, 100, 2000);
	if (rc == 0) {
		truncate_all(&p->dev);
		hold_device(&p->dev, hold_ms, o);
	}
	if (p != NULL)
		pass_close(p);
	free(p);
	return rc;
}

/* The same before the rings start: the thread that looks at them first is another one. */
static int
truncated_before_kick(const char *path, int hold_ms, struct outcome *o, const void *arg)
{
	struct fe_dev *dev = calloc(1, sizeof(*dev));
	struct fe_dev_cfg cfg = pass_cfg();
	int rc = dev == NULL ? -ENOMEM : fe_dev_create(dev, &cfg);

	if (rc == 0)
		rc = fe_connect(&dev->fe, path);
	if (rc == 0)
		rc = fe_dev_negotiate(dev);
	if (rc == 0)
		rc = fe_dev_enable(dev, true);
	if (rc == 0)
		rc = fe_set_u64(&dev->fe, FE_SET_FEATURES, dev->fe.features);
	if (rc == 0)
		rc = fe_set_mem_table(&dev->fe, &dev->mem, 0);
	if (rc == 0) {
		truncate_all(dev);
		for (unsigned int i = 0; rc == 0 && i < dev->nr_rings; i++)
			rc = fe_dev_start_ring(dev, i);
		o->refused = rc > 0;
		rc = 0;
		hold_device(dev, hold_ms, o);
	}
	if (dev != NULL)
		fe_dev_destroy(dev);
	free(dev);
	return rc;
}

const struct attack memory_attacks[] = {
	{ "sparse-1tib", "T2", sparse, NULL },
	{ "truncated", "A062", truncated, NULL },
	{ "truncated-before-kick", "A063", truncated_before_kick, NULL },
	{ .name = NULL },
};
