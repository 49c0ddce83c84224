/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The four lanes. A descriptor is one 16-byte load: on processors with AVX an aligned one is single-copy atomic, so
 * flags and the rest are of one instant (PACKED-1, ORDER-2); in a split ring the index was read before.
 * May touch: guest memory. The data thread inside the ring's door.
 */
#include "wide.h"

#include <rte_cpuflags.h>
#include <rte_vect.h>

/* sparse knows no vectors; clang checks the marker here all the same */
#if defined(__x86_64__) && !defined(__CHECKER__)

bool
vh_wide_usable(void)
{
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0 && rte_vect_get_max_simd_bitwidth() >= RTE_VECT_SIMD_256;
}

/** Constants in registers. */
struct lanes {
	__m256i gpa, size, hva, want, mask;
	__m256i seg;        /* seg numbers and nr_segs of the next four requests, as in struct vh_req */
	__m256i readable;   /* and nr_readable, nr_slots */
};

/** Four descriptors, and what becomes of them. */
struct four {
	__m256i addr, hi;
	__m256i len, hva;
};

static VH_AVX2 inline __m256i
all(uint64_t v)
{
	return _mm256_set1_epi64x((long long)v);
}

/* @param shift  of the flags in the upper half */
static VH_AVX2 inline struct lanes
begin(const struct vh_wide *w, unsigned int shift)
{
	uint64_t seg = w->first_seg | UINT64_C(1) << 16;
	struct lanes k VH_UNINIT;

	k.gpa = all(w->region->gpa);
	k.size = all(w->region->size);
	k.hva = all(vh_guest_addr(w->region->hva));
	k.want = all((uint64_t)w->want << shift);
	k.mask = all((uint64_t)w->mask << shift);
	k.seg = _mm256_slli_epi64(_mm256_add_epi64(all(seg), _mm256_setr_epi64x(0, 1, 2, 3)), 32);
	k.readable = all(w->readable | UINT64_C(1) << 32);
	return k;
}

static VH_AVX2 inline __m256i
two(vh_desc_vec low, vh_desc_vec high)
{
	return _mm256_set_m128i((__m128i)high, (__m128i)low);
}

/* Descriptors at four places. */
static VH_AVX2 inline struct four
load(const void __guest *a, const void __guest *b, const void __guest *c, const void __guest *d)
{
	__m256i ac = two(vh_guest_load_desc_vec(a), vh_guest_load_desc_vec(c));
	__m256i bd = two(vh_guest_load_desc_vec(b), vh_guest_load_desc_vec(d));
	struct four f VH_UNINIT;

	f.addr = _mm256_unpacklo_epi64(ac, bd);
	f.hi = _mm256_unpackhi_epi64(ac, bd);
	return f;
}

static VH_NOINLINE bool
one_in_ring(const struct vh_protect *p, const uint64_t hva[4], const uint64_t len[4])
{
	return vh_protect_hits(p, hva[0], len[0]) || vh_protect_hits(p, hva[1], len[1]) ||
		vh_protect_hits(p, hva[2], len[2]) || vh_protect_hits(p, hva[3], len[3]);
}

static VH_AVX2 inline bool
in_ring(const struct vh_protect *p, const struct four *f)
{
	__m256i above = _mm256_cmpgt_epi64(_mm256_add_epi64(f->hva, f->len), all(p->lo));
	__m256i below = _mm256_cmpgt_epi64(all(p->hi), f->hva);
	uint64_t hva[4] VH_UNINIT, len[4] VH_UNINIT;

	if (vh_likely(_mm256_testz_si256(above, below)))
		return false;
	_mm256_storeu_si256((__m256i *)hva, f->hva);
	_mm256_storeu_si256((__m256i *)len, f->len);
	return one_in_ring(p, hva, len);
}

