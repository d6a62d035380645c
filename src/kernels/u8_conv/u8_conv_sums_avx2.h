/* kernels/u8_conv/u8_conv_sums_avx2.h - register tiles, for files built with the flags
 * of TARE_CPU_AVX2 or TARE_CPU_AVXVNNI. Private to this folder.
 *
 * VPMADDUBSW would saturate, so bytes become 16-bit lanes, and VPMADDWD multiplies and
 * adds them in pairs without loss; with AVX-VNNI, VPDPWSSD. With weights of int8, a
 * vector has four inputs of four channels; weights that are widened ahead are a pair of
 * inputs of 8 channels.
 *
 * In long sums of the latter, half of the products become additions (Winograd, "A New
 * Algorithm for Inner Product", IEEE Transactions on Computers, 1968):
 *
 *     x0 w0 + x1 w1 = (x0 + w1) (x1 + w0) - x0 x1 - w0 w1
 *
 * These have twice as many places in a processor, and the last two terms, here `own`
 * products, are summed once for a pixel and once for a channel. Sums are modulo 2^32,
 * so only the result has to fit. */
#ifndef TARE_KERNELS_U8_CONV_SUMS_AVX2_H
#define TARE_KERNELS_U8_CONV_SUMS_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_avx2.h"
#include "kernels/unroll.h"

enum {
    PIXELS = 6,     /* of a tile */
    OWN_PIXELS = 4, /* of one with own products */
    CHANNELS = 8,   /* of a vector of sums */
    GROUP = 16,     /* channels whose widened weights lie together */
    STEP = 4,       /* inputs */
    LONG_SUM = 96   /* steps that are worth own products */
};

TARE_ALWAYS_INLINE __m128i load16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* 16 weights of int8. */
TARE_ALWAYS_INLINE __m256i load_bytes(const int8_t *w)
{
    return _mm256_cvtepi8_epi16(load16(w));
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

/* The products of a pixel's own inputs with each other; n is a multiple of 16. */
static inline int32_t own_products(const int16_t *x, int64_t n)
{
    __m256i sums = _mm256_setzero_si256(); /* every other one is 0 */
    for (int64_t k = 0; k < n; k += 16) {
        const __m256i v = load(x + k);
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(v, _mm256_srli_epi64(v, 32)));
    }
    const __m128i two =
        _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_unpackhi_epi64(two, two)));
}

/* What 16 channels' sums start from: `init`, less the products of each one's own
 * weights, of n_steps steps. */
static inline void begin_sums(const int16_t *weights, int64_t n_steps,
                              const int32_t *init, int32_t *to)
{
    __m256i sums[2] = {load(init), load(init + CHANNELS)};
    for (; n_steps > 0; n_steps--, weights += STEP * GROUP)
        EACH_OF(2, j)
    sums[j] = _mm256_sub_epi32(
        sums[j], _mm256_madd_epi16(load(weights + 2 * CHANNELS * j),
                                   load(weights + 2 * GROUP + 2 * CHANNELS * j)));
    EACH_OF(2, j) store(to + CHANNELS * j, sums[j]);
}

/* One step of weights that are widened ahead: for each vector of channels, the first
 * pair of inputs and the second. */
struct wide_step {
    __m256i first[2], second[2];
};

struct pair {
    int16_t inputs[2];
};

/* The step's products with a pixel, and all own products. In assembly, since left to
 * itself gcc 12 spills accumulators. */
TARE_ALWAYS_INLINE void add_wide_step(__m256i acc[2], const int16_t *x,
                                      const struct wide_step *w, const int vectors)
{
    const struct pair *pairs = (const struct pair *)(const void *)x;
    __m256i a, b, c, d;
    if (vectors == 2)
        __asm__("vpbroadcastd %6, %2\n\t"
                "vpbroadcastd %7, %3\n\t"
                "vpaddw %2, %10, %4\n\t"
                "vpaddw %3, %8, %5\n\t"
                "vpmaddwd %4, %5, %4\n\t"
                "vpaddd %4, %0, %0\n\t"
                "vpaddw %2, %11, %2\n\t"
                "vpaddw %3, %9, %3\n\t"
                "vpmaddwd %2, %3, %2\n\t"
                "vpaddd %2, %1, %1"
                : "+x"(acc[0]), "+x"(acc[1]), "=&x"(a), "=&x"(b), "=&x"(c), "=&x"(d)
                : "m"(pairs[0]), "m"(pairs[1]), "x"(w->first[0]), "x"(w->first[1]),
                  "x"(w->second[0]), "x"(w->second[1]));
    else
        __asm__("vpbroadcastd %3, %1\n\t"
                "vpbroadcastd %4, %2\n\t"
                "vpaddw %1, %6, %1\n\t"
                "vpaddw %2, %5, %2\n\t"
                "vpmaddwd %1, %2, %1\n\t"
                "vpaddd %1, %0, %0"
                : "+x"(acc[0]), "=&x"(a), "=&x"(b)
                : "m"(pairs[0]), "m"(pairs[1]), "x"(w->first[0]), "x"(w->second[0]));
}

/* A job with weights that are widened ahead. */
struct wide_sums {
    const int16_t *x;       /* of the first pixel */
    int64_t pitch;          /* from pixel to pixel */
    const int16_t *weights; /* of 16 channels */
    int64_t n_steps;
    const int32_t *init; /* what sums start from, for each channel */
    const int32_t *own;  /* products of each pixel; NULL in a short sum */
    int32_t *sums;       /* rows, `stride` apart */
    int64_t stride;
};

/* Their sums, for numbers of pixels and vectors of channels that are constants. */
TARE_ALWAYS_INLINE void sum_with_own(const struct wide_sums *s, const int64_t pixels,
                                     const int vectors)
{
    const int16_t *x = s->x, *weights = s->weights;
    __m256i acc[OWN_PIXELS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++) {
        const __m256i own = _mm256_set1_epi32(s->own[i]);
        EACH_OF(vectors, j)
        acc[i][j] = _mm256_sub_epi32(load(s->init + CHANNELS * j), own);
    }
    for (int64_t n = s->n_steps; n > 0; n--, x += STEP, weights += STEP * GROUP) {
        struct wide_step w;
        EACH_OF(vectors, j)
        {
            w.first[j] = load(weights + 2 * CHANNELS * j);
            w.second[j] = load(weights + 2 * GROUP + 2 * CHANNELS * j);
        }
        TARE_UNROLL
        for (int64_t i = 0; i < pixels; i++)
            add_wide_step(acc[i], x + i * s->pitch, &w, vectors);
    }
    TARE_UNROLL
    for (int64_t i = 0; i < pixels; i++)
        EACH_OF(vectors, j) store(s->sums + i * s->stride + CHANNELS * j, acc[i][j]);
}

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

/* Their sums, for up to OWN_PIXELS pixels, or PIXELS without own products. */
TARE_ALWAYS_INLINE void sum_wide(const struct wide_sums *s, int64_t pixels,
                                 const int vectors)
{
    if (s->own) {
        switch (pixels) {
        case 1: sum_with_own(s, 1, vectors); break;
        case 2: sum_with_own(s, 2, vectors); break;
        case 3: sum_with_own(s, 3, vectors); break;
        default: sum_with_own(s, OWN_PIXELS, vectors); break;
        }
        return;
    }
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
