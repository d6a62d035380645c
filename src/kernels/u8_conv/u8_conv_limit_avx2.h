/* kernels/u8_conv/u8_conv_limit_avx2.h - inputs that VPMADDUBSW cannot saturate with,
 * for files built with the flags of TARE_CPU_AVX2. Private to this folder.
 *
 * VPMADDUBSW multiplies bytes and adds the products of each pair in 16 bits, where they
 * may not fit; it takes fewer instructions than anything exact. Whatever the weights
 * are, they fit where the inputs of a pair add up to a limit:
 *
 *     uint8 inputs, by int8 weights               x0 + x1 <= 256     256 * 128 = 2^15
 *     int8 inputs, by weights plus 128, uint8     the positive ones to 128, and the
 *                                                 negative ones to -128: 128 * 255
 *
 * and likewise four inputs, of two steps, whose products are added in 16 bits. Few
 * groups of a network's activations are beyond it, one in 50 of those with four inputs,
 * one in 1000 of pairs. Of these a part is taken that is within, and the rest becomes
 * an entry of a list, whose products are added for themselves, so that sums are exact.
 *
 * Inputs are int8, the code less its zero point, where that is near 128. */
#ifndef TARE_KERNELS_U8_CONV_LIMIT_AVX2_H
#define TARE_KERNELS_U8_CONV_LIMIT_AVX2_H

#include <string.h>

#include "kernels/u8_conv/u8_conv_scratch.h"
#include "kernels/u8_conv/u8_conv_store_avx2.h"

enum {
    CHUNK = 32, /* inputs that are looked at together */
    CHUNK_STEPS = CHUNK / STEP,
    MOST_ENTRIES = 3 * CHUNK_STEPS, /* in the list, of a chunk */
    SAMPLED_PIXELS = 4,             /* that tell how to go on */
    /* What is taken for a zero point near 128: the code less it is in [-160, 160]. */
    LEAST_SIGNED = 96,
    MOST_SIGNED = 160
};

/* What inputs are, and what is beyond a limit. */
struct limit {
    bool is_signed;
    int zero_point; /* that is taken off; 0 for uint8 */
    int depth; /* steps whose products are added in 16 bits: 1 or 2; 0: none, inputs
                  are widened */
};

/* What was cut off, pixel by pixel. */
struct rests {
    struct tare_u8_conv_rest *all;
    int64_t n, most;
};

static inline struct limit limit_of(int32_t zero_point)
{
    const bool is_signed = zero_point >= LEAST_SIGNED && zero_point <= MOST_SIGNED;
    return (struct limit){.is_signed = is_signed,
                          .zero_point = is_signed ? zero_point : 0};
}

/* Which 16-bit lanes of a chunk are in groups beyond the limit: all ones. */
struct beyond {
    __m256i pairs;
    __m256i groups; /* of two steps; in two lanes each */
};

TARE_ALWAYS_INLINE __m256i sum_pairs_of(__m256i bytes)
{
    return _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
}

TARE_ALWAYS_INLINE __m256i sum_steps_of(__m256i pairs)
{
    return _mm256_add_epi16(pairs,
                            _mm256_shuffle_epi32(pairs, _MM_SHUFFLE(2, 3, 0, 1)));
}

TARE_ALWAYS_INLINE struct beyond find_beyond(__m256i codes, const struct limit *limit,
                                             const bool is_signed)
{
    if (!is_signed) {
        const __m256i most = _mm256_set1_epi16(256), pairs = sum_pairs_of(codes);
        return (struct beyond){_mm256_cmpgt_epi16(pairs, most),
                               _mm256_cmpgt_epi16(sum_steps_of(pairs), most)};
    }
    /* 127, so that what is no int8 is beyond as well */
    const __m256i most = _mm256_set1_epi16(127);
    const __m256i zero_point = _mm256_set1_epi8((char)limit->zero_point);
    const __m256i above = sum_pairs_of(_mm256_subs_epu8(codes, zero_point));
    const __m256i below = sum_pairs_of(_mm256_subs_epu8(zero_point, codes));
    return (struct beyond){
        _mm256_cmpgt_epi16(_mm256_max_epi16(above, below), most),
        _mm256_cmpgt_epi16(_mm256_max_epi16(sum_steps_of(above), sum_steps_of(below)),
                           most)};
}

