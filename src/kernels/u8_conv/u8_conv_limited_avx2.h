/* kernels/u8_conv/u8_conv_limited_avx2.h - sums of inputs that are limited
 * (u8_conv_limit_avx2.h) with weights as they are packed: tiles of 4 pixels by 16
 * channels. For files built with the flags of TARE_CPU_AVX2. Private to this folder.
 *
 * Of 16 registers a step of two has 8 for sums, 4 for weights and 4 for products; ones
 * are in memory. In assembly, since gcc 12 spills otherwise. */
#ifndef TARE_KERNELS_U8_CONV_LIMITED_AVX2_H
#define TARE_KERNELS_U8_CONV_LIMITED_AVX2_H

#include "kernels/u8_conv/u8_conv_limit_avx2.h"

enum {
    LIMITED_PIXELS = 4,             /* of a tile */
    LIMITED_CHANNELS = 2 * CHANNELS /* of it */
};

/* The sums of some pixels and a block's channels. */
struct limited_sums {
    const uint8_t *x;      /* of the first pixel */
    int64_t pitch;         /* bytes from pixel to pixel */
    const int8_t *weights; /* of n_steps, `width` channels each; plus 128 for int8 */
    int64_t width, n_channels;
    int64_t n_steps;
    const int32_t *init; /* what sums start from, for each channel, and with int8 ... */
    const int32_t *starts; /* ... for each pixel */
    int32_t *sums;         /* rows, TARE_U8_CONV_BLOCK apart */
};

struct four_bytes {
    uint8_t bytes[STEP];
};

static const _Alignas(32) int16_t ones16[16] = {1, 1, 1, 1, 1, 1, 1, 1,
                                                1, 1, 1, 1, 1, 1, 1, 1};

/* Weights of n_steps plus 128, for int8 inputs, and what these sums start from: as if
 * inputs were codes, whose zero point is taken off here. */
static void flip_weights(const struct tare_u8_conv_tile *t, int64_t n_steps,
                         int32_t zero_point, int8_t *to, int32_t *init)
{
    const __m256i ones = load(ones16);
    const int8_t *from = t->weights;
    __m256i sums[TARE_U8_CONV_BLOCK / CHANNELS];
    EACH_OF(TARE_U8_CONV_BLOCK / CHANNELS, j) sums[j] = _mm256_setzero_si256();
    for (int64_t step = 0; step < n_steps; step++)
        for (int64_t j = 0; j < t->width / CHANNELS; j++, from += 32, to += 32) {
            const __m256i w = load(from);
            store(to, _mm256_xor_si256(w, _mm256_set1_epi8(-128)));
            const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), w);
            sums[j] = _mm256_add_epi32(sums[j], _mm256_madd_epi16(pairs, ones));
        }
    for (int64_t c = 0; c < t->n_channels; c += CHANNELS)
        store(init + c,
              _mm256_add_epi32(load(t->acc_init + c),
                               _mm256_mullo_epi32(sums[c / CHANNELS],
                                                  _mm256_set1_epi32(zero_point))));
}

/* VPMADDUBSW of inputs x and weights w: the first operand is uint8, the second int8;
 * AT&T's order is the other way round. */
#define INPUTS_UINT8(x, w, to) "vpmaddubsw " w ", " x ", " to "\n\t"
#define INPUTS_INT8(x, w, to)  "vpmaddubsw " x ", " w ", " to "\n\t"

#define LOAD_ONE "vpbroadcastd %4, %2\n\t"
#define ADD_ONE                                                                        \
    "vpmaddwd %7, %3, %3\n\tvpmaddwd %7, %2, %2\n\t"                                   \
    "vpaddd %3, %0, %0\n\tvpaddd %2, %1, %1"
#define ONE_STEP(times) LOAD_ONE times("%2", "%5", "%3") times("%2", "%6", "%2") ADD_ONE

