/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian integers as they lie in rings and headers. sparse refuses their use without
 * conversion. May touch: its arguments only. Any thread.
 * spec: virtio-1.3 1.4
 */
#ifndef VH_LE_H
#define VH_LE_H

#include <stdint.h>

#include "res.h"

#ifdef __CHECKER__
#define VH_BITWISE __attribute__((bitwise))
#define VH_FORCE_LE __attribute__((force))
#else
#define VH_BITWISE
#define VH_FORCE_LE
#endif

typedef uint16_t VH_BITWISE le16_t;
typedef uint32_t VH_BITWISE le32_t;
typedef uint64_t VH_BITWISE le64_t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VH_SWAP_LE(bits, x) (x)
#else
#define VH_SWAP_LE(bits, x) __builtin_bswap##bits(x)
#endif

static VH_ALWAYS_INLINE uint16_t
vh_le16_to_cpu(le16_t x)
{
	return VH_SWAP_LE(16, (VH_FORCE_LE uint16_t)x);
}

static VH_ALWAYS_INLINE uint32_t
vh_le32_to_cpu(le32_t x)
{
	return VH_SWAP_LE(32, (VH_FORCE_LE uint32_t)x);
}

static VH_ALWAYS_INLINE uint64_t
vh_le64_to_cpu(le64_t x)
{
	return VH_SWAP_LE(64, (VH_FORCE_LE uint64_t)x);
}

static VH_ALWAYS_INLINE le16_t
vh_cpu_to_le16(uint16_t x)
{
	return (VH_FORCE_LE le16_t)VH_SWAP_LE(16, x);
}

static VH_ALWAYS_INLINE le32_t
vh_cpu_to_le32(uint32_t x)
{
	return (VH_FORCE_LE le32_t)VH_SWAP_LE(32, x);
}

static VH_ALWAYS_INLINE le64_t
vh_cpu_to_le64(uint64_t x)
{
	return (VH_FORCE_LE le64_t)VH_SWAP_LE(64, x);
}

#endif /* VH_LE_H */
