/* kernels/u8_conv/u8_conv_store_vnni.h - the epilogue of a tile, for files built with
 * the flags of TARE_CPU_VNNI. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_STORE_VNNI_H
#define TARE_KERNELS_U8_CONV_STORE_VNNI_H

#include <immintrin.h>
#include <math.h>

#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_vnni.h"
#include "kernels/unroll.h"

/* The epilogue's parameters for a block's channels, 16 a vector. */
struct columns {
    __m512 multiplier[2], bias[2];
    uint32_t valid;
    struct tare_finish_vnni finish;
    __m512i lowest, highest; /* bytes: bounds of the output */
};

TARE_ALWAYS_INLINE __m512i byte_bound(const struct tare_u8_epilogue *e, float bound)
{
    const __m128i rounded = _mm_cvtps_epi32(_mm_set1_ps(bound));
    const __m128i byte = _mm_add_epi32(rounded, _mm_set1_epi32(e->out_zero_point));
    return _mm512_broadcastb_epi8(byte);
}

TARE_ALWAYS_INLINE struct columns load_columns(const struct tare_u8_conv_tile *t,
                                               const int64_t vectors)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    struct columns c = {
        .valid = UINT32_MAX >> (32 - t->n_channels),
        .finish =
            tare_finish_vnni(e->negative_slope, e->lower, e->upper, e->out_zero_point),
        .lowest = byte_bound(e, e->lower),
        .highest = byte_bound(e, e->upper),
    };
    TARE_UNROLL
    for (int64_t j = 0; j < vectors; j++) {
        c.multiplier[j] = _mm512_loadu_ps(t->multiplier + 16 * j);
        c.bias[j] = _mm512_loadu_ps(t->bias + 16 * j);
    }
    return c;
}

/* How the epilogue of a tile goes on after the multiplication. */
struct route {
    bool residual, slope, out_f32;
    bool words; /* two rows become bytes by way of saturated words: is_for_words() */
    bool plain; /* of such: is_plain() */
};

/* Where the pixels of one tile go, and what is added to them. */
struct output {
    int64_t n_rows;
    const uint8_t *residual; /* NULL without one */
    uint8_t *y_u8;           /* NULL with out_f32 */
    float *y_f32;            /* NULL without out_f32 */
};

/* Of all rows of `t`. */
TARE_ALWAYS_INLINE struct output output_of(const struct tare_u8_conv_tile *t)
{
    return (struct output){t->n_rows, t->residual, t->y_u8, t->y_f32};
}

/* 16 channels of pixel `i` of the tile from its sums to real values. The route is best
 * a constant. */
TARE_ALWAYS_INLINE __m512 value_of(const struct tare_u8_conv_tile *t,
                                   const struct output *out, const struct columns *c,
                                   const struct route route, int64_t i, int64_t j,
                                   __m512i acc)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    __m512 v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), c->multiplier[j], c->bias[j]);
    if (route.residual && route.plain) {
        const __m512i r = _mm512_cvtepu8_epi32(_mm_loadu_si128(
            (const void *)(out->residual + i * t->residual_stride + 16 * j)));
        v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(r), _mm512_set1_ps(e->residual_scale),
                            v);
    } else if (route.residual) {
        const __m512i r = _mm512_cvtepu8_epi32(
            _mm_maskz_loadu_epi8((__mmask16)(c->valid >> (16 * j)),
                                 out->residual + i * t->residual_stride + 16 * j));
        const __m512i zero_point = _mm512_set1_epi32(e->residual_zero_point);
        v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(r, zero_point)),
                            _mm512_set1_ps(e->residual_scale), v);
    }
    return route.slope ? tare_slope_vnni(&c->finish, v) : v;
}

/* May values become bytes by conversions that saturate? They then have to fit an int32,
 * where larger ones would wrap around. */
TARE_ALWAYS_INLINE bool is_for_words(const struct tare_u8_conv_tile *t,
                                     const int64_t vectors)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    if (vectors != 2 || e->negative_slope != 1.0f || t->y_f32) return false;
    if (t->residual && !(fabsf(e->residual_scale) <= 0x1p20f)) return false;
    /* |sum * multiplier + bias + residual| < 2^31 / 4 + 2^28 + 2^28 */
    __mmask16 large = 0;
    for (int64_t j = 0; j < vectors; j++) {
        const __m512 multiplier =
            _mm512_abs_ps(_mm512_loadu_ps(t->multiplier + 16 * j));
        const __m512 bias = _mm512_abs_ps(_mm512_loadu_ps(t->bias + 16 * j));
        large |= _mm512_cmp_ps_mask(multiplier, _mm512_set1_ps(0.25f), _CMP_NLE_UQ) |
                 _mm512_cmp_ps_mask(bias, _mm512_set1_ps(0x1p28f), _CMP_NLE_UQ);
    }
    return large == 0;
}

/* A whole block whose bytes have no zero point and no bounds but their own, nor has
 * what is added to it: what follows a ReLU. */
TARE_ALWAYS_INLINE bool is_plain(const struct tare_u8_conv_tile *t)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    return t->n_channels == TARE_U8_CONV_BLOCK && e->out_zero_point == 0 &&
           e->lower == 0.0f && e->upper == 255.0f &&
           (!t->residual || e->residual_zero_point == 0);
}

/* The 32 channels of pixel `i` as words: rounded, saturated, of each lane four of both
 * vectors. */
