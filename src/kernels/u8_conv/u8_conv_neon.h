/* kernels/u8_conv/u8_conv_neon.h - what the variants for aarch64 share: how a tile is
 * cut into register tiles of some pixels by 8 channels, and the epilogue. Private to
 * this folder. */
#ifndef TARE_KERNELS_U8_CONV_NEON_H
#define TARE_KERNELS_U8_CONV_NEON_H

#include <arm_neon.h>

#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_neon.h"
#include "kernels/unroll.h"

enum { COLUMNS = 8 };

/* Of 8 channels of one pixel. */
struct sums {
    int32x4_t low, high;
};

/* Instructions that multiply signed bytes alone take activations less 128, which is
 * what flipping the highest bit makes of them. The sum then lacks 128 times the sum of
 * the channel's weights: `missing`, which one of a tile's register tiles adds up and
 * the others take over. int32 may wrap on its way, as everywhere. */
TARE_ALWAYS_INLINE int32x4_t add_wrapping(int32x4_t a, int32x4_t b)
{
    return vreinterpretq_s32_u32(
        vaddq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
}

TARE_ALWAYS_INLINE int32x4_t sub_wrapping(int32x4_t a, int32x4_t b)
{
    return vreinterpretq_s32_u32(
        vsubq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
}

/* 8 channels of one pixel from their sums to memory. */
static inline void store_row(const struct tare_u8_conv_tile *t,
                             const struct tare_finish_neon *finish,
                             const struct sums *sums, int64_t pixel, int64_t channel)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    const float *multiplier = t->multiplier + channel, *bias = t->bias + channel;
    float32x4_t v0 =
        vfmaq_f32(vld1q_f32(bias), vcvtq_f32_s32(sums->low), vld1q_f32(multiplier));
    float32x4_t v1 = vfmaq_f32(vld1q_f32(bias + 4), vcvtq_f32_s32(sums->high),
                               vld1q_f32(multiplier + 4));
    if (t->residual) {
        const uint16x8_t r =
            vmovl_u8(vld1_u8(t->residual + pixel * t->residual_stride + channel));
        const int32x4_t zero_point = vdupq_n_s32(e->residual_zero_point);
        const float32x4_t scale = vdupq_n_f32(e->residual_scale);
        v0 = vfmaq_f32(v0, tare_real4_neon(vget_low_u16(r), zero_point), scale);
        v1 = vfmaq_f32(v1, tare_real4_neon(vget_high_u16(r), zero_point), scale);
    }
    if (e->negative_slope != 1.0f) {
        v0 = tare_slope_neon(finish, v0);
        v1 = tare_slope_neon(finish, v1);
    }
    tare_finish8_neon(finish, v0, v1, t->y_u8, t->y_f32,
                      pixel * t->pixel_stride + channel, t->n_channels - channel);
}

/** The sums of some pixels from `first` on, for 8 channels from `channel` on. */
typedef void accumulate_fn(const struct tare_u8_conv_tile *t, int64_t first,
                           int64_t channel, struct sums *sums, struct sums *missing);

/* @param accumulate  by the number of pixels less 1, for a tile's first part and for
 *                    the others; up to `most` pixels each. */
TARE_ALWAYS_INLINE void compute_parts(const struct tare_u8_conv_tile *t,
                                      accumulate_fn *const (*accumulate)[2],
                                      const int64_t most)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    const struct tare_finish_neon finish =
        tare_finish_neon(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const int64_t parts = (t->n_rows + most - 1) / most;
    for (int64_t channel = 0; channel < t->n_channels; channel += COLUMNS) {
        struct sums sums[TARE_U8_CONV_ROWS], missing;
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = t->n_rows * part / parts;
            const int64_t rows = t->n_rows * (part + 1) / parts - first;
            accumulate[rows - 1][part > 0](t, first, channel, sums, &missing);
            for (int64_t i = 0; i < rows; i++)
                store_row(t, &finish, &sums[i], first + i, channel);
        }
    }
}

#endif /* TARE_KERNELS_U8_CONV_NEON_H */