/* All four in order? Fills len and hva. */
static VH_AVX2 inline bool
check(const struct lanes *k, struct four *f, const struct vh_protect *protect)
{
	__m256i off = _mm256_sub_epi64(f->addr, k->gpa);
	__m256i kind = _mm256_and_si256(_mm256_xor_si256(f->hi, k->want), k->mask);
	__m256i room, bad;

	f->len = _mm256_and_si256(f->hi, all(UINT32_MAX));
	/*
	 * As signed numbers off >= 0, size - len >= 0 and size - len - off >= 0: a region has less than 2^62 bytes, so
	 * the second cannot wrap, nor can the third where the first two hold. Empty: len - 1 is negative.
	 */
	room = _mm256_sub_epi64(k->size, f->len);
	bad = _mm256_or_si256(_mm256_or_si256(off, room), _mm256_sub_epi64(room, off));
	bad = _mm256_or_si256(bad, _mm256_sub_epi64(f->len, all(1)));
	bad = _mm256_or_si256(_mm256_and_si256(bad, all(UINT64_C(1) << 63)), kind);
	if (vh_unlikely(!_mm256_testz_si256(bad, bad)))
		return false;
	f->hva = _mm256_add_epi64(off, k->hva);
	return protect == NULL || !in_ring(protect, f);
}

/* {a0, b0}, {a1, b1}, {a2, b2}, {a3, b3} */
static VH_AVX2 inline void
store_pairs(void *to, __m256i a, __m256i b)
{
	__m256i even = _mm256_unpacklo_epi64(a, b), odd = _mm256_unpackhi_epi64(a, b);

	_mm256_storeu_si256(to, _mm256_permute2x128_si256(even, odd, 0x20));
	_mm256_storeu_si256((__m256i *)to + 1, _mm256_permute2x128_si256(even, odd, 0x31));
}

/* Segments and requests of four that passed; ids in the low 16 bits. */
static VH_AVX2 inline void
append(struct lanes *k, const struct four *f, __m256i ids, struct vh_seg *seg, struct vh_req *req)
{
	store_pairs(seg, f->hva, f->len);
	store_pairs(req, _mm256_or_si256(f->len, k->seg), _mm256_or_si256(_mm256_slli_epi64(ids, 16), k->readable));
	k->seg = _mm256_add_epi64(k->seg, all(UINT64_C(4) << 32));
}

VH_AVX2 unsigned int
vh_wide_packed(const struct vh_wide *w, const struct vh_packed_desc __guest *ring)
{
	struct lanes k = begin(w, 48);
	const __m256i id = all(0xffff);
	unsigned int i;

	for (i = 0; i + 4 <= w->n; i += 4) {
		struct four f = load(&ring[i], &ring[i + 1], &ring[i + 2], &ring[i + 3]);

		if (!check(&k, &f, w->protect))
			break;
		append(&k, &f, _mm256_and_si256(_mm256_srli_epi64(f.hi, 32), id), &w->seg[i], &w->req[i]);
	}
	return i;
}

VH_AVX2 unsigned int
vh_wide_split(const struct vh_wide *w, const struct vh_avail __guest *avail, uint16_t position,
		const struct vh_split_desc __guest *desc, uint16_t ring_mask)
{
	struct lanes k = begin(w, 32);
	unsigned int i;

	for (i = 0; i + 4 <= w->n; i += 4) {
		uint32_t at = position + i;
		uint64_t a = vh_guest_load16(&avail->ring[at & ring_mask]);
		uint64_t b = vh_guest_load16(&avail->ring[(at + 1) & ring_mask]);
		uint64_t c = vh_guest_load16(&avail->ring[(at + 2) & ring_mask]);
		uint64_t d = vh_guest_load16(&avail->ring[(at + 3) & ring_mask]);
		struct four f VH_UNINIT;

		/* ring_mask is all ones below the size */
		if (vh_unlikely((a | b | c | d) > ring_mask))
			break;
		f = load(&desc[a], &desc[b], &desc[c], &desc[d]);
		if (!check(&k, &f, w->protect))
			break;
		append(&k, &f, _mm256_setr_epi64x((long long)a, (long long)b, (long long)c, (long long)d), &w->seg[i],
			&w->req[i]);
	}
	return i;
}

#else

bool
vh_wide_usable(void)
{
	return false;
}

unsigned int
vh_wide_packed(const struct vh_wide *w, const struct vh_packed_desc __guest *ring)
{
	return 0;
}

unsigned int
vh_wide_split(const struct vh_wide *w, const struct vh_avail __guest *avail, uint16_t position,
		const struct vh_split_desc __guest *desc, uint16_t ring_mask)
{
	return 0;
}

#endif
