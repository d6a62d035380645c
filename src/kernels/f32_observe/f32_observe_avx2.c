/* AVX2: 16 values at a time, extremes and bins in one pass; zeros are squeezed out by a
 * shuffle from a table. */
#include <assert.h>
#include <immintrin.h>
#include <math.h>

#include "kernels/f32_observe/f32_observe.h"

enum { HALF = 16, GROUP = 2 * HALF };

/* Of the bits of floats. Among those without a sign the order of integers is that of
 * the values, among those with one it is the reverse. */
struct seen {
    __m256i greatest, least; /* as signed integers */
    __m256i outermost;       /* as unsigned: the least value if there is one below 0 */
};

static inline struct seen see_nothing(void)
{
    return (struct seen){_mm256_set1_epi32(INT32_MIN), _mm256_set1_epi32(INT32_MAX),
                         _mm256_setzero_si256()};
}

static inline void see(struct seen *seen, __m256i bits)
{
    seen->greatest = _mm256_max_epi32(seen->greatest, bits);
    seen->least = _mm256_min_epi32(seen->least, bits);
    seen->outermost = _mm256_max_epu32(seen->outermost, bits);
}

static int32_t ordinal(int32_t bits)
{
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

static struct tare_observe_extremes extremes_of(const struct seen *seen, const float *x,
                                                size_t n, bool plain, bool has_zeros,
                                                int32_t low)
{
    (void)x, (void)n, (void)has_zeros, (void)low;
    int32_t greatest[8], least[8];
    uint32_t outermost[8];
    _mm256_storeu_si256((__m256i *)(void *)greatest, seen->greatest);
    _mm256_storeu_si256((__m256i *)(void *)least, seen->least);
    _mm256_storeu_si256((__m256i *)(void *)outermost, seen->outermost);
    _mm256_zeroupper(); /* GCC 12 forgets it behind calls; SSE code would crawl */
    for (int i = 1; i < 8; i++) {
        greatest[0] = greatest[i] > greatest[0] ? greatest[i] : greatest[0];
        least[0] = least[i] < least[0] ? least[i] : least[0];
        outermost[0] = outermost[i] > outermost[0] ? outermost[i] : outermost[0];
    }
    if (plain) return (struct tare_observe_extremes){least[0], (int32_t)outermost[0]};
    const bool none_below = outermost[0] <= INT32_MAX, none_above = greatest[0] < 0;
    return (struct tare_observe_extremes){
        .low = none_below ? least[0] : ordinal((int32_t)outermost[0]),
        .high = none_above ? ordinal(least[0]) : greatest[0]};
}

/* Byte shuffles that move the 16-bit elements whose bits are set in a byte to the
 * front. */
#define RANK(byte, i) __builtin_popcount((byte) & ((1U << (i)) - 1))
#define PLACE(byte, i, half)                                                           \
    ((byte) >> (i)&1 && RANK(byte, i) / 4 == (half)                                    \
         ? (uint64_t)(0x0100 + 0x0202 * (i)) << 16 * (RANK(byte, i) % 4)               \
         : 0)
#define HALF(byte, half)                                                               \
    (PLACE(byte, 0, half) | PLACE(byte, 1, half) | PLACE(byte, 2, half) |              \
     PLACE(byte, 3, half) | PLACE(byte, 4, half) | PLACE(byte, 5, half) |              \
     PLACE(byte, 6, half) | PLACE(byte, 7, half))
#define ROW_1(byte)                                                                    \
    {                                                                                  \
        HALF(byte, 0), HALF(byte, 1)                                                   \
    }
#define ROWS_4(byte)                                                                   \
    ROW_1(byte), ROW_1((byte) + 1U), ROW_1((byte) + 2U), ROW_1((byte) + 3U)
#define ROWS_16(byte)                                                                  \
    ROWS_4(byte), ROWS_4((byte) + 4U), ROWS_4((byte) + 8U), ROWS_4((byte) + 12U)
#define ROWS_64(byte)                                                                  \
    ROWS_16(byte), ROWS_16((byte) + 16U), ROWS_16((byte) + 32U), ROWS_16((byte) + 48U)
static const uint64_t squeezes[256][2] = {ROWS_64(0U), ROWS_64(64U), ROWS_64(128U),
                                          ROWS_64(192U)};

/* The indexes whose bits are set in `used`; returns how many. */
static inline size_t squeeze(uint16_t *out, __m128i index, unsigned used)
{
    const __m128i order =
        _mm_loadu_si128((const __m128i *)(const void *)squeezes[used]);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_shuffle_epi8(index, order));
    return (size_t)_mm_popcnt_u32(used);
}

