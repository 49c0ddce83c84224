/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split rings: what ring.h dispatches to. Same meaning, threads and results as the vh_ring_ functions.
 * May touch: guest memory. spec: virtio-1.3 2.7
 */
#ifndef VH_SPLIT_H
#define VH_SPLIT_H

#include "ring.h"

int vh_split_fetch(const struct vh_bind *b, unsigned int want, enum vh_dir dir) VH_MUST_USE;
void vh_split_publish(const struct vh_bind *b, unsigned int n);
bool vh_split_need_call(const struct vh_bind *b);
void vh_split_notify(const struct vh_bind *b, bool enable);
uint16_t vh_split_available(const struct vh_bind *b, bool from_used);
/** Adopt the used index of ring memory if it differs from last_used. @return true if it did */
bool vh_split_adopt(const struct vh_bind *b);
void vh_split_monitor(const struct vh_bind *b, struct vh_monitor *m);

#endif /* VH_SPLIT_H */
