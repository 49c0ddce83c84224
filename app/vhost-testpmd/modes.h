/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forward modes.
 */
#ifndef VTP_MODES_H
#define VTP_MODES_H

#include "fwd.h"

struct fwd_mode {
	const char *name;
	/* one turn of one stream, on the stream's lcore; @return packets handled */
	uint16_t (*turn)(struct stream *s);
	bool makes_frames; /* needs stream_frames() */
};

/** NULL if there is no such mode. */
const struct fwd_mode *mode_by_name(const char *name);

/** A UDP frame of len bytes with valid checksums, addresses of the test network 198.18.0.0/15. */
void mode_fill_frame(struct rte_mbuf *m, uint16_t len);

#endif /* VTP_MODES_H */
