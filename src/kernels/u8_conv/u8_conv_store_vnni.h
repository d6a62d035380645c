/* kernels/u8_conv/u8_conv_store_vnni.h - the epilogue of a tile, for files built with
 * the flags of TARE_CPU_VNNI. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_STORE_VNNI_H
#define TARE_KERNELS_U8_CONV_STORE_VNNI_H

#include <immintrin.h>

#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_vnni.h"
#include "kernels/unroll.h"

/* The epilogue's parameters for a block's channels, 16 a vector. */
struct columns {
    __m512 multiplier[2], bias[2];
    uint32_t valid;
    struct tare_finish_vnni finish;
};

TARE_ALWAYS_INLINE struct columns load_columns(const struct tare_u8_conv_tile *t,
                                               const int64_t vectors)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    struct columns c = {
        .valid = UINT32_MAX >> (32 - t->n_channels),
        .finish =
            tare_finish_vnni(e->negative_slope, e->lower, e->upper, e->out_zero_point),
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
    if (route.residual) {
        const __m512i r = _mm512_cvtepu8_epi32(
            _mm_maskz_loadu_epi8((__mmask16)(c->valid >> (16 * j)),
                                 out->residual + i * t->residual_stride + 16 * j));
        const __m512i zero_point = _mm512_set1_epi32(e->residual_zero_point);
        v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(r, zero_point)),
                            _mm512_set1_ps(e->residual_scale), v);
    }
    return route.slope ? tare_slope_vnni(&c->finish, v) : v;
}

/* All channels of pixel `i` to memory. */
TARE_ALWAYS_INLINE void store_values(const struct tare_u8_conv_tile *t,
                                     const struct output *out, const struct columns *c,
                                     const struct route route, int64_t i,
                                     const __m512 *v, const int64_t vectors)
{
    const int64_t at = i * t->pixel_stride;
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

/* The same of its sums. */
TARE_ALWAYS_INLINE void store_row(const struct tare_u8_conv_tile *t,
                                  const struct output *out, const struct columns *c,
                                  const struct route route, int64_t i,
                                  const __m512i *acc, const int64_t vectors)
{
    __m512 v[2];
    TARE_UNROLL
    for (int64_t j = 0; j < vectors; j++)
        v[j] = value_of(t, out, c, route, i, j, acc[j]);
    store_values(t, out, c, route, i, v, vectors);
}

TARE_ALWAYS_INLINE void store_all(const struct tare_u8_conv_tile *t,
                                  const struct output *out, const struct route route,
                                  const __m512i (*sums)[2])
{
    const struct columns c = load_columns(t, 2);
    for (int64_t i = 0; i < out->n_rows; i++)
        store_row(t, out, &c, route, i, sums[i], 2);
}

/* From sums in memory; the two routes of nearly all layers have loops of their own.
 * Once, not in each of its 28 callers. */
static __attribute__((noinline)) void store_rows(const struct tare_u8_conv_tile *t,
                                                 const struct output out,
                                                 const struct route route,
                                                 const __m512i (*sums)[2])
{
    const bool narrow = t->width == TARE_U8_CONV_NARROW;
    if (!narrow && !route.slope && !route.out_f32) {
        if (route.residual)
            store_all(t, &out, (struct route){.residual = true}, sums);
        else
            store_all(t, &out, (struct route){.residual = false}, sums);
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
