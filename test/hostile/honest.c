/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * honest <socket> [row]: valid but odd behaviour of real front-ends that must keep working (rows V.. of the attack
 * catalogue). The switch behind the socket sends every frame back. Prints a line per row.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pass.h"

#define FRAMES 200u
#define WAIT_MS 5000

static const char *socket_path;
static const char *why; /* what did not hold, when it is not a result code */

static int
expect(bool good, const char *what)
{
	if (!good)
		why = what;
	return good ? 0 : -EBADMSG;
}

static int
traffic(struct pass *p)
{
	return pass_frames(p, FRAMES, WAIT_MS);
}

/* Handshake as cfg says, traffic. */
static int
with(struct pass *p, const struct fe_dev_cfg *cfg)
{
	int rc = pass_open(p, socket_path, cfg);

	return rc != 0 ? rc : traffic(p);
}

/* Connected and negotiated; memory and rings are up to the row. */
static int
negotiated(struct pass *p, const struct fe_dev_cfg *cfg)
{
	int rc = pass_create(p, cfg);

	if (rc == 0)
		rc = fe_connect(&p->dev.fe, socket_path);
	return rc != 0 ? rc : fe_dev_negotiate(&p->dev);
}

static int
plain(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();

	return with(p, &cfg);
}

/* V01: every message cut at every byte. */
static int
cut(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();
	int rc = pass_create(p, &cfg);

	p->dev.fe.drip_us = 100;
	if (rc == 0)
		rc = fe_dev_connect(&p->dev, socket_path);
	p->dev.fe.drip_us = 0;
	if (rc == 0)
		rc = pass_prepare(p);
	return rc != 0 ? rc : traffic(p);
}

/* V02: several messages in one segment. */
static int
together(struct pass *p)
{
	struct fe_hdr h[4] = { { FE_SET_OWNER, FE_VERSION, 0 }, { FE_GET_FEATURES, FE_VERSION, 0 },
			       { FE_GET_FEATURES, FE_VERSION, 0 }, { FE_GET_PROTOCOL_FEATURES, FE_VERSION, 0 } };
	struct fe_msg msg;
	int rc = plain(p);

	if (rc == 0)
		rc = fe_send_raw(&p->dev.fe, h, sizeof(h), NULL, 0);
	for (unsigned int i = 1; rc == 0 && i < 4; i++)
		rc = fe_reply(&p->dev.fe, h[i].request, 8, &msg);
	return rc != 0 ? rc : traffic(p);
}

static int
long_table(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();

	cfg.regions = 1;
	cfg.surplus = 32; /* 72 bytes in all */
	return with(p, &cfg);
}

static int
no_call(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();

	cfg.poll_call = true;
	return with(p, &cfg);
}

static int
no_kick(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();

	cfg.poll_kick = true;
	return with(p, &cfg);
}

/* V07: call fds come first of all and once only. */
static int
early_call(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();
	int rc;

	cfg.order = FE_ORDER_VIRTIO_USER;
	rc = with(p, &cfg);
	if (rc != 0)
		return rc;
	drv_interrupts(p->rx.ring, true);
	while (fe_dev_wait_call(&p->dev, 0, 0))
		;
	pass_send(p);
	return expect(fe_dev_wait_call(&p->dev, 0, 1000), "no interrupt through the early call fd");
}

static int
change_call(struct pass *p)
{
	int rc = plain(p);

	for (unsigned int i = 0; rc == 0 && i < 200; i++) {
		pass_send(p);
		rc = fe_set_vring_fd(&p->dev.fe, FE_SET_VRING_CALL, i % 2, p->dev.call[i % 2]);
		pass_poll(p);
	}
	if (rc == 0)
		rc = expect(pass_drain(p, 1000) == 0, "frames lost");
	return rc != 0 ? rc : traffic(p);
}

static int
err_fd(struct pass *p)
{
	int rc = plain(p);

	if (rc == 0)
		rc = fe_set_vring_fd(&p->dev.fe, FE_SET_VRING_ERR, 0, p->dev.err[0]);
	if (rc == 0)
		rc = fe_set_vring_fd(&p->dev.fe, FE_SET_VRING_ERR, 1, -1);
	return rc != 0 ? rc : traffic(p);
}

