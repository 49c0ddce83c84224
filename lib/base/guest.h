/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The only header that touches memory a peer can write while we look: guest RAM and rings.
 * Everything else holds `__guest` pointers it cannot dereference (clang and sparse check it).
 * May touch: guest memory. Any thread that holds a binding of the ring.
 * Every load is volatile or atomic and of its natural size: the compiler may not load twice (RING-1).
 * spec: virtio-1.3 2.7.13, 2.8
 */
#ifndef VH_GUEST_H
#define VH_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "le.h"
#include "res.h"
#include "virtio.h"

#if defined(__CHECKER__)
#define __guest __attribute__((noderef, address_space(1)))
#define VH_GUEST_FORCE __attribute__((force))
#elif defined(__clang__) && defined(VH_CHECK_GUEST)
#define __guest __attribute__((noderef, address_space(1)))
#define VH_GUEST_FORCE
#else
#define __guest
#define VH_GUEST_FORCE
#endif

/** A fresh mapping of ours becomes guest memory. Called by plat/map.c alone. */
static inline uint8_t __guest *
vh_guest_from_mapping(void *base)
{
	return (VH_GUEST_FORCE uint8_t __guest *)base;
}

/** The raw address, for the ABI's raw-pointer getters (api/export.c), munmap and address comparison. */
static inline uintptr_t
vh_guest_addr(const void __guest *p)
{
	return (uintptr_t)(VH_GUEST_FORCE const void *)p;
}

/** Pointer of any type into guest memory, `off` bytes behind base; the caller has proved the range. */
#define vh_guest_at(type, base, off) ((type __guest *)((uint8_t __guest *)(base) + (off)))

static VH_ALWAYS_INLINE uint16_t
vh_guest_load16(const le16_t __guest *p)
{
	return vh_le16_to_cpu(*(VH_GUEST_FORCE const volatile le16_t *)p);
}

/** Pairs with the driver's release store of an index or of packed flags (ORDER-1, ORDER-2, ORDER-8). */
static VH_ALWAYS_INLINE uint16_t
vh_guest_load16_acquire(const le16_t __guest *p)
{
	/* as a plain integer: sparse takes no other type for an atomic access */
	return vh_le16_to_cpu((VH_FORCE_LE le16_t)__atomic_load_n((VH_GUEST_FORCE const uint16_t *)p,
			__ATOMIC_ACQUIRE));
}

static VH_ALWAYS_INLINE void
vh_guest_store16(le16_t __guest *p, uint16_t v)
{
	*(VH_GUEST_FORCE volatile le16_t *)p = vh_cpu_to_le16(v);
}

/** Pairs with the driver's acquire load of the used index or packed flags (ORDER-3, ORDER-6, ORDER-9). */
static VH_ALWAYS_INLINE void
vh_guest_store16_release(le16_t __guest *p, uint16_t v)
{
	__atomic_store_n((VH_GUEST_FORCE uint16_t *)p, (VH_FORCE_LE uint16_t)vh_cpu_to_le16(v), __ATOMIC_RELEASE);
}

/** A descriptor taken over into private memory. `next` holds the packed ring's buffer id there. */
struct vh_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/** The 16 bytes of a descriptor by two 8-byte loads, each executed once; little-endian as found. */
struct vh_desc_words {
	uint64_t lo;
	uint64_t hi;
};

static VH_ALWAYS_INLINE struct vh_desc_words
vh_guest_load_desc(const void __guest *p)
{
	/* indirect tables need no alignment */
	typedef uint64_t VH_ALIGNED(1) word;
	const volatile word *w = (VH_GUEST_FORCE const volatile word *)p;
	struct vh_desc_words d = { .lo = w[0], .hi = w[1] };

	return d;
}

/**
 * A packed descriptor: the half with len, id and flags first, by one acquire load, then the address. So one load
 * decides "available" and nothing of the descriptor is older than it (PACKED-1, ORDER-2).
 */
static VH_ALWAYS_INLINE struct vh_desc_words
vh_guest_load_packed(const struct vh_packed_desc __guest *p)
{
	const uint64_t *w = (VH_GUEST_FORCE const uint64_t *)(VH_GUEST_FORCE const void *)p;
	struct vh_desc_words d;

	d.hi = __atomic_load_n(w + 1, __ATOMIC_ACQUIRE);
	d.lo = *(const volatile uint64_t *)w;
	return d;
}

/** The 16 bytes of a descriptor side by side. */
typedef uint64_t vh_desc_vec __attribute__((vector_size(16)));

/** By one 16-byte load, executed once; p is aligned to 16. Atomic on processors with AVX. */
static VH_ALWAYS_INLINE vh_desc_vec
vh_guest_load_desc_vec(const void __guest *p)
{
	return *(VH_GUEST_FORCE const volatile vh_desc_vec *)p;
}

/** {addr, len, flags, next} of a split descriptor. */
static VH_ALWAYS_INLINE struct vh_desc
vh_desc_from_split(struct vh_desc_words w)
{
	uint64_t hi = vh_le64_to_cpu((VH_FORCE_LE le64_t)w.hi);
	struct vh_desc d = {
		.addr = vh_le64_to_cpu((VH_FORCE_LE le64_t)w.lo),
		.len = (uint32_t)hi,
		.flags = (uint16_t)(hi >> 32),
		.next = (uint16_t)(hi >> 48),
	};

	return d;
}

