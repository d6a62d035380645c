/* kernels/u8_conv/u8_conv_sums_avx2.h - register tiles, for files built with the flags
 * of TARE_CPU_AVX2 or TARE_CPU_AVXVNNI. Private to this folder.
 *
 * VPMADDUBSW would saturate, so bytes become 16-bit lanes, and VPMADDWD multiplies and
 * adds them in pairs without loss; with AVX-VNNI, VPDPWSSD. With weights of int8, a
 * vector has four inputs of four channels; weights that are widened ahead are a pair of
 * inputs of 8 channels. */
#ifndef TARE_KERNELS_U8_CONV_SUMS_AVX2_H
#define TARE_KERNELS_U8_CONV_SUMS_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_avx2.h"
#include "kernels/unroll.h"

enum {
    PIXELS = 6, /* of a tile */
    GROUP = 16  /* channels whose widened weights lie together */
};

/* 16 weights of int8. */
TARE_ALWAYS_INLINE __m256i load_bytes(const int8_t *w)
{
    return _mm256_cvtepi8_epi16(load_half(w));
}

/* Four inputs of 8 channels, four channels a vector, as the first pair of all and the
 * second, `stride` apart. */
TARE_ALWAYS_INLINE void store_pairs(__m256i low, __m256i high, int16_t *to,
                                    int64_t stride)
{
    const __m256 a = _mm256_castsi256_ps(low), b = _mm256_castsi256_ps(high);
    const __m256i first = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
    const __m256i second = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xDD));
    store(to, _mm256_permute4x64_epi64(first, 0xD8));
    store(to + stride, _mm256_permute4x64_epi64(second, 0xD8));
}

/* A block's weights: [16 channels][pair of inputs][channel][2]. */
static inline void widen_block(const int8_t *from, int64_t width, int64_t n_steps,
                               int16_t *to)
{
    const int64_t group = n_steps * STEP * GROUP;
    for (int64_t step = 0; step < n_steps; step++, to += STEP * GROUP)
        for (int64_t c = 0; c < width; c += CHANNELS, from += STEP * CHANNELS)
            store_pairs(load_bytes(from), load_bytes(from + 16),
                        to + c / GROUP * group + c % GROUP * 2, 2 * GROUP);
}

/* acc += the products of each lane's pair. Left to itself, gcc 12 adds the products of
 * a step first and spills accumulators meanwhile. */
TARE_ALWAYS_INLINE __m256i add_products(__m256i acc, __m256i x, __m256i w)
{
#if defined(__AVXVNNI__)
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
#else
    __m256i products;
    __asm__("vpmaddwd %2, %1, %0" : "=x"(products) : "x"(x), "x"(w));
    __asm__("vpaddd %1, %0, %0" : "+x"(acc) : "x"(products));
#endif
    return acc;
}

TARE_ALWAYS_INLINE __m256i broadcast_pair(const int16_t *x)
{
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm256_set1_epi32(pair);
}

TARE_ALWAYS_INLINE __m256i broadcast_step(const int16_t *x)
{
    int64_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi64x(four);
}

/* A job with weights that are widened ahead. */
struct wide_sums {
    const int16_t *x;       /* of the first pixel */
    int64_t pitch;          /* from pixel to pixel */
    const int16_t *weights; /* of 16 channels */
    int64_t n_steps;
    const int32_t *init; /* what sums start from, for each channel */
    int32_t *sums;       /* rows, `stride` apart */
    int64_t stride;
};

/* One pair of inputs, where three pixels follow from each pointer on. */
TARE_ALWAYS_INLINE void add_pair(const int16_t *const x[2], int64_t pitch,
                                 const int16_t *weights, __m256i acc[PIXELS][2],
                                 const int64_t pixels, const int vectors)
{
    __m256i w[2];
    EACH_OF(vectors, j) w[j] = load(weights + 2 * CHANNELS * j);
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++) {
        const __m256i pixel = broadcast_pair(x[i / 3] + i % 3 * pitch);
        EACH_OF(vectors, j) acc[i][j] = add_products(acc[i][j], pixel, w[j]);
    }
}

