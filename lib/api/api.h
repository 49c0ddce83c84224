/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The public surface, as every file of api/ includes it: the headers of libdpdk-dev unchanged, the vDPA driver
 * interface that Debian does not install, and ours. The library is built with hidden visibility; what these headers
 * declare is the exception (librte_vhost_23.map lists it again, with its version nodes).
 * May touch: nothing. Any thread.
 */
#ifndef VH_API_H
#define VH_API_H

/* headers these pull in come first: their names are none of ours to export */
#include <rte_common.h>
#include <rte_compat.h>
#include <rte_dev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#pragma GCC visibility push(default)
#include <rte_vdpa.h>
#include <rte_vhost.h>
#include <rte_vhost_async.h>
#include <rte_vhost_crypto.h>

#include "hvhost.h"
#include "vdpa_abi.h"
#pragma GCC visibility pop

#endif /* VH_API_H */
