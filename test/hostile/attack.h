/* SPDX-License-Identifier: BSD-3-Clause */
/* What the attacks of the hostile client share. */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>

#include "pass.h"

/** How one attack went, as seen by the attacker. */
struct outcome {
	double closed_ms;   /* from the start of the attack to the close by the back-end; < 0: not closed */
	bool refused;       /* a message was refused */
	bool err_signalled; /* a ring error fd became readable */
	const char *note;
};

struct attack {
	const char *name;
	const char *row; /* of the attack catalogue */
	/* @return 0 when carried out; else the case says nothing. arg: the one below */
	int (*run)(const char *path, int hold_ms, struct outcome *o, const void *arg);
	const void *arg;
};

extern const struct attack wire_attacks[], fd_attacks[], memory_attacks[], ring_attacks[];

/** Keep the connection and read nothing: until the back-end closes it, or hold_ms are over. */
void hold(struct fe *fe, int hold_ms, struct outcome *o);
/** The same, watching the error fds of a device. */
void hold_device(struct fe_dev *dev, int hold_ms, struct outcome *o);

#endif /* ATTACK_H */