#define LOAD_TWO "vpbroadcastd %6, %2\n\tvpbroadcastd %7, %3\n\t"
#define ADD_TWO                                                                        \
    "vpaddw %5, %4, %4\n\tvpaddw %3, %2, %2\n\t"                                       \
    "vpmaddwd %12, %4, %4\n\tvpmaddwd %12, %2, %2\n\t"                                 \
    "vpaddd %4, %0, %0\n\tvpaddd %2, %1, %1"
#define TWO_STEPS(times)                                                               \
    LOAD_TWO times("%2", "%8", "%4") times("%3", "%10", "%5") times("%2", "%9", "%2")  \
        times("%3", "%11", "%3") ADD_TWO

/* A pixel's products of one step. */
TARE_ALWAYS_INLINE void add_one_step(__m256i acc[2], const uint8_t *x,
                                     const __m256i w[2], const bool is_signed)
{
    const struct four_bytes *const at = (const struct four_bytes *)(const void *)x;
    const __m256i *const ones = (const __m256i *)(const void *)ones16;
    __m256i a, b;
    if (is_signed)
        __asm__(ONE_STEP(INPUTS_INT8)
                : "+x"(acc[0]), "+x"(acc[1]), "=&x"(a), "=&x"(b)
                : "m"(*at), "x"(w[0]), "x"(w[1]), "m"(*ones));
    else
        __asm__(ONE_STEP(INPUTS_UINT8)
                : "+x"(acc[0]), "+x"(acc[1]), "=&x"(a), "=&x"(b)
                : "m"(*at), "x"(w[0]), "x"(w[1]), "m"(*ones));
}

/* Those of two steps, which are added in 16 bits. */
TARE_ALWAYS_INLINE void add_two_steps(__m256i acc[2], const uint8_t *x,
                                      const __m256i first[2], const __m256i second[2],
                                      const bool is_signed)
{
    const struct four_bytes *const at = (const struct four_bytes *)(const void *)x;
    const __m256i *const ones = (const __m256i *)(const void *)ones16;
    __m256i a, b, c, d;
    if (is_signed)
        __asm__(TWO_STEPS(INPUTS_INT8)
                : "+x"(acc[0]), "+x"(acc[1]), "=&x"(a), "=&x"(b), "=&x"(c), "=&x"(d)
                : "m"(at[0]), "m"(at[1]), "x"(first[0]), "x"(first[1]), "x"(second[0]),
                  "x"(second[1]), "m"(*ones));
    else
        __asm__(TWO_STEPS(INPUTS_UINT8)
                : "+x"(acc[0]), "+x"(acc[1]), "=&x"(a), "=&x"(b), "=&x"(c), "=&x"(d)
                : "m"(at[0]), "m"(at[1]), "x"(first[0]), "x"(first[1]), "x"(second[0]),
                  "x"(second[1]), "m"(*ones));
}

/* The sums of a tile, 16 channels from `c` on; what comes behind is constant. */
TARE_ALWAYS_INLINE void sum_tile(const struct limited_sums *s, int64_t c,
                                 const int64_t pixels, const bool is_signed,
                                 const int depth)
{
    const uint8_t *x[2] = {s->x, s->x + 2 * s->pitch};
    const int8_t *weights = s->weights + STEP * c;
    const int64_t step_bytes = STEP * s->width;
    __m256i acc[LIMITED_PIXELS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++)
        EACH_OF(2, j)
        {
            acc[i][j] = load(s->init + c + CHANNELS * j);
            if (is_signed)
                acc[i][j] =
                    _mm256_add_epi32(acc[i][j], _mm256_set1_epi32(s->starts[i]));
        }
    int64_t n = s->n_steps;
    for (; n >= depth; n -= depth) {
        __m256i w[2][2];
        EACH_OF(depth, k)
        {
            EACH_OF(2, j)
            w[k][j] = load(weights + STEP * CHANNELS * j);
            weights += step_bytes;
        }
        TARE_UNROLL
        for (int64_t i = 0; i < pixels; i++) {
            const uint8_t *const here = x[i / 2] + i % 2 * s->pitch;
            if (depth == 1)
                add_one_step(acc[i], here, w[0], is_signed);
            else
                add_two_steps(acc[i], here, w[0], w[1], is_signed);
        }
        EACH_OF(2, j) x[j] += STEP * depth;
    }
    if (n > 0) {
        __m256i w[2];
        EACH_OF(2, j) w[j] = load(weights + STEP * CHANNELS * j);
        TARE_UNROLL
        for (int64_t i = 0; i < pixels; i++)
            add_one_step(acc[i], x[i / 2] + i % 2 * s->pitch, w, is_signed);
    }
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++)
        EACH_OF(2, j)
    store(s->sums + i * TARE_U8_CONV_BLOCK + c + CHANNELS * j, acc[i][j]);
}

