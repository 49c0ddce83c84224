/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a test must give back: open file descriptors, and shared file mappings.
 * May touch: /proc/self. The test's thread.
 */
#ifndef BALANCE_H
#define BALANCE_H

#include <stdbool.h>
#include <stdint.h>

struct balance {
	unsigned int fds;
	unsigned int maps; /* lines of /proc/self/maps whose mapping is shared and writable */
};

struct balance balance_now(void);
/** Wait up to 5 s, as closing and unmapping happen on workers. Fails the running test if it never comes. */
void balance_wait(struct balance want);
/** A memfd of so many bytes. */
int balance_memfd(uint64_t size);
/** Wait up to 5 s for *flag (atomic) to be at least want. @return false if it never was */
bool balance_reached(const uint32_t *flag, uint32_t want);

#endif /* BALANCE_H */
