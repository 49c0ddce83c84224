/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Result convention and function attributes.
 *
 * Inside lib/ a function returns 0 when all is fine, a negative errno when OUR side failed
 * (memory, retry, system call), a positive enum vh_violation when the PEER broke a rule.
 * May touch: its arguments only. Any thread.
 */
#ifndef VH_RES_H
#define VH_RES_H

#define VH_MUST_USE __attribute__((warn_unused_result))
#define VH_NONNULL __attribute__((nonnull))
#define VH_ALIGNED(n) __attribute__((aligned(n)))
#define VH_CACHE_LINE 64
#define VH_CACHE_ALIGNED VH_ALIGNED(VH_CACHE_LINE)
#define VH_ALWAYS_INLINE inline __attribute__((always_inline))
#define VH_NOINLINE __attribute__((noinline))
#define VH_COLD __attribute__((cold, noinline))
#define VH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
/* A big local that is written before it is read: spare it -ftrivial-auto-var-init. */
#define VH_UNINIT __attribute__((uninitialized))
/* gcc's -march=corei7 tunes for processors on which a 32-byte store is better split in two */
#ifdef __clang__
#define VH_AVX2 __attribute__((target("avx2")))
#else
#define VH_AVX2 __attribute__((target("avx2,tune=haswell")))
#endif
#define VH_API __attribute__((visibility("default")))

#define vh_likely(x) __builtin_expect(!!(x), 1)
#define vh_unlikely(x) __builtin_expect(!!(x), 0)

/* Clang's thread-safety analysis; other compilers ignore it. */
#if defined(__clang__) && !defined(__CHECKER__)
#define VH_THREAD_ATTR(x) __attribute__((x))
#else
#define VH_THREAD_ATTR(x)
#endif
#define VH_CAPABILITY(name) VH_THREAD_ATTR(capability(name))
#define VH_REQUIRES(...) VH_THREAD_ATTR(requires_capability(__VA_ARGS__))
#define VH_ACQUIRE(...) VH_THREAD_ATTR(acquire_capability(__VA_ARGS__))
#define VH_RELEASE(...) VH_THREAD_ATTR(release_capability(__VA_ARGS__))

#endif /* VH_RES_H */
