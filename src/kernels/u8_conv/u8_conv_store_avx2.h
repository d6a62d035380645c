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

TARE_ALWAYS_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
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

/* All pixels of a layer of one group, from the channel `first` on, up to `most` of
 * them; only what the epilogue reads. */
static inline struct tare_u8_conv_tile
tile_of_channels(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
                 int64_t first, int64_t most)
{
    const struct tare_window *w = &p->window;
    struct tare_u8_conv_tile t = {.n_channels = min_i64(most, w->out_c - first),
                                  .acc_init = d->acc_init + first,
                                  .multiplier = d->multiplier + first,
                                  .bias = d->bias + first,
                                  .pixel_stride = tare_window_out_pitch(w),
                                  .residual_stride = w->out_c,
                                  .epilogue = &p->epilogue};
    if (p->epilogue.has_residual) t.residual = d->residual + first;
    if (p->epilogue.out_f32)
        t.y_f32 = (float *)d->y + first;
    else
        t.y_u8 = (uint8_t *)d->y + first;
    return t;
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

#endif /* TARE_KERNELS_U8_CONV_STORE_AVX2_H */