TARE_ALWAYS_INLINE __m512i words_of_row(const struct tare_u8_conv_tile *t,
                                        const struct output *out,
                                        const struct columns *c,
                                        const struct route route, int64_t i,
                                        const __m512i *acc)
{
    const __m512 low = value_of(t, out, c, route, i, 0, acc[0]);
    const __m512 high = value_of(t, out, c, route, i, 1, acc[1]);
    return _mm512_packs_epi32(_mm512_cvtps_epi32(low), _mm512_cvtps_epi32(high));
}

/* The words of the pixels `i` and, if there is one, `i` + 1 to memory. */
TARE_ALWAYS_INLINE void store_words(const struct tare_u8_conv_tile *t,
                                    const struct output *out, const struct columns *c,
                                    const struct route route, int64_t i, __m512i first,
                                    __m512i second, const bool is_pair)
{
    if (!route.plain) {
        const __m512i zero_point =
            _mm512_set1_epi16((int16_t)t->epilogue->out_zero_point);
        first = _mm512_adds_epi16(first, zero_point);
        second = _mm512_adds_epi16(second, zero_point);
    }
    __m512i bytes = _mm512_packus_epi16(first, second);
    if (!route.plain)
        bytes = _mm512_min_epu8(_mm512_max_epu8(bytes, c->lowest), c->highest);
    /* words have four channels of each vector in a lane, and so has what they become */
    bytes = _mm512_permutexvar_epi32(
        _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0), bytes);
    const __m256i low = _mm512_castsi512_si256(bytes);
    const __m256i high = _mm512_extracti64x4_epi64(bytes, 1);
    uint8_t *y = out->y_u8 + i * t->pixel_stride;
    if (route.plain) {
        _mm256_storeu_si256((void *)y, low);
        if (is_pair) _mm256_storeu_si256((void *)(y + t->pixel_stride), high);
    } else {
        _mm256_mask_storeu_epi8(y, c->valid, low);
        if (is_pair) _mm256_mask_storeu_epi8(y + t->pixel_stride, c->valid, high);
    }
}

/* All channels of pixel `i`, of its sums, to memory. */
TARE_ALWAYS_INLINE void store_row(const struct tare_u8_conv_tile *t,
                                  const struct output *out, const struct columns *c,
                                  const struct route route, int64_t i,
                                  const __m512i *acc, const int64_t vectors)
{
    const int64_t at = i * t->pixel_stride;
    __m512 v[2];
    TARE_UNROLL
    for (int64_t j = 0; j < vectors; j++)
        v[j] = value_of(t, out, c, route, i, j, acc[j]);
    if (route.out_f32) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            _mm512_mask_storeu_ps(out->y_f32 + at + 16 * j,
                                  (__mmask16)(c->valid >> (16 * j)),
                                  tare_clamp_vnni(&c->finish, v[j]));
    } else if (vectors == 2) {
        _mm256_mask_storeu_epi8(out->y_u8 + at, c->valid,
                                tare_bytes32_vnni(&c->finish, v[0], v[1]));
    } else {
        _mm_mask_storeu_epi8(out->y_u8 + at, (__mmask16)c->valid,
                             tare_bytes16_vnni(&c->finish, v[0]));
    }
}

/* Two pixels at a time, where is_for_words(). */
TARE_ALWAYS_INLINE void store_all(const struct tare_u8_conv_tile *t,
                                  const struct output *out, const struct route route,
                                  const __m512i (*sums)[2])
{
    const struct columns c = load_columns(t, 2);
    int64_t i = 0;
    for (; i + 1 < out->n_rows; i += 2)
        store_words(t, out, &c, route, i, words_of_row(t, out, &c, route, i, sums[i]),
                    words_of_row(t, out, &c, route, i + 1, sums[i + 1]), true);
    if (i == out->n_rows) return;
    const __m512i last = words_of_row(t, out, &c, route, i, sums[i]);
    store_words(t, out, &c, route, i, last, last, false);
}

/* From sums in memory; the routes of nearly all layers have loops of their own.
 * Once, not in each of its 28 callers. */
static __attribute__((noinline)) void store_rows(const struct tare_u8_conv_tile *t,
                                                 const struct output out,
                                                 const struct route route,
                                                 const __m512i (*sums)[2])
{
    const bool narrow = t->width == TARE_U8_CONV_NARROW;
    if (!narrow && is_for_words(t, 2)) {
        if (route.residual)
            store_all(t, &out, (struct route){.residual = true, .words = true}, sums);
        else if (is_plain(t))
            store_all(t, &out, (struct route){.words = true, .plain = true}, sums);
        else
            store_all(t, &out, (struct route){.words = true}, sums);
        return;
    }
    const struct columns c = load_columns(t, narrow ? 1 : 2);
    for (int64_t i = 0; i < out.n_rows; i++) {
        if (narrow)
            store_row(t, &out, &c, route, i, sums[i], 1);
        else
            store_row(t, &out, &c, route, i, sums[i], 2);
    }
}

TARE_ALWAYS_INLINE struct route route_of(const struct tare_u8_conv_tile *t)
{
    return (struct route){.residual = t->residual != NULL,
                          .slope = t->epilogue->negative_slope != 1.0f,
                          .out_f32 = t->y_f32 != NULL};
}

#endif /* TARE_KERNELS_U8_CONV_STORE_VNNI_H */
