/* kernels/u8_conv/u8_conv_store_avx2.h - loads of 256 bits and the epilogue of a tile,
 * for files built with the flags of TARE_CPU_AVX2. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_STORE_AVX2_H
#define TARE_KERNELS_U8_CONV_STORE_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_avx2.h"
#include "kernels/unroll.h"
#include "kernels/whole.h"

enum {
    STEP = 4,    /* inputs */
    CHANNELS = 8 /* of a vector of sums */
};

TARE_ALWAYS_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

TARE_ALWAYS_INLINE void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

TARE_ALWAYS_INLINE __m128i load_half(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

TARE_ALWAYS_INLINE __m256i broadcast4(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline struct tare_finish_avx2 finish_of(const struct tare_u8_conv_tile *t)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    return tare_finish_avx2(e->negative_slope, e->lower, e->upper, e->out_zero_point);
}

/* The residual of one pixel from `channel` on, for `width` channels, or NULL. */
TARE_ALWAYS_INLINE const uint8_t *residual_of(const struct tare_u8_conv_tile *t,
                                              int64_t pixel, int64_t channel,
                                              int64_t width, uint8_t *copy)
{
    if (!t->residual) return NULL;
    return tare_residual_avx2(t->residual + pixel * t->residual_stride + channel,
                              t->n_channels - channel, width, copy);
}

/* The epilogue of 8 channels of one pixel, up to the clamp; `residual` is theirs, or
 * NULL. */
TARE_ALWAYS_INLINE __m256 scale8(const struct tare_u8_conv_tile *t, __m256i acc,
                                 int64_t channel, const uint8_t *residual)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    const __m256 v = _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc),
                                     _mm256_loadu_ps(t->multiplier + channel),
                                     _mm256_loadu_ps(t->bias + channel));
    if (!residual) return v;
    const __m256i zero_point = _mm256_set1_epi32(e->residual_zero_point);
    return _mm256_fmadd_ps(tare_real8_avx2(residual, zero_point),
                           _mm256_set1_ps(e->residual_scale), v);
}

/* 16 channels of one pixel from their sums to memory. */
static inline void store_row(const struct tare_u8_conv_tile *t,
                             const struct tare_finish_avx2 *finish, __m256i sums0,
                             __m256i sums1, int64_t pixel, int64_t channel)
{
    uint8_t copy[TARE_U8_CONV_BLOCK];
    const uint8_t *residual = residual_of(t, pixel, channel, 16, copy);
    const int64_t at = pixel * t->pixel_stride + channel;
    __m256 v0 = scale8(t, sums0, channel, residual);
    __m256 v1 = scale8(t, sums1, channel + 8, residual ? residual + 8 : NULL);
    if (t->epilogue->negative_slope != 1.0f) {
        v0 = tare_slope_avx2(finish, v0);
        v1 = tare_slope_avx2(finish, v1);
    }
    tare_finish16_avx2(finish, v0, v1, t->y_u8, t->y_f32, at, t->n_channels - channel);
}

/* A block's channels of one pixel, 8 * `vectors` of them, from their sums to bytes. */
TARE_ALWAYS_INLINE __m256i bytes_of_row(const struct tare_u8_conv_tile *t,
                                        const struct tare_finish_avx2 *finish,
                                        const int32_t *sums, int64_t pixel,
                                        const int vectors)
{
    uint8_t copy[TARE_U8_CONV_BLOCK];
    const uint8_t *residual = residual_of(t, pixel, 0, 8 * vectors, copy);
    __m256 v[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                   _mm256_setzero_ps()};
    EACH_OF(vectors, j)
    v[j] = scale8(t, load(sums + 8 * j), 8 * j, residual ? residual + 8 * j : NULL);
    if (t->epilogue->negative_slope != 1.0f)
        EACH_OF(vectors, j) v[j] = tare_slope_avx2(finish, v[j]);
    return tare_bytes32_avx2(finish, v);
}

/* The bytes of `n` pixels, 8 * `vectors` channels each, of which n_channels are
 * stored. */
TARE_ALWAYS_INLINE void store_bytes(const struct tare_u8_conv_tile *tile,
                                    const struct tare_finish_avx2 *finish,
                                    const int32_t *sums, int64_t pixel, int64_t n,
                                    const int vectors)
{
    /* stores to y cannot change copies */
    const struct tare_u8_conv_tile t = *tile;
    const struct tare_finish_avx2 f = *finish;
    uint8_t *y = t.y_u8 + pixel * t.pixel_stride;
    for (int64_t i = 0; i < n; i++, y += t.pixel_stride, sums += TARE_U8_CONV_BLOCK) {
        const __m256i bytes = bytes_of_row(&t, &f, sums, pixel + i, vectors);
        if (t.n_channels == 8 * vectors && vectors == 4) {
            store(y, bytes);
        } else if (t.n_channels == 8 * vectors) {
            _mm_storeu_si128((__m128i *)(void *)y, _mm256_castsi256_si128(bytes));
        } else {
            uint8_t all[TARE_U8_CONV_BLOCK];
            store(all, bytes);
            memcpy(y, all, (size_t)t.n_channels);
        }
    }
}

/* A block's channels of `n` pixels from their sums, TARE_U8_CONV_BLOCK apart, to
 * memory. */
static inline void store_pixels(const struct tare_u8_conv_tile *t,
                                const struct tare_finish_avx2 *finish,
                                const int32_t *sums, int64_t pixel, int64_t n)
{
    if (t->y_u8 && t->width == TARE_U8_CONV_NARROW) {
        store_bytes(t, finish, sums, pixel, n, 2);
    } else if (t->y_u8) {
        store_bytes(t, finish, sums, pixel, n, 4);
    } else {
        for (int64_t i = 0; i < n; i++, sums += TARE_U8_CONV_BLOCK)
            for (int64_t c = 0; c < t->n_channels; c += 16)
                store_row(t, finish, load(sums + c), load(sums + c + 8), pixel + i, c);
    }
}

#endif /* TARE_KERNELS_U8_CONV_STORE_AVX2_H */
