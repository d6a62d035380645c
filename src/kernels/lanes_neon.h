/* kernels/lanes_neon.h - the vector of lanes.h on aarch64: the part that depends on the
 * instruction set. Included by lanes.h alone. */
#ifndef TARE_KERNELS_LANES_NEON_H
#define TARE_KERNELS_LANES_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>

#define LANES INT64_C(4)
typedef float32x4_t lanes;
typedef uint32x4_t lanes_mask;

static inline lanes lanes_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void lanes_store(float *p, lanes v)
{
    vst1q_f32(p, v);
}

static inline lanes lanes_set1(float a)
{
    return vdupq_n_f32(a);
}

static inline lanes lanes_zero(void)
{
    return vdupq_n_f32(0.0f);
}

/** The first n < LANES elements; the others are 0. Touches no memory behind them. */
static inline lanes lanes_load_n(const float *p, int64_t n)
{
    lanes v = lanes_zero();
    if (n > 0) v = vld1q_lane_f32(p, v, 0);
    if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
    if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
    return v;
}

static inline void lanes_store_n(float *p, lanes v, int64_t n)
{
    if (n > 0) vst1q_lane_f32(p, v, 0);
    if (n > 1) vst1q_lane_f32(p + 1, v, 1);
    if (n > 2) vst1q_lane_f32(p + 2, v, 2);
}

/** v with zeros behind its first n elements, n <= LANES. */
static inline lanes lanes_keep(lanes v, int64_t n)
{
    const uint32_t index[] = {0, 1, 2, 3};
    const uint32x4_t kept = vcltq_u32(vld1q_u32(index), vdupq_n_u32((uint32_t)n));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), kept));
}

/** Element i ^ distance in the place of i, distance being 2 or 1. */
static inline lanes lanes_swap(lanes v, int distance)
{
    return distance == 2 ? vextq_f32(v, v, 2) : vrev64q_f32(v);
}

static inline lanes_mask lanes_lt(lanes a, lanes b)
{
    return vcltq_f32(a, b);
}

static inline lanes_mask lanes_is_nan(lanes a)
{
    return vmvnq_u32(vceqq_f32(a, a));
}

/** mask ? a : b */
static inline lanes lanes_select(lanes_mask mask, lanes a, lanes b)
{
    return vbslq_f32(mask, a, b);
}

static inline lanes lanes_rint(lanes a)
{
    return vrndnq_f32(a);
}

static inline lanes lanes_floor(lanes a)
{
    return vrndmq_f32(a);
}

static inline lanes lanes_ceil(lanes a)
{
    return vrndpq_f32(a);
}

/** 2^n for an integral n in [-126, 127]. */
static inline lanes lanes_exp2i(lanes n)
{
    const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(biased, 23));
}

/** p 2^n, n rounded, where both are normal: it is added to the exponent. */
static inline lanes lanes_add_exponent(lanes p, lanes n)
{
    const int32x4_t k = vshlq_n_s32(vcvtnq_s32_f32(n), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), k));
}

static inline bool lanes_all(lanes_mask mask)
{
    return vminvq_u32(mask) == UINT32_MAX;
}

static inline lanes lanes_bits_or(lanes a, uint32_t bits)
{
    return vreinterpretq_f32_u32(
        vorrq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(bits)));
}

static inline lanes lanes_bits_and(lanes a, uint32_t bits)
{
    return vreinterpretq_f32_u32(
        vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(bits)));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return vaddq_f32(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return vsubq_f32(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return vmulq_f32(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return vdivq_f32(a, b);
}

static inline lanes lanes_sqrt(lanes a)
{
    return vsqrtq_f32(a);
}

/** a * b + c, rounded once */
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return vfmaq_f32(c, a, b);
}

/** a > b ? a : b, so b when either is NaN, which FMAX and FMAXNM are not */
static inline lanes lanes_max(lanes a, lanes b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

/** a < b ? a : b, so b when either is NaN */
static inline lanes lanes_min(lanes a, lanes b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

#endif /* TARE_KERNELS_LANES_NEON_H */
