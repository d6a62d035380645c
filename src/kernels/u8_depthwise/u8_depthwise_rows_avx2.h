/* kernels/u8_depthwise/u8_depthwise_rows_avx2.h - 3x3 and 5x5 windows over whole rows,
 * for files built with the flags of TARE_CPU_AVX2. Private to u8_depthwise_avx2.c.
 *
 * Two input rows, one below the other, make a column's pair of 16-bit lanes for each
 * channel, so that VPMADDWD takes two taps. All columns of the input rows are laid out
 * so once, 16 channels at a time, for the window's positions along them and for two
 * output rows: below the first one the same pairs have other weights. */
#ifndef TARE_KERNELS_U8_DEPTHWISE_ROWS_AVX2_H
#define TARE_KERNELS_U8_DEPTHWISE_ROWS_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels/u8_depthwise/u8_depthwise_walk.h"
#include "kernels/u8_epilogue_avx2.h"
#include "kernels/unroll.h"
#include "kernels/whole.h"

enum { HALF = 8 }; /* channels of a vector of pairs, or of sums */

/* What is a constant: the window's side, 3 or 5, and the stride, 1 or 2. */
struct rows_shape {
    int64_t side, stride;
};

TARE_ALWAYS_INLINE int64_t pairs_of(const struct rows_shape shape)
{
    return (shape.side + 1) / 2;
}

TARE_ALWAYS_INLINE __m128i load16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* One tap of 8 channels, as 32-bit lanes; zero beside the window. */
TARE_ALWAYS_INLINE __m256i tap_of(const int8_t *quads, int64_t row, int64_t kx,
                                  const struct rows_shape shape)
{
    if (row < 0 || row >= shape.side) return _mm256_setzero_si256();
    const int64_t tap = row * shape.side + kx;
    const __m256i quad = _mm256_loadu_si256(
        (const __m256i *)(const void *)(quads + tap / 4 * 4 * TARE_U8_DEPTHWISE_BLOCK));
    const __m128i shift = _mm_cvtsi32_si128((int)(24 - 8 * (tap % 4)));
    return _mm256_srai_epi32(_mm256_sll_epi32(quad, shift), 24);
}

/* The weights of all channels: [half][output row][kx][pair][8 channels][2]. */
TARE_ALWAYS_INLINE void pair_weights(const int8_t *weights, int64_t channels,
                                     int64_t block_bytes, int16_t *to,
                                     const struct rows_shape shape)
{
    for (int64_t lane = 0; lane < channels; lane += HALF) {
        const int8_t *quads = weights + lane / TARE_U8_DEPTHWISE_BLOCK * block_bytes +
                              lane % TARE_U8_DEPTHWISE_BLOCK * 4;
        for (int64_t row = 0; row < 2; row++)
            for (int64_t kx = 0; kx < shape.side; kx++)
                for (int64_t p = 0; p < pairs_of(shape); p++, to += 2 * HALF) {
                    const __m256i first = tap_of(quads, 2 * p - row, kx, shape);
                    const __m256i second = tap_of(quads, 2 * p + 1 - row, kx, shape);
                    const __m256i pair =
                        _mm256_blend_epi16(first, _mm256_slli_epi32(second, 16), 0xAA);
                    _mm256_storeu_si256((__m256i *)(void *)to, pair);
                }
    }
}

/* `n` columns of two input rows, of 16 channels, to both halves. */
TARE_ALWAYS_INLINE void pair_rows(const uint8_t *a, const uint8_t *b, int64_t in_pitch,
                                  int64_t n, __m256i *low, __m256i *high,
                                  const int64_t pairs)
{
    for (int64_t x = 0; x < n; x++, a += in_pitch, b += in_pitch) {
        const __m128i first = load16(a), second = load16(b);
        low[x * pairs] = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second));
        high[x * pairs] = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(first, second));
    }
}

/* The columns that all windows see, from lane `lane` on: [half][column][pair][8][2]. */
TARE_ALWAYS_INLINE void pair_columns(const struct tare_u8_depthwise_rows *r,
                                     int64_t lane, int64_t n_columns,
                                     const struct rows_shape shape)
{
    const int64_t n_rows = shape.side + r->n_rows - 1, pairs = pairs_of(shape);
    const __m256i padding = _mm256_set1_epi16((int16_t)r->in_zero_point);
    const int64_t begin = min_i64(r->pad_left, n_columns);
    const int64_t end = clamp_i64(r->in_w + r->pad_left, begin, n_columns);
    __m256i *low = r->columns;
    __m256i *high = low + n_columns * pairs;
    for (int64_t i = 0; i < begin * pairs; i++)
        low[i] = high[i] = padding;
    for (int64_t i = end * pairs; i < n_columns * pairs; i++)
        low[i] = high[i] = padding;
    for (int64_t p = 0; p < pairs; p++) {
        const uint8_t *a = r->input[2 * p] + lane;
        const uint8_t *b = 2 * p + 1 < n_rows ? r->input[2 * p + 1] + lane : a;
        pair_rows(a, b, r->in_pitch, end - begin, low + begin * pairs + p,
                  high + begin * pairs + p, pairs);
    }
}