/* Their sums, for numbers of pixels and vectors of channels that are constants. */
TARE_ALWAYS_INLINE void sum_pairs(const struct wide_sums *s, const int64_t pixels,
                                  const int vectors)
{
    const int16_t *x[2] = {s->x, s->x + 3 * s->pitch}, *weights = s->weights;
    __m256i acc[PIXELS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++)
        EACH_OF(vectors, j) acc[i][j] = load(s->init + CHANNELS * j);
    int64_t n = 2 * s->n_steps;
    for (; n >= 4; n -= 4, x[0] += 8, x[1] += 8)
        EACH_OF(4, k)
        {
            const int16_t *const here[2] = {x[0] + 2 * k, x[1] + 2 * k};
            add_pair(here, s->pitch, weights, acc, pixels, vectors);
            weights += 2 * GROUP;
        }
    for (; n > 0; n--, x[0] += 2, x[1] += 2, weights += 2 * GROUP)
        add_pair(x, s->pitch, weights, acc, pixels, vectors);
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++)
        EACH_OF(vectors, j) store(s->sums + i * s->stride + CHANNELS * j, acc[i][j]);
}

/* Their sums, for up to PIXELS pixels. */
TARE_ALWAYS_INLINE void sum_wide(const struct wide_sums *s, int64_t pixels,
                                 const int vectors)
{
    switch (pixels) {
    case 1: sum_pairs(s, 1, vectors); break;
    case 2: sum_pairs(s, 2, vectors); break;
    case 3: sum_pairs(s, 3, vectors); break;
    case 4: sum_pairs(s, 4, vectors); break;
    case 5: sum_pairs(s, 5, vectors); break;
    default: sum_pairs(s, PIXELS, vectors); break;
    }
}

/* One step of int8, where three pixels follow from each pointer on. */
TARE_ALWAYS_INLINE void add_step(const int16_t *const x[2], int64_t pitch,
                                 const int8_t *weights, __m256i acc[PIXELS][2],
                                 const int64_t pixels)
{
    const __m256i w0 = load_bytes(weights), w1 = load_bytes(weights + 16);
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++) {
        const __m256i pixel = broadcast_step(x[i / 3] + i % 3 * pitch);
        acc[i][0] = add_products(acc[i][0], pixel, w0);
        acc[i][1] = add_products(acc[i][1], pixel, w1);
    }
}

/* Sums from `init` on, with weights of int8 for 8 channels, whose steps lie
 * `step_bytes` apart: four inputs of a channel are two sums side by side until the
 * end. */
TARE_ALWAYS_INLINE void sum_steps(const int16_t *first, int64_t pitch,
                                  const int8_t *weights, int64_t step_bytes,
                                  int64_t n_steps, const int32_t *init, int32_t *sums,
                                  const int64_t pixels)
{
    const int16_t *x[2] = {first, first + 3 * pitch};
    __m256i acc[PIXELS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++)
        acc[i][0] = acc[i][1] = _mm256_setzero_si256();
    for (; n_steps >= 4; n_steps -= 4, x[0] += 4 * STEP, x[1] += 4 * STEP)
        EACH_OF(4, k)
        {
            const int16_t *const here[2] = {x[0] + STEP * k, x[1] + STEP * k};
            add_step(here, pitch, weights, acc, pixels);
            weights += step_bytes;
        }
    for (; n_steps > 0; n_steps--, x[0] += STEP, x[1] += STEP, weights += step_bytes)
        add_step(x, pitch, weights, acc, pixels);
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++) {
        const __m256i both = _mm256_permute4x64_epi64(
            _mm256_hadd_epi32(acc[i][0], acc[i][1]), _MM_SHUFFLE(3, 1, 2, 0));
        store(sums + i * TARE_U8_CONV_BLOCK, _mm256_add_epi32(both, load(init)));
    }
}

#endif /* TARE_KERNELS_U8_CONV_SUMS_AVX2_H */