/* The same of 16 values a, b, whose indexes packing has interleaved: their order does
 * not matter. */
static inline size_t squeeze_zeros(uint16_t *out, __m256i index, __m256 a, __m256 b)
{
    const __m256 zero = _mm256_setzero_ps();
    const __m256i used =
        _mm256_packs_epi32(_mm256_castps_si256(_mm256_cmp_ps(a, zero, _CMP_NEQ_UQ)),
                           _mm256_castps_si256(_mm256_cmp_ps(b, zero, _CMP_NEQ_UQ)));
    const unsigned mask =
        (unsigned)_mm256_movemask_epi8(_mm256_packs_epi16(used, used));
    if (mask == UINT32_MAX) {
        _mm256_storeu_si256((__m256i *)(void *)out, index);
        return 16;
    }
    const size_t n = squeeze(out, _mm256_castsi256_si128(index), mask & 0xFF);
    return n + squeeze(out + n, _mm256_extracti128_si256(index, 1), mask >> 24);
}

/* While a block is counted nothing is read of the next one, which the cache does not
 * expect then. */
static inline void fetch_ahead(const float *x)
{
    enum { AHEAD = 512 };
    _mm_prefetch((const char *)((uintptr_t)x + AHEAD * sizeof *x), _MM_HINT_T0);
}

/* The scale in vectors; plain: in one step, where no value is below zero and none cut.
 */
struct parts {
    __m256 cut, boost, negative, lower, upper, plain;
};

static inline __m256i bins_of(const struct parts *p, __m256 x, __m256 above)
{
    const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), x);
    __m256 factor = _mm256_blendv_ps(p->lower, p->negative, x); /* by the sign */
    factor = _mm256_blendv_ps(factor, p->upper, above);
    return _mm256_cvttps_epi32(
        _mm256_mul_ps(_mm256_mul_ps(magnitude, factor), p->boost));
}

/* The bins of 16 values but zeros, each with its part's base; returns how many. */
static inline size_t make_indexes(uint16_t *out, const struct parts *p,
                                  struct seen *seen, const float *x)
{
    static_assert(TARE_OBSERVE_NEGATIVE == 0 && TARE_OBSERVE_LOWER == 1 &&
                      TARE_OBSERVE_UPPER == 2 && TARE_OBSERVE_BINS == 0x8000 >> 3,
                  "bases are made of signs");
    fetch_ahead(x);
    const __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
    const __m256i a_bits = _mm256_castps_si256(a), b_bits = _mm256_castps_si256(b);
    see(seen, a_bits);
    see(seen, b_bits);
    const __m256 a_above = _mm256_cmp_ps(a, p->cut, _CMP_GE_OQ);
    const __m256 b_above = _mm256_cmp_ps(b, p->cut, _CMP_GE_OQ);
    const __m256i bins =
        _mm256_packus_epi32(bins_of(p, a, a_above), bins_of(p, b, b_above));
    const __m256i signs = _mm256_packs_epi32(a_bits, b_bits);
    const __m256i above =
        _mm256_packs_epi32(_mm256_castps_si256(a_above), _mm256_castps_si256(b_above));
    const __m256i not_negative =
        _mm256_srli_epi16(_mm256_andnot_si256(signs, _mm256_set1_epi16(INT16_MIN)), 3);
    const __m256i index =
        _mm256_add_epi16(_mm256_add_epi16(bins, not_negative),
                         _mm256_and_si256(above, _mm256_set1_epi16(TARE_OBSERVE_BINS)));

