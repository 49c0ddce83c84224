/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA node of host memory through libnuma's system-call wrapper.
 * May touch: system calls. Control threads.
 */
#include "numa_node.h"

#include <numa.h>
#include <numaif.h>

int
vh_numa_node_of(const void __guest *p)
{
	int node = -1;

	if (numa_available() < 0)
		return -1;
	if (numa_max_node() == 0)
		return 0;
	/* vh_guest_addr: the kernel looks at the page tables, nothing is read */
	if (get_mempolicy(&node, NULL, 0, (void *)vh_guest_addr(p), MPOL_F_NODE | MPOL_F_ADDR) < 0)
		return -1;
	return node;
}
