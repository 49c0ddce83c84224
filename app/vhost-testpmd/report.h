/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the console prints. All of it runs on the console thread, which is a reader of the ports
 * (port.h): figures are collected first and printed after the device may go again, so a blocked
 * terminal cannot hold up the library's callbacks.
 */
#ifndef VTP_REPORT_H
#define VTP_REPORT_H

#include "port.h"

/** Call once, on the thread that will print. */
void report_setup(void);

/** Which librte_vhost is loaded, from where, and whether it is ours. */
void report_library(void);

void report_port_stats(struct port *p);
void report_vring_stats(const struct port *p);
void report_vhost_info(const struct port *p);

/** Clear a port's counters and those of its device's rings. */
void report_clear(const struct port *p);

/**
 * Violations that the library counted for one device.
 * @return 0, -1 if this library does not count them, -2 for a bad vid; said on standard output
 */
int report_violations(int vid);

/** The same for each connected device. */
int report_all_violations(void);

#endif /* VTP_REPORT_H */
