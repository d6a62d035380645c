/* AVX-512 with VBMI2: 32 values at a time, squeezed as 16-bit indexes. */
#include <immintrin.h>
#include <math.h>

#include "kernels/f32_observe/f32_observe.h"

enum { GROUP = 32 };

/* Of the bits of floats. Among those without a sign the order of integers is that of
 * the values, among those with one it is the reverse. */
struct seen {
    __m512i outermost; /* as unsigned integers: the least value if one is below 0 */
    __m512i greatest;  /* as signed ones */
};

/* What values above zero and those below are multiplied by, and the former's base. */
struct parts {
    __m512 above, below;
    __m512i base;
};

static inline struct seen see_nothing(void)
{
    return (struct seen){_mm512_setzero_si512(), _mm512_set1_epi32(INT32_MIN)};
}

/* The low halves of a and b. */
static inline __m512i pack(__m512i a, __m512i b)
{
    const __m512i order =
        _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32,
                         30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutex2var_epi16(a, order, b);
}

/* Those whose bits are set; returns how many. */
static inline size_t squeeze(uint16_t *out, __m512i index, __mmask32 used)
{
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi16(used, index));
    return (size_t)_mm_popcnt_u32(used);
}

/* Bins of values that have no sign. */
static inline size_t make_plain(uint16_t *out, const struct parts *p, struct seen *seen,
                                const float *x)
{
    const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
    const __m512i a_bits = _mm512_castps_si512(a), b_bits = _mm512_castps_si512(b);
    seen->outermost =
        _mm512_max_epu32(seen->outermost, _mm512_max_epu32(a_bits, b_bits));
    const __m512i a_bin = _mm512_cvttps_epi32(_mm512_mul_ps(a, p->above));
    const __m512i b_bin = _mm512_cvttps_epi32(_mm512_mul_ps(b, p->above));
    const __mmask32 used = _mm512_kunpackw(_mm512_test_epi32_mask(b_bits, b_bits),
                                           _mm512_test_epi32_mask(a_bits, a_bits));
    return squeeze(out, _mm512_add_epi16(pack(a_bin, b_bin), p->base), used);
}

static inline __m512i bins_of(const struct parts *p, __m512 x)
{
    const __mmask16 is_below = _mm512_movepi32_mask(_mm512_castps_si512(x));
    return _mm512_cvttps_epi32(
        _mm512_mul_ps(x, _mm512_mask_blend_ps(is_below, p->above, p->below)));
}

/* None is cut. */
static inline size_t make_any(uint16_t *out, const struct parts *p, struct seen *seen,
                              const float *x)
{
    const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
    const __m512i a_bits = _mm512_castps_si512(a), b_bits = _mm512_castps_si512(b);
    seen->outermost =
        _mm512_max_epu32(seen->outermost, _mm512_max_epu32(a_bits, b_bits));
    seen->greatest = _mm512_max_epi32(seen->greatest, _mm512_max_epi32(a_bits, b_bits));
    const __m512 zero = _mm512_setzero_ps();
    const __mmask32 used = _mm512_kunpackw(_mm512_cmp_ps_mask(b, zero, _CMP_NEQ_UQ),
                                           _mm512_cmp_ps_mask(a, zero, _CMP_NEQ_UQ));
    const __mmask32 is_below =
        _mm512_kunpackw(_mm512_movepi32_mask(b_bits), _mm512_movepi32_mask(a_bits));
    const __m512i bin = pack(bins_of(p, a), bins_of(p, b));
    return squeeze(out, _mm512_mask_add_epi16(bin, ~is_below, bin, p->base), used);
}

static int32_t ordinal(uint32_t bits)
{
    return (int32_t)(bits ^ ((0U - (bits >> 31)) >> 1));
}

/* Of n values, a multiple of GROUP, one by one: what their bits do not tell at once. */
static struct tare_observe_extremes look(const float *x, size_t n)
{
    __m512i low = _mm512_set1_epi32(INT32_MAX), high = _mm512_set1_epi32(INT32_MIN);
    for (size_t i = 0; i < n; i += 16) {
        const __m512i bits = _mm512_loadu_si512(x + i);
        const __m512i below = _mm512_srli_epi32(_mm512_srai_epi32(bits, 31), 1);
        low = _mm512_min_epi32(low, _mm512_xor_si512(bits, below));
        high = _mm512_max_epi32(high, _mm512_xor_si512(bits, below));
    }
    return (struct tare_observe_extremes){_mm512_reduce_min_epi32(low),
                                          _mm512_reduce_max_epi32(high)};
}

static inline struct tare_observe_extremes extremes_of(const struct seen *seen,
                                                       const float *x, size_t n,
                                                       bool plain, bool has_zeros,
                                                       int32_t low)
{
    const uint32_t outermost = _mm512_reduce_max_epu32(seen->outermost);
    const bool none_below = outermost <= INT32_MAX;
    if (plain && !none_below) return (struct tare_observe_extremes){INT32_MIN, 0};
    const int32_t greatest =
        plain ? (int32_t)outermost : _mm512_reduce_max_epi32(seen->greatest);
    if (greatest < 0 || (none_below && !has_zeros && low > 0)) return look(x, n);
    return (struct tare_observe_extremes){none_below ? 0 : ordinal(outermost),
                                          greatest};
}

#include "kernels/f32_observe/f32_observe_turns.h"

static bool observe_block(const float *x, size_t n,
                          const struct tare_observe_scale *scale, uint32_t *counts,
                          struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    *extremes = (struct tare_observe_extremes){INT32_MAX, INT32_MIN};
    *n_zeros = 0;
    return tare_f32_observe__avx512_u32(x, n, scale, counts, extremes, n_zeros) == n;
}

size_t tare_f32_observe__vnni_u32(const float *x, size_t n,
                                  const struct tare_observe_scale *scale,
                                  uint32_t *counts,
                                  struct tare_observe_extremes *extremes,
                                  size_t *n_zeros)
{
    const float above = scale->factor[TARE_OBSERVE_LOWER] * scale->boost;
    const float below = scale->factor[TARE_OBSERVE_NEGATIVE] * scale->boost;
    const bool plain = is_plain(scale); /* else `below` is needed, and finite */
    if (!plain && (!isinf(scale->cut) || isinf(above) || isinf(below)))
        return tare_f32_observe__avx512_u32(x, n, scale, counts, extremes, n_zeros);
    const struct parts p = {
        .above = _mm512_set1_ps(above),
        .below = _mm512_set1_ps(-below),
        .base = _mm512_set1_epi16(TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS),
    };
    return observe_in_turns(observe_block, x, n, &p, scale, plain, counts, extremes,
                            n_zeros);
}