/* The inputs that codes become; int8 are saturated. */
TARE_ALWAYS_INLINE __m256i inputs_of(__m256i codes, const struct limit *limit,
                                     const bool is_signed)
{
    if (!is_signed) return codes;
    const __m256i shift = _mm256_set1_epi8((char)(limit->zero_point - 128));
    return _mm256_subs_epi8(_mm256_xor_si256(codes, _mm256_set1_epi8(-128)), shift);
}

TARE_ALWAYS_INLINE uint32_t bits_of(__m256i lanes)
{
    return (uint32_t)_mm256_movemask_epi8(lanes);
}

/* Append a chunk's steps that are not 0. */
static inline void list(struct rests *rests, __m256i inputs, int64_t step)
{
    uint8_t all[CHUNK];
    store(all, inputs);
    const __m256i is_zero = _mm256_cmpeq_epi32(inputs, _mm256_setzero_si256());
    uint32_t left = 0xff & ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(is_zero));
    for (; left != 0; left &= left - 1) {
        const int i = __builtin_ctz(left);
        struct tare_u8_conv_rest *rest = &rests->all[rests->n++];
        rest->step = (int32_t)step + i;
        memcpy(rest->bytes, all + STEP * i, STEP);
    }
}

/* Take what is within the limit; the rest goes to the list, which has room. Pairs
 * beyond it are taken up to half of it each, and the rest is no more than that; where
 * groups of two steps are, the first one goes to the list. */
static void cut_chunk(const struct limit *limit, __m256i codes, int64_t step,
                      uint8_t *inputs, struct rests *rests, const bool is_signed,
                      const int depth)
{
    const struct beyond beyond = find_beyond(codes, limit, is_signed);
    const __m256i x = inputs_of(codes, limit, is_signed);
    const __m256i half = is_signed
                             ? _mm256_max_epi8(_mm256_min_epi8(x, _mm256_set1_epi8(64)),
                                               _mm256_set1_epi8(-64))
                             : _mm256_min_epu8(x, _mm256_set1_epi8(-128));
    __m256i taken = _mm256_blendv_epi8(x, half, beyond.pairs);
    if (is_signed) { /* what saturation took, within [-32, 32] */
        const __m256i exact =
            _mm256_sub_epi8(codes, _mm256_set1_epi8((char)limit->zero_point));
        list(rests, _mm256_sub_epi8(exact, x), step);
    }
    list(rests, _mm256_sub_epi8(x, taken), step);
    if (depth == 2) {
        const __m256i first = _mm256_set1_epi64x(INT64_C(0xffffffff));
        const __m256i cut =
            _mm256_and_si256(taken, _mm256_and_si256(beyond.groups, first));
        list(rests, cut, step);
        taken = _mm256_sub_epi8(taken, cut);
    }
    store(inputs, taken);
}

static inline int32_t sum_lanes(__m256i sums)
{
    const __m128i two =
        _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return _mm_cvtsi128_si32(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two)));
}

/* The last codes of a pixel, n of them, up to a chunk; behind them `filler`. Reads no
 * more than it must. */
