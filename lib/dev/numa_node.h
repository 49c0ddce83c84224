/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA node of host memory. May touch: system calls. Control threads.
 */
#ifndef VH_NUMA_NODE_H
#define VH_NUMA_NODE_H

#include "guest.h"

/** Node that holds p, or -1 where that cannot be told. On a machine with one node: 0, without asking. */
int vh_numa_node_of(const void __guest *p);

#endif /* VH_NUMA_NODE_H */