    return squeeze_zeros(out, index, a, b);
}

/* Where no value is below zero and none is cut, all bins are those of one part. */
static inline size_t make_plain_indexes(uint16_t *out, const struct parts *p,
                                        struct seen *seen, const float *x)
{
    const __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
    const __m256i a_bits = _mm256_castps_si256(a), b_bits = _mm256_castps_si256(b);
    fetch_ahead(x);
    seen->outermost =
        _mm256_max_epu32(seen->outermost, _mm256_max_epu32(a_bits, b_bits));
    seen->least = _mm256_min_epi32(seen->least, _mm256_min_epi32(a_bits, b_bits));
    const __m256i bins =
        _mm256_packus_epi32(_mm256_cvttps_epi32(_mm256_mul_ps(a, p->plain)),
                            _mm256_cvttps_epi32(_mm256_mul_ps(b, p->plain)));
    const __m256i base = _mm256_set1_epi16(TARE_OBSERVE_LOWER * (int)TARE_OBSERVE_BINS);
    return squeeze_zeros(out, _mm256_add_epi16(bins, base), a, b);
}

static inline size_t make_any(uint16_t *out, const struct parts *p, struct seen *seen,
                              const float *x)
{
    const size_t m = make_indexes(out, p, seen, x);
    return m + make_indexes(out + m, p, seen, x + HALF);
}

static inline size_t make_plain(uint16_t *out, const struct parts *p, struct seen *seen,
                                const float *x)
{
    const size_t m = make_plain_indexes(out, p, seen, x);
    return m + make_plain_indexes(out + m, p, seen, x + HALF);
}

#include "kernels/f32_observe/f32_observe_turns.h"

static struct parts parts_of(const struct tare_observe_scale *scale)
{
    return (struct parts){
        .cut = _mm256_set1_ps(scale->cut),
        .boost = _mm256_set1_ps(scale->boost),
        .negative = _mm256_set1_ps(scale->factor[TARE_OBSERVE_NEGATIVE]),
        .lower = _mm256_set1_ps(scale->factor[TARE_OBSERVE_LOWER]),
        .upper = _mm256_set1_ps(scale->factor[TARE_OBSERVE_UPPER]),
        .plain = _mm256_set1_ps(scale->factor[TARE_OBSERVE_LOWER] * scale->boost),
    };
}

static bool observe_block(const float *x, size_t n,
                          const struct tare_observe_scale *scale, uint32_t *counts,
                          struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    const struct parts p = parts_of(scale);
    struct seen seen = see_nothing();
    uint16_t indexes[TARE_OBSERVE_BLOCK + TALLY_SLACK];
    const size_t whole = n / HALF * HALF;
    size_t m = 0;
    for (size_t i = 0; i < whole; i += HALF)
        m += make_indexes(indexes + m, &p, &seen, x + i);
    if (whole < n) {
        float rest[HALF] = {0.0F}; /* zeros are not counted, */
        memcpy(rest, x + whole, (n - whole) * sizeof *rest);
        struct seen none = seen;
        m += make_indexes(indexes + m, &p, &none, rest);
        for (size_t i = n - whole; i < HALF; i++) /* but seen */
            rest[i] = x[whole];
        see(&seen, _mm256_castps_si256(_mm256_loadu_ps(rest)));
        see(&seen, _mm256_castps_si256(_mm256_loadu_ps(rest + 8)));
    }
    *extremes = extremes_of(&seen, x, n, false, m < n, 0);
    if (extremes->low < scale->low || extremes->high > scale->high) return false;
    *n_zeros = n - m;
    tally(indexes, m, counts);
    return true;
}

size_t tare_f32_observe__avx2_u32(const float *x, size_t n,
                                  const struct tare_observe_scale *scale,
                                  uint32_t *counts,
                                  struct tare_observe_extremes *extremes,
                                  size_t *n_zeros)
{
    const struct parts p = parts_of(scale);
    return observe_in_turns(observe_block, x, n, &p, scale, is_plain(scale), counts,
                            extremes, n_zeros);
}
