/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A deliberately simple reading of the rules: one chain at a time, no fast path, no shared code with lib/ring/. First
 * the descriptors of the chain are listed, then the list is judged. spec: virtio-1.3 2.7, 2.8
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "rig.h"

enum verdict {
	EMPTY,   /* nothing available */
	REQUEST, /* `req` and `seg` are what fetch must append */
	REFUSED, /* code; leave it, -EAGAIN */
	BROKEN,  /* code */
};

struct opinion {
	enum verdict verdict;
	enum vh_violation code;
	struct vh_req req;  /* seg counts from 0 */
	struct vh_seg seg[VH_MAX_PIECES];
	uint32_t descs;     /* descriptors of the chain that had to be looked at, capped behind the budget */
	bool loop;          /* the code is CHAIN_LOOP by a descriptor met twice */
};

/**
 * Judge the chain at a position.
 * @param idx, wrap  position (split: free-running index)
 * @param room       requests that can be available at all from here: split: entries up to the index; packed: slots
 * @param budget     descriptors a chain may have
 */
void oracle_split(const struct rig *g, uint16_t idx, uint32_t room, uint32_t budget, enum vh_dir dir,
		struct opinion *o);
void oracle_packed(const struct rig *g, uint16_t idx, bool wrap, uint32_t room, uint32_t budget, enum vh_dir dir,
		struct opinion *o);

#endif /* ORACLE_H */
