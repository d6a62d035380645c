/* kernels/u8_depthwise/u8_depthwise_neon.h - what the variants for aarch64 share: the
 * epilogue of 16 channels. Private to this folder. */
#ifndef TARE_KERNELS_U8_DEPTHWISE_NEON_H
#define TARE_KERNELS_U8_DEPTHWISE_NEON_H

#include <arm_neon.h>

#include "kernels/u8_depthwise/u8_depthwise_walk.h"
#include "kernels/u8_epilogue_neon.h"
#include "kernels/unroll.h"

enum { LANES = 16 };

/* 16 lanes of packed weights: [n_quads][TARE_U8_DEPTHWISE_BLOCK][4]. */
static inline const int8_t *weights_of(const struct tare_u8_depthwise_run *r,
                                       int64_t lane)
{
    return r->weights +
           lane / TARE_U8_DEPTHWISE_BLOCK * TARE_U8_DEPTHWISE_BLOCK * 4 * r->n_quads +
           lane % TARE_U8_DEPTHWISE_BLOCK * 4;
}

/* The epilogue of 16 lanes of one pixel, up to the clamp. */
TARE_ALWAYS_INLINE void scale16(const struct tare_u8_depthwise_run *r,
                                const struct tare_finish_neon *finish,
                                const int32x4_t sums[4], int64_t lane,
                                int64_t residual_at, float32x4_t v[4])
{
    const struct tare_u8_epilogue *e = r->epilogue;
    TARE_UNROLL
    for (int64_t i = 0; i < 4; i++)
        v[i] = vfmaq_f32(vld1q_f32(r->bias + lane + 4 * i), vcvtq_f32_s32(sums[i]),
                         vld1q_f32(r->multiplier + lane + 4 * i));
    if (r->residual) {
        const uint8x16_t x = vld1q_u8(r->residual + residual_at);
        const uint16x8_t low = vmovl_u8(vget_low_u8(x)), high = vmovl_high_u8(x);
        const uint16x4_t parts[4] = {vget_low_u16(low), vget_high_u16(low),
                                     vget_low_u16(high), vget_high_u16(high)};
        const int32x4_t zero_point = vdupq_n_s32(e->residual_zero_point);
        TARE_UNROLL
        for (int64_t i = 0; i < 4; i++)
            v[i] = vfmaq_f32(v[i], tare_real4_neon(parts[i], zero_point),
                             vdupq_n_f32(e->residual_scale));
    }
    if (e->negative_slope == 1.0f) return;
    TARE_UNROLL
    for (int64_t i = 0; i < 4; i++)
        v[i] = tare_slope_neon(finish, v[i]);
}

/* 16 lanes of pixel `i` from their sums to memory. */
TARE_ALWAYS_INLINE void store_pixel(const struct tare_u8_depthwise_run *r,
                                    const struct tare_finish_neon *finish,
                                    const int32x4_t sums[4], int64_t i, int64_t lane)
{
    float32x4_t v[4];
    scale16(r, finish, sums, lane, i * r->residual_step + lane, v);
    tare_finish16_neon(finish, v, r->y_u8, r->y_f32, i * r->out_step + lane,
                       r->lanes - lane);
}

#endif /* TARE_KERNELS_U8_DEPTHWISE_NEON_H */
