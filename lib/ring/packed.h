/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings: what ring.h dispatches to. Same meaning, threads and results as the vh_ring_ functions.
 * May touch: guest memory. spec: virtio-1.3 2.8
 */
#ifndef VH_PACKED_H
#define VH_PACKED_H

#include "ring.h"

int vh_packed_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir) VH_MUST_USE;
void vh_packed_publish(const struct vh_bind *b, unsigned int n);
bool vh_packed_need_call(const struct vh_bind *b);
void vh_packed_notify(const struct vh_bind *b, bool enable);
uint16_t vh_packed_available(const struct vh_bind *b, bool from_used);
/**
 * After a start: a used position that is not at most `size` slots behind the available one becomes that (BASE-3: some
 * front-ends leave the used half empty).
 */
void vh_packed_settle(const struct vh_bind *b);
void vh_packed_monitor(const struct vh_bind *b, struct vh_monitor *m);

#endif /* VH_PACKED_H */
