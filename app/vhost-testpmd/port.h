/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vhost ports: registration, the library's callbacks, and which device a port has right now.
 *
 * The callbacks run on the library's thread. Forwarding lcores and the console read the vid of a
 * port as readers of one RCU variable; destroy_device takes the vid away and returns only when
 * every reader has passed a quiescent point, so nobody uses a vid after destroy_device.
 */
#ifndef VTP_PORT_H
#define VTP_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_ether.h>

#include "options.h"

struct port {
	uint16_t id;
	bool registered;                 /* console thread only */
	char path[PATH_BYTES];
	uint64_t flags;                  /* registration flags */
	struct rte_ether_addr mac;       /* our own address, for mac mode */
	_Atomic int vid;                 /* running device, -1: none */
	_Atomic uint64_t features;       /* negotiated by the running device */
	_Atomic uint64_t guest_mac;      /* last source address seen, 0: none yet (mac mode) */
	_Atomic uint64_t connected;      /* devices started since the program began */
	_Atomic uint64_t notified;       /* times a guest was interrupted */
} __rte_cache_aligned;

extern struct port ports[PORTS_MAX];
extern unsigned int nr_ports;

/**
 * Register and start all ports. On failure nothing stays registered.
 * @return 0, or -1 after a line on stderr that names the port and the step
 */
int ports_open(const struct options *o);

/** Unregister all ports; may run callbacks in the caller. @return 0, -1 if one was refused */
int ports_close(void);

/* Readers. id: the caller's lcore number. A reader is offline until it begins. */
void port_reader_register(unsigned int id);
void port_reader_begin(unsigned int id);
void port_reader_quiescent(unsigned int id);
void port_reader_end(unsigned int id);
void port_reader_unregister(unsigned int id);

/** Vid of the running device or -1; valid until the caller's next quiescent point. */
static inline int
port_vid(const struct port *p)
{
	return atomic_load_explicit(&p->vid, memory_order_acquire);
}

/**
 * Whether a ring of a running device may be polled. Turns the guest's kicks of that ring off when
 * it is asked for the first time after the ring came up. Readers only.
 */
bool port_ring_usable(int vid, uint16_t ring);

/** Whether the guest has this ring enabled; any thread. */
bool port_ring_enabled(int vid, uint16_t ring);

/** Guest RX rings in use: pairs 0..n-1; 0: none. Readers only. */
uint16_t port_receiving_pairs(int vid);

/** Port that a connected vid belongs to, NULL if the vid is not in use; any thread. */
struct port *port_of_vid(int vid);

#endif /* VTP_PORT_H */