/** {addr, len, flags, id as next} of a packed descriptor. */
static VH_ALWAYS_INLINE struct vh_desc
vh_desc_from_packed(struct vh_desc_words w)
{
	uint64_t hi = vh_le64_to_cpu((VH_FORCE_LE le64_t)w.hi);
	struct vh_desc d = {
		.addr = vh_le64_to_cpu((VH_FORCE_LE le64_t)w.lo),
		.len = (uint32_t)hi,
		.next = (uint16_t)(hi >> 32),
		.flags = (uint16_t)(hi >> 48),
	};

	return d;
}

/** One element of the used ring; elements lie on a multiple of 4, hence the type. */
static VH_ALWAYS_INLINE void
vh_guest_store_used(struct vh_used_elem __guest *p, uint32_t id, uint32_t len)
{
	typedef uint64_t VH_ALIGNED(4) word;
	uint64_t v = VH_SWAP_LE(64, id | (uint64_t)len << 32);

	*(VH_GUEST_FORCE volatile word *)(VH_GUEST_FORCE void *)p = v;
}

/** len, id and flags of a used packed descriptor in one release store (ORDER-6, ORDER-7). */
static VH_ALWAYS_INLINE void
vh_guest_store_packed(struct vh_packed_desc __guest *p, uint32_t len, uint16_t id, uint16_t flags)
{
	uint64_t v = VH_SWAP_LE(64, len | (uint64_t)id << 32 | (uint64_t)flags << 48);

	__atomic_store_n((VH_GUEST_FORCE uint64_t *)(VH_GUEST_FORCE void *)p + 1, v, __ATOMIC_RELEASE);
}

/** Keeps the compiler from reading guest memory again in place of a private copy (RING-1). */
static VH_ALWAYS_INLINE void
vh_guest_barrier(void)
{
	__asm__ __volatile__("" ::: "memory");
}

/** Copy len bytes out of guest memory; torn data is the driver's loss (RING-10). */
static VH_ALWAYS_INLINE void
vh_guest_copy_in(void *dst, const void __guest *src, size_t len)
{
	memcpy(dst, (VH_GUEST_FORCE const void *)src, len);
	vh_guest_barrier();
}

/** Copy len private bytes into guest memory. */
static VH_ALWAYS_INLINE void
vh_guest_copy_out(void __guest *dst, const void *src, size_t len)
{
	memcpy((VH_GUEST_FORCE void *)dst, src, len);
	vh_guest_barrier();
}

/*
 * Short copies in steps of 32 bytes, the last step overlapping the one before: nothing is touched outside of
 * [0, len), len >= 32. Bytes of the overlap are moved twice, which for payload means nothing (RING-10).
 */
static VH_ALWAYS_INLINE void
vh_copy_steps(uint8_t *to, const uint8_t *from, size_t len)
{
	size_t i;

	for (i = 0; i + 32 < len; i += 32) {
		__builtin_memcpy(to + i, from + i, 16);
		__builtin_memcpy(to + i + 16, from + i + 16, 16);
	}
	__builtin_memcpy(to + len - 32, from + len - 32, 16);
	__builtin_memcpy(to + len - 16, from + len - 16, 16);
}

/** Up to this many bytes the steps beat a call. */
#define VH_COPY_SHORT 256

/** Any length; payload only, by the two below. [to, to + len) and [from, from + len) do not overlap. */
void vh_copy_long(void *to, const void *from, size_t len);
/** Says whether 32-byte vectors may be used; any thread, at any time. */
void vh_copy_prefer_wide(bool usable);

/** vh_guest_copy_in() for payload: the size is not known, but often small. */
static VH_ALWAYS_INLINE void
vh_guest_copy_in_fast(void *dst, const void __guest *src, size_t len)
{
	if (vh_likely(len >= 32 && len <= VH_COPY_SHORT))
		vh_copy_steps(dst, (VH_GUEST_FORCE const uint8_t *)src, len);
	else
		vh_copy_long(dst, (VH_GUEST_FORCE const void *)src, len);
	vh_guest_barrier();
}

/** vh_guest_copy_out() for payload. */
static VH_ALWAYS_INLINE void
vh_guest_copy_out_fast(void __guest *dst, const void *src, size_t len)
{
	if (vh_likely(len >= 32 && len <= VH_COPY_SHORT))
		vh_copy_steps((VH_GUEST_FORCE uint8_t *)dst, src, len);
	else
		vh_copy_long((VH_GUEST_FORCE void *)dst, src, len);
	vh_guest_barrier();
}

static VH_ALWAYS_INLINE void
vh_guest_prefetch(const void __guest *p)
{
	__builtin_prefetch((VH_GUEST_FORCE const void *)p, 0, 3);
}

static VH_ALWAYS_INLINE void
vh_guest_prefetch_write(const void __guest *p)
{
	__builtin_prefetch((VH_GUEST_FORCE const void *)p, 1, 3);
}

/** Full fence between publishing and looking at the driver's event words, and the reverse (ORDER-4, ORDER-5). */
static VH_ALWAYS_INLINE void
vh_guest_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif /* VH_GUEST_H */
