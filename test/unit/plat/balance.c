/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting what is open and mapped.
 * May touch: /proc/self. The test's thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "balance.h"

#define TRIES 5000

static unsigned int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 3; /* ".", "..", and the directory itself */
}

static unsigned int
count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4608], mode[8];
	unsigned int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %7s", mode) == 1 && strcmp(mode, "rw-s") == 0 && strstr(line, "[aio]") == NULL)
			n++;
	fclose(f);
	return n;
}

struct balance
balance_now(void)
{
	struct balance b = { .fds = count_fds(), .maps = count_maps() };

	return b;
}

void
balance_wait(struct balance want)
{
	struct balance b = balance_now();
	int i;

	for (i = 0; i < TRIES && (b.fds != want.fds || b.maps != want.maps); i++) {
		usleep(1000);
		b = balance_now();
	}
	assert_int_equal(b.fds, want.fds);
	assert_int_equal(b.maps, want.maps);
}

int
balance_memfd(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

bool
balance_reached(const uint32_t *flag, uint32_t want)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		if (__atomic_load_n(flag, __ATOMIC_ACQUIRE) >= want)
			return true;
		usleep(1000);
	}
	return false;
}