static inline __m256i load_last(const uint8_t *codes, int64_t n, int filler)
{
    static const uint8_t masks[2 * CHUNK] = {
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const __m256i all =
        n > CHUNK / 2 ? load(codes) : _mm256_castsi128_si256(load_half(codes));
    return _mm256_blendv_epi8(all, _mm256_set1_epi8((char)filler),
                              load(masks + CHUNK - n));
}

/* A walk over a pixel's chunks. */
struct limiting {
    const struct limit *limit;
    uint8_t *inputs;
    struct rests *rests;
    __m256i sums; /* of codes that become int8 */
};

TARE_ALWAYS_INLINE bool limit_chunk(struct limiting *l, __m256i codes, int64_t k,
                                    const bool is_signed, const int depth)
{
    const struct beyond beyond = find_beyond(codes, l->limit, is_signed);
    if (is_signed)
        l->sums =
            _mm256_add_epi64(l->sums, _mm256_sad_epu8(codes, _mm256_setzero_si256()));
    store(l->inputs + k, inputs_of(codes, l->limit, is_signed));
    if (bits_of(depth == 1 ? beyond.pairs : beyond.groups) == 0) return true;
    if (l->rests->n + MOST_ENTRIES > l->rests->most) return false;
    cut_chunk(l->limit, codes, k / STEP, l->inputs + k, l->rests, is_signed, depth);
    return true;
}

/* Turn a pixel's codes, n_steps of them, into inputs within the limit, perhaps in
 * place; what is behind them up to a whole chunk becomes 0.
 * @param[out] start  What the sums of int8 inputs start from, all channels': the
 *                    weights' 128 taken off.
 * @retval false  The list has no more room. */
TARE_ALWAYS_INLINE bool limit_codes(const struct limit *limit, const uint8_t *codes,
                                    int64_t n_steps, uint8_t *inputs, int32_t *start,
                                    struct rests *rests, const bool is_signed,
                                    const int depth)
{
    struct limiting l = {limit, inputs, rests, _mm256_setzero_si256()};
    const int64_t n = STEP * n_steps;
    int64_t k = 0;
    for (; k + CHUNK <= n; k += CHUNK)
        if (!limit_chunk(&l, load(codes + k), k, is_signed, depth)) return false;
    if (k < n) {
        const __m256i last = load_last(codes + k, n - k, limit->zero_point);
        if (!limit_chunk(&l, last, k, is_signed, depth)) return false;
        k += CHUNK;
    }
    if (is_signed) *start = -128 * (sum_lanes(l.sums) - limit->zero_point * (int32_t)k);
    return true;
}

static bool limit_pixel(const struct limit *limit, const uint8_t *codes,
                        int64_t n_steps, uint8_t *inputs, int32_t *start,
                        struct rests *rests)
{
    if (limit->is_signed && limit->depth == 2)
        return limit_codes(limit, codes, n_steps, inputs, start, rests, true, 2);
    if (limit->is_signed)
        return limit_codes(limit, codes, n_steps, inputs, start, rests, true, 1);
    if (limit->depth == 2)
        return limit_codes(limit, codes, n_steps, inputs, start, rests, false, 2);
    return limit_codes(limit, codes, n_steps, inputs, start, rests, false, 1);
}

/* How many groups of a pixel's are beyond the limit, of one step and of two. */
static void count_beyond(const struct limit *limit, const uint8_t *codes,
                         int64_t n_steps, int64_t counts[2])
{
    const int64_t n = STEP * n_steps;
    for (int64_t k = 0; k < n; k += CHUNK) {
        const __m256i x = n - k < CHUNK ? load_last(codes + k, n - k, limit->zero_point)
                                        : load(codes + k);
        const struct beyond beyond = limit->is_signed ? find_beyond(x, limit, true)
                                                      : find_beyond(x, limit, false);
        counts[0] += __builtin_popcount(bits_of(beyond.pairs)) / 2;
        counts[1] += __builtin_popcount(bits_of(beyond.groups)) / 4;
    }
}

/* The depth that takes the least time, where so many groups are beyond the limit of
 * each one in n pixels of n_steps. */
static inline int choose_depth(const struct limit *limit, const int64_t counts[2],
                               int64_t n, int64_t n_steps, int64_t n_channels)
{
    /* Picoseconds, measured. For a step and 16 channels: */
    enum { WIDE = 940, ONE = 700, TWO = 590 };
    /* To limit instead of to widen: a pixel, a step, 16 channels more. */
    enum { PIXEL = 2500, INT8_STEP = 400, UINT8_STEP = 350, CHANNELS_16 = 1000 };
    /* To make an entry of the list, and to add its products to 16 channels. */
    enum { MADE = 20000, ADDED = 850 };
    const int64_t steps = n * n_steps, blocks = ceil_div(n_channels, 16);
    const int64_t entry = MADE + ADDED * blocks;
    const int64_t limiting = (PIXEL + CHANNELS_16 * blocks) * n +
                             (limit->is_signed ? INT8_STEP : UINT8_STEP) * steps;
    const int64_t wide = ceil_div(n_channels, 8) * WIDE / 2 * steps;
    const int64_t one = blocks * ONE * steps + entry * counts[0] + limiting;
    const int64_t two = blocks * TWO * steps + entry * counts[1] + limiting;
    if (two <= one) return two < wide ? 2 : 0;
    return one < wide ? 1 : 0;
}

#endif /* TARE_KERNELS_U8_CONV_LIMIT_AVX2_H */
