/* kernels/u8_epilogue_neon.h - the epilogue on 16 values in four vectors, on aarch64.
 */
#ifndef TARE_KERNELS_U8_EPILOGUE_NEON_H
#define TARE_KERNELS_U8_EPILOGUE_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/u8_epilogue.h"

/** struct tare_u8_epilogue from negative_slope on. */
struct tare_finish_neon {
    float32x4_t slope, lower, upper;
    uint8x16_t zero_point;
};

static inline struct tare_finish_neon
tare_finish_neon(float negative_slope, float lower, float upper, int32_t out_zero_point)
{
    return (struct tare_finish_neon){
        .slope = vdupq_n_f32(negative_slope),
        .lower = vdupq_n_f32(lower),
        .upper = vdupq_n_f32(upper),
        .zero_point = vdupq_n_u8((uint8_t)out_zero_point),
    };
}

static inline float32x4_t tare_slope_neon(const struct tare_finish_neon *f,
                                          float32x4_t v)
{
    return vbslq_f32(vcltzq_f32(v), vmulq_f32(v, f->slope), v);
}

/** NaN gives lower. FMAX would choose among zeros by their sign. */
static inline float32x4_t tare_clamp_neon(const struct tare_finish_neon *f,
                                          float32x4_t v)
{
    v = vbslq_f32(vcgtq_f32(v, f->lower), v, f->lower);
    return vbslq_f32(vcltq_f32(v, f->upper), v, f->upper);
}

/* Clamped and rounded, as 16 bits: the zero point may be added to the lower byte. Zeros
 * of either sign are the same here, and NaN gives lower. */
static inline int16x8_t tare_words8_neon(const struct tare_finish_neon *f,
                                         float32x4_t v0, float32x4_t v1)
{
    const float32x4_t c0 = vminnmq_f32(vmaxnmq_f32(v0, f->lower), f->upper);
    const float32x4_t c1 = vminnmq_f32(vmaxnmq_f32(v1, f->lower), f->upper);
    return vuzp1q_s16(vreinterpretq_s16_s32(vcvtnq_s32_f32(c0)),
                      vreinterpretq_s16_s32(vcvtnq_s32_f32(c1)));
}

/** 8 values to bytes: clamp, round, add the zero point. */
static inline uint8x8_t tare_bytes8_neon(const struct tare_finish_neon *f,
                                         float32x4_t v0, float32x4_t v1)
{
    const uint16x8_t words = vreinterpretq_u16_s16(tare_words8_neon(f, v0, v1));
    return vadd_u8(vmovn_u16(words), vget_low_u8(f->zero_point));
}

static inline uint8x16_t tare_bytes16_neon(const struct tare_finish_neon *f,
                                           const float32x4_t v[4])
{
    const uint8x16_t bytes =
        vuzp1q_u8(vreinterpretq_u8_s16(tare_words8_neon(f, v[0], v[1])),
                  vreinterpretq_u8_s16(tare_words8_neon(f, v[2], v[3])));
    return vaddq_u8(bytes, f->zero_point);
}

/** 4 of 16 words, less a zero point, as floats. */
static inline float32x4_t tare_real4_neon(uint16x4_t x, int32x4_t zero_point)
{
    return vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(vmovl_u16(x)), zero_point));
}

/** Store the first `n` of 16 bytes; n >= 16 stores all of them. */
static inline void tare_store16_neon(uint8_t *y, uint8x16_t bytes, int64_t n)
{
    if (n >= 16) {
        vst1q_u8(y, bytes);
        return;
    }
    uint8_t all[16];
    vst1q_u8(all, bytes);
    memcpy(y, all, (size_t)n);
}

/** The first `n` of 8 bytes. */
static inline void tare_store8_neon(uint8_t *y, uint8x8_t bytes, int64_t n)
{
    if (n >= 8) {
        vst1_u8(y, bytes);
        return;
    }
    uint8_t all[8];
    vst1_u8(all, bytes);
    memcpy(y, all, (size_t)n);
}

/** Finish and store the first `n` of 8 values, to the one of `y_u8` and `y_f32` that is
 *  not NULL. */
static inline void tare_finish8_neon(const struct tare_finish_neon *f, float32x4_t v0,
                                     float32x4_t v1, uint8_t *y_u8, float *y_f32,
                                     int64_t at, int64_t n)
{
    if (y_u8) {
        tare_store8_neon(y_u8 + at, tare_bytes8_neon(f, v0, v1), n);
    } else if (n >= 8) {
        vst1q_f32(y_f32 + at, tare_clamp_neon(f, v0));
        vst1q_f32(y_f32 + at + 4, tare_clamp_neon(f, v1));
    } else {
        float all[8];
        vst1q_f32(all, tare_clamp_neon(f, v0));
        vst1q_f32(all + 4, tare_clamp_neon(f, v1));
        memcpy(y_f32 + at, all, (size_t)n * sizeof *all);
    }
}

/** The same for 16 values. */
static inline void tare_finish16_neon(const struct tare_finish_neon *f,
                                      const float32x4_t v[4], uint8_t *y_u8,
                                      float *y_f32, int64_t at, int64_t n)
{
    if (y_u8) {
        tare_store16_neon(y_u8 + at, tare_bytes16_neon(f, v), n);
        return;
    }
    tare_finish8_neon(f, v[0], v[1], NULL, y_f32, at, n);
    if (n > 8) tare_finish8_neon(f, v[2], v[3], NULL, y_f32, at + 8, n - 8);
}

#endif /* TARE_KERNELS_U8_EPILOGUE_NEON_H */
