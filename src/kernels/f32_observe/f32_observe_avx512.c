/* AVX-512: 16 values at a time; zeros are squeezed out by the compress instruction. */
#include <immintrin.h>

#include "kernels/f32_observe/f32_observe.h"
#include "kernels/f32_observe/f32_observe_tally.h"

static inline __mmask16 first(size_t n)
{
    return (__mmask16)(n < 16 ? (1U << n) - 1U : 0xFFFFU);
}

struct extremes {
    __m512i low, high;
};

static inline void look(struct extremes *e, __m512 x, __mmask16 there)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i ordinal =
        _mm512_ternarylogic_epi32(/* bits ^ (sign & mask) */
                                  bits, _mm512_srai_epi32(bits, 31),
                                  _mm512_set1_epi32(0x7FFFFFFF), 0x78);
    e->low = _mm512_mask_min_epi32(e->low, there, e->low, ordinal);
    e->high = _mm512_mask_max_epi32(e->high, there, e->high, ordinal);
}

static void find_extremes(const float *x, size_t n,
                          struct tare_observe_extremes *extremes)
{
    const size_t whole = n / 16 * 16;
    struct extremes e = {_mm512_set1_epi32(INT32_MAX), _mm512_set1_epi32(INT32_MIN)};
    for (size_t i = 0; i < whole; i += 16)
        look(&e, _mm512_loadu_ps(x + i), 0xFFFF);
    if (whole < n)
        look(&e, _mm512_maskz_loadu_ps(first(n - whole), x + whole), first(n - whole));
    extremes->low = _mm512_reduce_min_epi32(e.low);
    extremes->high = _mm512_reduce_max_epi32(e.high);
}

/* The scale in vectors. */
struct parts {
    __m512 cut, boost, negative, lower, upper;
    __m512i lower_base, upper_base;
    bool is_cut; /* there are values in the upper part */
};

/* The bins of 16 values but zeros, each with its part's base; returns how many. */
static inline size_t make_indexes(uint16_t *out, const struct parts *p, __m512 x)
{
    const __m512 a = _mm512_abs_ps(x);
    const __mmask16 below = _mm512_movepi32_mask(_mm512_castps_si512(x));
    __m512 factor = _mm512_mask_blend_ps(below, p->lower, p->negative);
    __m512i base = _mm512_maskz_mov_epi32((__mmask16)~below, p->lower_base);
    if (p->is_cut) {
        const __mmask16 above = _mm512_cmp_ps_mask(x, p->cut, _CMP_GE_OQ);
        factor = _mm512_mask_blend_ps(above, factor, p->upper);
        base = _mm512_mask_blend_epi32(above, base, p->upper_base);
    }
    const __m512i bin =
        _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_mul_ps(a, factor), p->boost));
    __m512i index = _mm512_add_epi32(bin, base);
    const __mmask16 used = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    if (used != 0xFFFF) index = _mm512_maskz_compress_epi32(used, index);
    _mm256_storeu_si256((__m256i *)(void *)out, _mm512_cvtepi32_epi16(index));
    return (size_t)_mm_popcnt_u32(used);
}

bool tare_f32_observe__avx512_u16(const float *x, size_t n,
                                  const struct tare_observe_scale *scale,
                                  uint32_t *counts,
                                  struct tare_observe_extremes *extremes,
                                  size_t *n_zeros)
{
    find_extremes(x, n, extremes);
    if (extremes->low < scale->low || extremes->high > scale->high) return false;
    const struct parts p = {
        .cut = _mm512_set1_ps(scale->cut),
        .boost = _mm512_set1_ps(scale->boost),
        .negative = _mm512_set1_ps(scale->factor[TARE_OBSERVE_NEGATIVE]),
        .lower = _mm512_set1_ps(scale->factor[TARE_OBSERVE_LOWER]),
        .upper = _mm512_set1_ps(scale->factor[TARE_OBSERVE_UPPER]),
        .lower_base = _mm512_set1_epi32(TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS),
        .upper_base = _mm512_set1_epi32(TARE_OBSERVE_UPPER * TARE_OBSERVE_BINS),
        .is_cut = extremes->high >=
                  _mm_cvtsi128_si32(_mm_castps_si128(_mm_set_ss(scale->cut))),
    };
    *n_zeros = n;
    for (size_t i = 0; i < n; i += TALLY_VALUES) {
        const size_t end = n - i < TALLY_VALUES ? n : i + TALLY_VALUES;
        uint16_t indexes[TALLY_VALUES + TALLY_SLACK];
        size_t k = i, m = 0;
        for (; k + 16 <= end; k += 16)
            m += make_indexes(indexes + m, &p, _mm512_loadu_ps(x + k));
        if (k < end)
            m += make_indexes(indexes + m, &p,
                              _mm512_maskz_loadu_ps(first(end - k), x + k));
        *n_zeros -= m;
        tally(indexes, m, counts);
    }
    return true;
}