/* acc += the products of each lane's pair, in an order that gcc 12 keeps. */
TARE_ALWAYS_INLINE __m256i add_products(__m256i acc, const __m256i *x, __m256i w)
{
    __m256i products;
    __asm__("vpmaddwd %2, %1, %0" : "=x"(products) : "x"(w), "m"(*x));
    __asm__("vpaddd %1, %0, %0" : "+x"(acc) : "x"(products));
    return acc;
}

TARE_ALWAYS_INLINE void store8(uint8_t *y, int64_t bytes)
{
    memcpy(y, &bytes, sizeof bytes);
}

/* Store 8 channels of 4 pixels, or fewer of either. */
TARE_ALWAYS_INLINE void store4(uint8_t *y, int64_t pitch, __m256i bytes,
                               int64_t n_pixels, int64_t n_channels)
{
    if (n_channels >= HALF) {
        store8(y, _mm256_extract_epi64(bytes, 0));
        if (n_pixels > 1) store8(y + pitch, _mm256_extract_epi64(bytes, 1));
        if (n_pixels > 2) store8(y + 2 * pitch, _mm256_extract_epi64(bytes, 2));
        if (n_pixels > 3) store8(y + 3 * pitch, _mm256_extract_epi64(bytes, 3));
        return;
    }
    uint8_t all[4][HALF];
    _mm256_storeu_si256((__m256i *)(void *)all, bytes);
    for (int64_t i = 0; i < min_i64(n_pixels, 4); i++)
        memcpy(y + i * pitch, all[i], (size_t)n_channels);
}

/* 8 channels of an output row, from lane `lane` on. */
TARE_ALWAYS_INLINE void compute_half(const struct tare_u8_depthwise_rows *r,
                                     const struct tare_finish_avx2 *finish,
                                     int64_t lane, const __m256i *columns,
                                     const __m256i *weights, uint8_t *y,
                                     const struct rows_shape shape)
{
    enum { TILE = TARE_U8_DEPTHWISE_TILE };
    const int64_t pairs = pairs_of(shape);
    const __m256i init =
        _mm256_loadu_si256((const __m256i *)(const void *)(r->acc_init + lane));
    const __m256 multiplier = _mm256_loadu_ps(r->multiplier + lane);
    const __m256 bias = _mm256_loadu_ps(r->bias + lane);
    for (int64_t ox = 0; ox < r->out_w; ox += TILE) {
        __m256i acc[TILE];
        __m256 v[TILE + 1];
        EACH_OF(TILE, i) acc[i] = init;
        TARE_UNROLL
        for (int64_t k = 0; k < shape.side * pairs; k++) {
            const __m256i w = _mm256_loadu_si256(weights + k);
            EACH_OF(TILE, i)
            acc[i] = add_products(acc[i], columns + i * shape.stride * pairs + k, w);
        }
        columns += TILE * shape.stride * pairs;
        EACH_OF(TILE, i)
        v[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[i]), multiplier, bias);
        v[TILE] = v[TILE - 1];
        const int64_t n = min_i64(r->out_w - ox, TILE);
        for (int64_t i = 0; i < n; i += 4)
            store4(y + (ox + i) * r->out_pitch, r->out_pitch,
                   tare_bytes32_avx2(finish, v + i), n - i, r->channels - lane);
    }
}

TARE_ALWAYS_INLINE void compute_rows(const struct tare_u8_depthwise_rows *rows,
                                     const struct rows_shape shape)
{
    const struct tare_u8_depthwise_rows r = *rows; /* stores to y cannot change it */
    const struct tare_u8_epilogue *e = r.epilogue;
    const struct tare_finish_avx2 finish =
        tare_finish_avx2(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const int64_t n_columns =
        tare_u8_depthwise_columns(r.out_w, shape.side, shape.stride);
    const int64_t row_weights = shape.side * pairs_of(shape);
    const __m256i *weights = r.wide_weights;
    for (int64_t lane = 0; lane < r.channels;
         lane += HALF, weights += 2 * row_weights) {
        const int64_t half = lane / HALF % 2;
        if (half == 0) pair_columns(&r, lane, n_columns, shape);
        const __m256i *columns =
            (const __m256i *)r.columns + half * n_columns * pairs_of(shape);
        for (int64_t row = 0; row < r.n_rows; row++)
            compute_half(&r, &finish, lane, columns, weights + row * row_weights,
                         r.y + row * r.row_step + lane, shape);
    }
}

#endif /* TARE_KERNELS_U8_DEPTHWISE_ROWS_AVX2_H */
