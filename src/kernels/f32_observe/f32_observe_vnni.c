/* AVX-512 with VBMI2, 32 values at a time. Counting is a store a value, which leaves
 * the vector units idle, so one block's indexes are made while the block before is
 * counted: a group of indexes, then as many counts of the others as keep pace. */
#include <immintrin.h>
#include <math.h>

#include "kernels/f32_observe/f32_observe.h"
#include "kernels/f32_observe/f32_observe_tally.h"

enum { GROUP = 32 };

/* The indexes of a block, without zeros. */
struct queue {
    uint16_t index[TARE_OBSERVE_BLOCK + GROUP];
    size_t n;
};

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

/* Four indexes come with one load: counting is short of loads next. */
static inline void count_four(const uint16_t *index, uint32_t *counts)
{
    uint64_t four;
    memcpy(&four, index, sizeof four);
    counts[four & 0xFFFF]++;
    counts[four >> 16 & 0xFFFF]++;
    counts[four >> 32 & 0xFFFF]++;
    counts[four >> 48]++;
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

static inline size_t make_signed(uint16_t *out, const struct parts *p,
                                 struct seen *seen, const float *x)
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

/* The indexes of n values, a multiple of GROUP, into `made`, while `waiting` is counted
 * and emptied. */
static inline struct seen make_and_count(struct queue *made, struct queue *waiting,
                                         const struct parts *p, const float *x,
                                         size_t n, bool is_signed, uint32_t *counts)
{
    const size_t pace = waiting->n / (n / GROUP) / 4 * 4;
    uint16_t *next = waiting->index;
    struct seen seen = {_mm512_setzero_si512(), _mm512_set1_epi32(INT32_MIN)};
    size_t m = 0;
    for (size_t i = 0; i < n; i += GROUP) {
        m += is_signed ? make_signed(made->index + m, p, &seen, x + i)
                       : make_plain(made->index + m, p, &seen, x + i);
        for (const uint16_t *end = next + pace; next < end; next += 4)
            count_four(next, counts);
    }
    tally(next, waiting->n - (size_t)(next - waiting->index), counts);
    if (!is_signed) seen.greatest = seen.outermost;
    made->n = m;
    waiting->n = 0;
    return seen;
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

/* `low`: of what was seen before; from zero on down it can only get lower below zero.
 */
static struct tare_observe_extremes extremes_of(const struct seen *seen, const float *x,
                                                size_t n, bool has_zeros, int32_t low)
{
    const uint32_t outermost = _mm512_reduce_max_epu32(seen->outermost);
    const int32_t greatest = _mm512_reduce_max_epi32(seen->greatest);
    const bool none_below = outermost <= INT32_MAX;
    if (greatest < 0 || (none_below && !has_zeros && low > 0)) return look(x, n);
    return (struct tare_observe_extremes){none_below ? 0 : ordinal(outermost),
                                          greatest};
}

/* The contract of base/observe.h, for blocks that are multiples of GROUP and values of
 * which none is cut. `is_signed`: those below zero fit too; else it stops before -0 as
 * well, which does fit. */
static size_t observe_groups(const float *x, size_t n, const struct parts *p,
                             const struct tare_observe_scale *scale, bool is_signed,
                             uint32_t *counts, struct tare_observe_extremes *extremes,
                             size_t *n_zeros)
{
    struct queue queues[2];
    queues[0].n = queues[1].n = 0;
    size_t done = 0;
    for (int at = 0; done < n; at ^= 1) {
        const size_t m = n - done < TARE_OBSERVE_BLOCK ? n - done : TARE_OBSERVE_BLOCK;
        struct queue *made = &queues[at], *waiting = &queues[at ^ 1];
        const float *block = x + done;
        const struct seen seen =
            is_signed ? make_and_count(made, waiting, p, block, m, true, counts)
                      : make_and_count(made, waiting, p, block, m, false, counts);
        const struct tare_observe_extremes one =
            extremes_of(&seen, block, m, made->n < m, extremes->low);
        if (one.low < (is_signed ? scale->low : 0) || one.high > scale->high) {
            made->n = 0;
            break;
        }
        widen(extremes, one);
        *n_zeros += m - made->n;
        done += m;
    }
    tally(queues[0].index, queues[0].n, counts);
    tally(queues[1].index, queues[1].n, counts);
    return done;
}

size_t tare_f32_observe__vnni_u32(const float *x, size_t n,
                                  const struct tare_observe_scale *scale,
                                  uint32_t *counts,
                                  struct tare_observe_extremes *extremes,
                                  size_t *n_zeros)
{
    /* as exact in one step: what would lose bits between two is below 1 anyway */
    const float above = scale->factor[TARE_OBSERVE_LOWER] * scale->boost;
    const float below = scale->factor[TARE_OBSERVE_NEGATIVE] * scale->boost;
    const bool is_signed = scale->low < MINUS_ZERO; /* else `below` may be infinite */
    if (!isinf(scale->cut) || isinf(above) || (is_signed && isinf(below)))
        return tare_f32_observe__avx512_u16(x, n, scale, counts, extremes, n_zeros);
    const struct parts p = {
        .above = _mm512_set1_ps(above),
        .below = _mm512_set1_ps(-below),
        .base = _mm512_set1_epi16(TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS),
    };
    const size_t last = n % TARE_OBSERVE_BLOCK; /* of the last block, if not whole */
    const size_t whole = last % GROUP == 0 ? n : n - last;
    size_t done = 0;
    fetch_counts(scale, counts);
    while (done < n) {
        if (done < whole)
            done += observe_groups(x + done, whole - done, &p, scale, is_signed, counts,
                                   extremes, n_zeros);
        if (done == n) break;
        const size_t m = n - done < TARE_OBSERVE_BLOCK ? n - done : TARE_OBSERVE_BLOCK;
        const size_t counted =
            tare_f32_observe__avx512_u16(x + done, m, scale, counts, extremes, n_zeros);
        done += counted;
        if (counted < m) break;
    }
    return done;
}