TARE_ALWAYS_INLINE void sum_tiles(const struct limited_sums *s, const int64_t pixels,
                                  const bool is_signed, const int depth)
{
    for (int64_t c = 0; c < s->n_channels; c += LIMITED_CHANNELS)
        sum_tile(s, c, pixels, is_signed, depth);
}

TARE_ALWAYS_INLINE void sum_pixels(const struct limited_sums *s, int64_t pixels,
                                   const bool is_signed, const int depth)
{
    switch (pixels) {
    case 1: sum_tiles(s, 1, is_signed, depth); break;
    case 2: sum_tiles(s, 2, is_signed, depth); break;
    case 3: sum_tiles(s, 3, is_signed, depth); break;
    default: sum_tiles(s, LIMITED_PIXELS, is_signed, depth); break;
    }
}

/* The sums of up to LIMITED_PIXELS pixels, without what was cut off them. */
static void sum_limited(const struct limited_sums *s, int64_t pixels,
                        const struct limit *limit)
{
    if (limit->is_signed && limit->depth == 2)
        sum_pixels(s, pixels, true, 2);
    else if (limit->is_signed)
        sum_pixels(s, pixels, true, 1);
    else if (limit->depth == 2)
        sum_pixels(s, pixels, false, 2);
    else
        sum_pixels(s, pixels, false, 1);
}

/* Add what was cut off a pixel to its sums, `pairs` times 16 channels, a constant. */
TARE_ALWAYS_INLINE void add_pixel_rests(const struct limited_sums *s, int32_t *sums,
                                        const struct tare_u8_conv_rest *rests,
                                        int64_t n, const int pairs,
                                        const bool is_signed)
{
    __m256i acc[2][2];
    EACH_OF(2 * pairs, j) acc[j / 2][j % 2] = load(sums + CHANNELS * j);
    for (int64_t i = 0; i < n; i++) {
        const int8_t *weights = s->weights + STEP * s->width * rests[i].step;
        EACH_OF(pairs, k)
        {
            __m256i w[2];
            EACH_OF(2, j)
            w[j] = load(weights + STEP * CHANNELS * (2 * k + j));
            add_one_step(acc[k], rests[i].bytes, w, is_signed);
        }
    }
    EACH_OF(2 * pairs, j) store(sums + CHANNELS * j, acc[j / 2][j % 2]);
}

/* The same for `n` pixels, of which the entries [first[i], first[i + 1]) are. */
static void add_rests(const struct limited_sums *s, int64_t n,
                      const struct limit *limit, const struct rests *rests,
                      const int64_t *first)
{
    const bool is_wide = s->width > LIMITED_CHANNELS;
    if (first[0] == first[n]) return;
    for (int64_t i = 0; i < n; i++) {
        const struct tare_u8_conv_rest *from = rests->all + first[i];
        const int64_t count = first[i + 1] - first[i];
        int32_t *sums = s->sums + i * TARE_U8_CONV_BLOCK;
        if (count == 0) continue;
        if (is_wide && limit->is_signed)
            add_pixel_rests(s, sums, from, count, 2, true);
        else if (is_wide)
            add_pixel_rests(s, sums, from, count, 2, false);
        else if (limit->is_signed)
            add_pixel_rests(s, sums, from, count, 1, true);
        else
            add_pixel_rests(s, sums, from, count, 1, false);
    }
}

#endif /* TARE_KERNELS_U8_CONV_LIMITED_AVX2_H */