/* One letter of an order: Num, Base, Addr, Call, Kick, Enable. */
static int
step(struct fe_dev *d, unsigned int ring, char letter)
{
	switch (letter) {
	case 'N':
		return fe_set_vring(&d->fe, FE_SET_VRING_NUM, ring, d->cfg.size);
	case 'B':
		return fe_set_vring(&d->fe, FE_SET_VRING_BASE, ring, 0);
	case 'A':
		return fe_set_vring_addr(&d->fe, ring, &d->ring[ring], false);
	case 'C':
		return fe_set_vring_fd(&d->fe, FE_SET_VRING_CALL, ring, d->call[ring]);
	case 'K':
		return fe_set_vring_fd(&d->fe, FE_SET_VRING_KICK, ring, d->kick[ring]);
	default:
		return fe_set_vring(&d->fe, FE_SET_VRING_ENABLE, ring, 1);
	}
}

static int
in_order(struct pass *p, const char *order)
{
	struct fe_dev_cfg cfg = pass_cfg();
	int rc = negotiated(p, &cfg);

	if (rc == 0)
		rc = fe_set_u64(&p->dev.fe, FE_SET_FEATURES, p->dev.fe.features);
	if (rc == 0)
		rc = fe_set_mem_table(&p->dev.fe, &p->dev.mem, 0);
	for (unsigned int ring = 0; ring < 2; ring++)
		for (const char *l = order; rc == 0 && *l != '\0'; l++)
			rc = step(&p->dev, ring, *l);
	if (rc == 0)
		rc = pass_prepare(p);
	return rc != 0 ? rc : traffic(p);
}

static int
orders(struct pass *p)
{
	static const char *const all[] = { "ENBACK", "ABNCKE", "BANCEK", "NABKCE", "CNBAEK", "NBAKEC" };
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		rc = in_order(p, all[i]);
		why = rc != 0 ? all[i] : NULL;
		if (rc == 0 && i + 1 < sizeof(all) / sizeof(all[0]))
			pass_close(p);
	}
	return rc;
}

static int
no_protocol(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();

	cfg.no_protocol = true;
	return with(p, &cfg);
}

static int
features_again(struct pass *p)
{
	int rc = plain(p);

	for (unsigned int i = 0; rc == 0 && i < 20; i++) {
		pass_send(p);
		rc = fe_set_u64(&p->dev.fe, FE_SET_FEATURES, p->dev.fe.features);
		pass_poll(p);
	}
	if (rc == 0)
		rc = expect(pass_drain(p, 1000) == 0, "frames lost");
	return rc != 0 ? rc : traffic(p);
}

/* V16 */
static int
base_of_unused(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();
	uint32_t base = 1;
	int rc = negotiated(p, &cfg);

	for (unsigned int i = 0; rc == 0 && i < 2; i++) {
		rc = fe_get_vring_base(&p->dev.fe, i, &base);
		if (rc == 0)
			rc = expect(base == 0, "base of a ring that never ran is not 0");
	}
	if (rc == 0)
		rc = fe_dev_start(&p->dev);
	if (rc == 0)
		rc = pass_prepare(p);
	return rc != 0 ? rc : traffic(p);
}

static int
stop_and_go(struct pass *p, bool disable)
{
	int rc = plain(p);

	if (rc == 0 && disable)
		rc = fe_dev_enable(&p->dev, false);
	for (unsigned int i = 0; rc == 0 && i < 2; i++) {
		uint32_t base;

		rc = fe_get_vring_base(&p->dev.fe, i, &base);
		if (rc == 0)
			rc = expect(base == p->dev.ring[i].next_used, "base is not the driver's position");
	}
	if (rc == 0)
		rc = fe_dev_start(&p->dev);
	return rc != 0 ? rc : traffic(p);
}

/* V17: both ways to stop. */
static int
stops(struct pass *p)
{
	int rc = stop_and_go(p, true);

	if (rc != 0)
		return rc;
	pass_close(p);
	return stop_and_go(p, false);
}

static int
unused_pairs(struct pass *p)
{
	int rc = plain(p);

	for (unsigned int i = 2; rc == 0 && i < 8; i++)
		rc = fe_set_vring(&p->dev.fe, FE_SET_VRING_ENABLE, i, 0);
	return rc != 0 ? rc : traffic(p);
}

static int
regions(struct pass *p)
{
	struct fe_dev_cfg cfg = pass_cfg();
	int rc;

	cfg.regions = 8;
	rc = with(p, &cfg);
	if (rc != 0)
		return rc;
	rc = pass_clean(p) ? 0 : -EFAULT;
	pass_close(p);
	cfg.kind = FE_MEM_ONE_FILE;
	return rc != 0 ? rc : with(p, &cfg);
}

