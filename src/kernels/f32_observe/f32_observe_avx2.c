/* AVX2: 8 values at a time; zeros, which come in runs, are squeezed out by hand. */
#include <immintrin.h>

#include "kernels/f32_observe/f32_observe.h"
#include "kernels/f32_observe/f32_observe_tally.h"

static inline int32_t least(__m256i v)
{
    __m128i m =
        _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0x4E));
    return _mm_cvtsi128_si32(_mm_min_epi32(m, _mm_shuffle_epi32(m, 0xB1)));
}

static void find_extremes(const float *x, size_t n,
                          struct tare_observe_extremes *extremes)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    const __m256i ones = _mm256_set1_epi32(-1);
    __m256i low = _mm256_set1_epi32(INT32_MAX);
    __m256i high = low; /* of ~x, which turns the order round */
    for (size_t i = 0; i < n; i += 8) {
        const __m256i bits = _mm256_castps_si256(_mm256_loadu_ps(x + i));
        const __m256i sign = _mm256_srai_epi32(bits, 31);
        const __m256i ordinal =
            _mm256_xor_si256(bits, _mm256_and_si256(sign, magnitude));
        low = _mm256_min_epi32(low, ordinal);
        high = _mm256_min_epi32(high, _mm256_xor_si256(ordinal, ones));
    }
    extremes->low = least(low);
    extremes->high = ~least(high);
}

/* The indexes whose bits are set in `used`; returns how many. */
static inline size_t squeeze(uint16_t *out, __m256i index, int used)
{
    const __m128i narrow = _mm_packus_epi32(_mm256_castsi256_si128(index),
                                            _mm256_extracti128_si256(index, 1));
    _mm_storeu_si128((__m128i *)(void *)out, narrow);
    if (used == 0xFF) return 8;
    uint16_t all[8];
    size_t n = 0;
    _mm_storeu_si128((__m128i *)(void *)all, narrow);
    for (int i = 0; i < 8 && used; i++) {
        out[n] = all[i];
        n += (size_t)(used >> i & 1);
    }
    return n;
}

/* The scale in vectors. */
struct parts {
    __m256 cut, boost, negative, lower, upper;
};

/* The bins of 8 values but zeros, each with its part's base; returns how many. */
static inline size_t make_indexes(uint16_t *out, const struct parts *p, __m256 x)
{
    const __m256i lower = _mm256_set1_epi32(TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS);
    const __m256i upper = _mm256_set1_epi32(TARE_OBSERVE_UPPER * TARE_OBSERVE_BINS);
    const __m256 zero = _mm256_setzero_ps();
    const __m256 a = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), x);
    const __m256 above = _mm256_cmp_ps(x, p->cut, _CMP_GE_OQ);
    __m256 factor = _mm256_blendv_ps(p->lower, p->negative, x); /* by the sign */
    factor = _mm256_blendv_ps(factor, p->upper, above);
    __m256i base =
        _mm256_andnot_si256(_mm256_srai_epi32(_mm256_castps_si256(x), 31), lower);
    base = _mm256_blendv_epi8(base, upper, _mm256_castps_si256(above));
    const __m256i bin =
        _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_mul_ps(a, factor), p->boost));
    return squeeze(out, _mm256_add_epi32(bin, base),
                   _mm256_movemask_ps(_mm256_cmp_ps(x, zero, _CMP_NEQ_UQ)));
}

bool tare_f32_observe__avx2_u8(const float *x, size_t n,
                               const struct tare_observe_scale *scale, uint32_t *counts,
                               struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    const size_t whole = n / 8 * 8;
    float rest[8];
    for (size_t i = 0; i < 8; i++) /* repeats the first value: harmless to extremes */
        rest[i] = whole + i < n ? x[whole + i] : x[0];
    struct tare_observe_extremes of_rest;
    find_extremes(x, whole, extremes);
    find_extremes(rest, 8, &of_rest);
    if (of_rest.low < extremes->low) extremes->low = of_rest.low;
    if (of_rest.high > extremes->high) extremes->high = of_rest.high;
    if (extremes->low < scale->low || extremes->high > scale->high) return false;

    const struct parts p = {_mm256_set1_ps(scale->cut), _mm256_set1_ps(scale->boost),
                            _mm256_set1_ps(scale->factor[TARE_OBSERVE_NEGATIVE]),
                            _mm256_set1_ps(scale->factor[TARE_OBSERVE_LOWER]),
                            _mm256_set1_ps(scale->factor[TARE_OBSERVE_UPPER])};
    *n_zeros = 0;
    for (size_t i = 0; i < whole; i += TALLY_VALUES) {
        const size_t end = whole - i < TALLY_VALUES ? whole : i + TALLY_VALUES;
        uint16_t indexes[TALLY_VALUES + TALLY_SLACK];
        size_t m = 0;
        for (size_t k = i; k < end; k += 8)
            m += make_indexes(indexes + m, &p, _mm256_loadu_ps(x + k));
        *n_zeros += end - i - m;
        tally(indexes, m, counts);
    }
    if (whole == n) return true;
    size_t n_zeros_rest;
    (void)tare_f32_observe__ref(x + whole, n - whole, scale, counts, &of_rest,
                                &n_zeros_rest);
    *n_zeros += n_zeros_rest;
    return true;
}
