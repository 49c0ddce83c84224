/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies of whole frames: 32 bytes at a time where the processor can and EAL allows it. guest.h alone calls it, as it
 * would memcpy(): for payload, where torn or changed bytes mean nothing (RING-10).
 * May touch: its arguments. Any thread.
 */
#include "guest.h"

#include <stdbool.h>

#include <rte_memcpy.h>

/* one for the process: the same on all processors of the machine */
static bool wide;

void
vh_copy_prefer_wide(bool usable)
{
	__atomic_store_n(&wide, usable, __ATOMIC_RELAXED);
}

/* sparse knows no vectors */
#if defined(__x86_64__) && !defined(__CHECKER__)

#include <rte_vect.h>

static VH_AVX2 inline void
move(uint8_t *to, const uint8_t *from)
{
	_mm256_storeu_si256((__m256i *)(void *)to, _mm256_loadu_si256((const __m256i *)(const void *)from));
}

/* len >= 32. Stores are aligned, as one over the end of a line costs more than such a load. */
static VH_AVX2 void
copy_wide(uint8_t *to, const uint8_t *from, size_t len)
{
	const size_t skip = -(uintptr_t)to % 32;
	uint8_t *const last = to + len - 32;
	const uint8_t *const from_last = from + len - 32;

	if (skip != 0) {
		move(to, from);
		to += skip;
		from += skip;
	}
	for (; last - to >= 96; to += 128, from += 128) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)from);
		__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(from + 32));
		__m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(from + 64));
		__m256i d = _mm256_loadu_si256((const __m256i *)(const void *)(from + 96));

		_mm256_store_si256((__m256i *)(void *)to, a);
		_mm256_store_si256((__m256i *)(void *)(to + 32), b);
		_mm256_store_si256((__m256i *)(void *)(to + 64), c);
		_mm256_store_si256((__m256i *)(void *)(to + 96), d);
	}
	for (; to < last; to += 32, from += 32)
		move(to, from);
	/* overlaps what is there */
	move(last, from_last);
}

void
vh_copy_long(void *to, const void *from, size_t len)
{
	if (__atomic_load_n(&wide, __ATOMIC_RELAXED) && len > VH_COPY_SHORT)
		copy_wide(to, from, len);
	else
		rte_memcpy(to, from, len);
}

#else

void
vh_copy_long(void *to, const void *from, size_t len)
{
	rte_memcpy(to, from, len);
}

#endif