static int
table_again(struct pass *p)
{
	int rc = plain(p);

	for (unsigned int i = 0; rc == 0 && i < 20; i++) {
		pass_send(p);
		rc = fe_set_mem_table(&p->dev.fe, &p->dev.mem, 0);
		pass_poll(p);
	}
	if (rc == 0)
		rc = expect(pass_drain(p, 1000) == 0, "frames lost");
	return rc != 0 ? rc : traffic(p);
}

/* V58: fe_get_vring_base always sends such bytes. */
static int
arbitrary_num(struct pass *p)
{
	struct fe_vring_state s = { 1, 0xffffffff };
	struct fe_msg msg;
	int rc = plain(p);

	if (rc == 0)
		rc = fe_ask(&p->dev.fe, FE_GET_VRING_BASE, 0, &s, sizeof(s), sizeof(s), &msg);
	return rc != 0 ? rc : expect(msg.state.index == 1 && msg.state.num == p->dev.ring[1].next_used,
				     "wrong base");
}

/* V59: QEMU's order enables before SET_FEATURES; then again with the size as value. */
static int
enable_size(struct pass *p)
{
	int rc = plain(p);

	for (unsigned int i = 0; rc == 0 && i < 2; i++)
		rc = fe_set_vring(&p->dev.fe, FE_SET_VRING_ENABLE, i, p->dev.cfg.size);
	return rc != 0 ? rc : traffic(p);
}

/* V61 */
static int
always_need_reply(struct pass *p)
{
	struct fe_vring_state s = { 0, 0 };
	struct fe_msg msg;
	int rc = plain(p);

	if (rc == 0)
		rc = fe_ask(&p->dev.fe, FE_GET_FEATURES, FE_NEED_REPLY, NULL, 0, 8, &msg);
	if (rc == 0)
		rc = fe_ask(&p->dev.fe, FE_GET_PROTOCOL_FEATURES, FE_NEED_REPLY, NULL, 0, 8, &msg);
	if (rc == 0)
		rc = fe_ask(&p->dev.fe, FE_GET_QUEUE_NUM, FE_NEED_REPLY, NULL, 0, 8, &msg);
	if (rc == 0)
		rc = traffic(p);
	if (rc == 0)
		rc = fe_ask(&p->dev.fe, FE_GET_VRING_BASE, FE_NEED_REPLY, &s, sizeof(s), sizeof(s), &msg);
	return rc;
}

static const struct row {
	const char *name;
	int (*run)(struct pass *p);
} rows[] = {
	{ "V01", cut },
	{ "V02", together },
	{ "V03", long_table },
	{ "V05", no_call },
	{ "V06", no_kick },
	{ "V07", early_call },
	{ "V08", change_call },
	{ "V09", err_fd },
	{ "V10", orders },
	{ "V11", no_protocol },
	{ "V12", features_again },
	{ "V16", base_of_unused },
	{ "V17", stops },
	{ "V18", unused_pairs },
	{ "V19", regions },
	{ "V23", table_again },
	{ "V58", arbitrary_num },
	{ "V59", enable_size },
	{ "V61", always_need_reply },
};

static bool
run_row(const struct row *r)
{
	static struct pass p;
	int rc;

	why = NULL;
	rc = r->run(&p);
	if (rc == 0)
		rc = expect(fe_quiet(&p.dev.fe, 20), "a reply that nobody asked for");
	if (rc == 0)
		rc = expect(pass_clean(&p), "memory, rings or frames damaged");
	if (rc == 0)
		printf("ok %s\n", r->name);
	else
		printf("FAIL %s: %d (%s)%s%s\n", r->name, rc, rc < 0 ? strerror(-rc) : "refused", why ? ": " : "",
		       why ? why : "");
	fflush(stdout);
	pass_close(&p);
	return rc == 0;
}

int
main(int argc, char **argv)
{
	bool good = true, found = false;

	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			puts(rows[i].name);
		return 0;
	}
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: honest <socket> [row] | honest list\n");
		return 2;
	}
	socket_path = argv[1];
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (argc == 3 && strcmp(argv[2], rows[i].name) != 0)
			continue;
		found = true;
		good = run_row(&rows[i]) && good;
	}
	return good && found ? 0 : 1;
}
