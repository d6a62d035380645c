/* AVX-512: 16 values at a time, extremes and bins in one pass; zeros are squeezed out
 * by the compress instruction. */
#include <immintrin.h>
#include <math.h>

#include "kernels/f32_observe/f32_observe.h"

enum { HALF = 16, GROUP = 2 * HALF };

/* The scale in vectors; plain: in one step, where no value is below zero and none cut.
 */
struct parts {
    __m512 cut, boost, negative, lower, upper, plain;
    __m512i lower_base, upper_base;
};

static inline __mmask16 first(size_t n)
{
    return (__mmask16)(n < 16 ? (1U << n) - 1U : 0xFFFFU);
}

/* Of ordinals; of values without a sign they are the bits. */
struct seen {
    __m512i low, high;
};

static inline struct seen see_nothing(void)
{
    return (struct seen){_mm512_set1_epi32(INT32_MAX), _mm512_set1_epi32(INT32_MIN)};
}

static inline void see(struct seen *seen, __m512i ordinal, __mmask16 there)
{
    seen->low = _mm512_mask_min_epi32(seen->low, there, seen->low, ordinal);
    seen->high = _mm512_mask_max_epi32(seen->high, there, seen->high, ordinal);
}

static inline __m512i ordinal_of(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    return _mm512_ternarylogic_epi32(/* bits ^ (sign & mask) */
                                     bits, _mm512_srai_epi32(bits, 31),
                                     _mm512_set1_epi32(0x7FFFFFFF), 0x78);
}

/* Indexes but those of zeros among the values x; returns how many. */
static inline size_t squeeze_zeros(uint16_t *out, __m512i index, __m512 x)
{
    const __mmask16 used = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    if (used != 0xFFFF) index = _mm512_maskz_compress_epi32(used, index);
    _mm256_storeu_si256((__m256i *)(void *)out, _mm512_cvtepi32_epi16(index));
    return (size_t)_mm_popcnt_u32(used);
}

/* The bins of 16 values but zeros, each with its part's base; returns how many. */
static inline size_t make_indexes(uint16_t *out, const struct parts *p, __m512 x)
{
    const __mmask16 below = _mm512_movepi32_mask(_mm512_castps_si512(x));
    const __mmask16 above = _mm512_cmp_ps_mask(x, p->cut, _CMP_GE_OQ);
    __m512 factor = _mm512_mask_blend_ps(below, p->lower, p->negative);
    __m512i base = _mm512_maskz_mov_epi32((__mmask16)~below, p->lower_base);
    factor = _mm512_mask_blend_ps(above, factor, p->upper);
    base = _mm512_mask_blend_epi32(above, base, p->upper_base);
    const __m512i bin = _mm512_cvttps_epi32(
        _mm512_mul_ps(_mm512_mul_ps(_mm512_abs_ps(x), factor), p->boost));
    return squeeze_zeros(out, _mm512_add_epi32(bin, base), x);
}

static inline size_t make_any(uint16_t *out, const struct parts *p, struct seen *seen,
                              const float *x)
{
    size_t m = 0;
    for (int i = 0; i < GROUP; i += HALF) {
        const __m512 v = _mm512_loadu_ps(x + i);
        see(seen, ordinal_of(v), 0xFFFF);
        m += make_indexes(out + m, p, v);
    }
    return m;
}

static inline size_t make_plain(uint16_t *out, const struct parts *p, struct seen *seen,
                                const float *x)
{
    size_t m = 0;
    for (int i = 0; i < GROUP; i += HALF) {
        const __m512 v = _mm512_loadu_ps(x + i);
        const __m512i bin = _mm512_cvttps_epi32(_mm512_mul_ps(v, p->plain));
        see(seen, _mm512_castps_si512(v), 0xFFFF);
        m += squeeze_zeros(out + m, _mm512_add_epi32(bin, p->lower_base), v);
    }
    return m;
}

static inline struct tare_observe_extremes extremes_of(const struct seen *seen,
                                                       const float *x, size_t n,
                                                       bool plain, bool has_zeros,
                                                       int32_t low)
{
    (void)x, (void)n, (void)plain, (void)has_zeros, (void)low;
    return (struct tare_observe_extremes){.low = _mm512_reduce_min_epi32(seen->low),
                                          .high = _mm512_reduce_max_epi32(seen->high)};
}

#include "kernels/f32_observe/f32_observe_turns.h"

static struct parts parts_of(const struct tare_observe_scale *scale)
{
    return (struct parts){
        .cut = _mm512_set1_ps(scale->cut),
        .boost = _mm512_set1_ps(scale->boost),
        .negative = _mm512_set1_ps(scale->factor[TARE_OBSERVE_NEGATIVE]),
        .lower = _mm512_set1_ps(scale->factor[TARE_OBSERVE_LOWER]),
        .upper = _mm512_set1_ps(scale->factor[TARE_OBSERVE_UPPER]),
        .plain = _mm512_set1_ps(scale->factor[TARE_OBSERVE_LOWER] * scale->boost),
        .lower_base = _mm512_set1_epi32(TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS),
        .upper_base = _mm512_set1_epi32(TARE_OBSERVE_UPPER * TARE_OBSERVE_BINS),
    };
}

static bool observe_block(const float *x, size_t n,
                          const struct tare_observe_scale *scale, uint32_t *counts,
                          struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    const struct parts p = parts_of(scale);
    struct seen seen = see_nothing();
    uint16_t indexes[TARE_OBSERVE_BLOCK + TALLY_SLACK];
    size_t m = 0;
    for (size_t i = 0; i < n; i += HALF) {
        const __m512 v = _mm512_maskz_loadu_ps(first(n - i), x + i);
        see(&seen, ordinal_of(v), first(n - i));
        m += make_indexes(indexes + m, &p, v);
    }
    *extremes = extremes_of(&seen, x, n, false, m < n, 0);
    if (extremes->low < scale->low || extremes->high > scale->high) return false;
    *n_zeros = n - m;
    tally(indexes, m, counts);
    return true;
}

size_t tare_f32_observe__avx512_u32(const float *x, size_t n,
                                    const struct tare_observe_scale *scale,
                                    uint32_t *counts,
                                    struct tare_observe_extremes *extremes,
                                    size_t *n_zeros)
{
    const struct parts p = parts_of(scale);
    return observe_in_turns(observe_block, x, n, &p, scale, is_plain(scale), counts,
                            extremes, n_zeros);
}
