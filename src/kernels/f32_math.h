/* kernels/f32_math.h - the transcendental functions of the float32 kernels, one value
 * at a time: the definition that lanes_math.h repeats operation by operation. */
#ifndef TARE_KERNELS_F32_MATH_H
#define TARE_KERNELS_F32_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Beyond these exp() is 0 or infinite even after rounding. */
#define TARE_EXP_LOWEST  (-104.0f)
#define TARE_EXP_HIGHEST 89.0f
#define TARE_LOG2_E      0x1.715476p+0f
#define TARE_LN2_HIGH    0x1.62e430p-1f
#define TARE_LN2_LOW     (-0x1.05c610p-29f)

/* (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, relative error of exp(r) below 2^-28. */
#define TARE_EXP_C0 0x1.fffffcp-2f
#define TARE_EXP_C1 0x1.555492p-3f
#define TARE_EXP_C2 0x1.5558b6p-5f
#define TARE_EXP_C3 0x1.1239a2p-7f
#define TARE_EXP_C4 0x1.6a4746p-10f

/* (tanh(x) / x - 1) / x^2 in x^2 for |x| <= 0.625, relative error below 2^-27. */
#define TARE_TANH_NEAR_0 0.625f
#define TARE_TANH_C0     (-0x1.555532p-2f)
#define TARE_TANH_C1     0x1.1106f6p-3f
#define TARE_TANH_C2     (-0x1.b835a4p-5f)
#define TARE_TANH_C3     0x1.51f8cep-6f
#define TARE_TANH_C4     (-0x1.750ce2p-8f)

/** 2^n for an integral n in [-126, 127]. */
static inline float tare_f32_exp2i(float n)
{
    const uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/** exp(x), within 1 ULP; denormal, 0 and infinite where exp(x) is. */
static inline float tare_f32_exp(float x)
{
    if (isnan(x)) return x;
    x = TARE_EXP_LOWEST > x ? TARE_EXP_LOWEST : x;
    x = TARE_EXP_HIGHEST < x ? TARE_EXP_HIGHEST : x;
    const float n = rintf(x * TARE_LOG2_E);
    float r = fmaf(n, -TARE_LN2_HIGH, x);
    r = fmaf(n, -TARE_LN2_LOW, r);

    float p = fmaf(TARE_EXP_C4, r, TARE_EXP_C3);
    p = fmaf(p, r, TARE_EXP_C2);
    p = fmaf(p, r, TARE_EXP_C1);
    p = fmaf(p, r, TARE_EXP_C0);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);

    /* In two steps, as 2^n alone may be denormal or infinite. */
    const float half = rintf(n * 0.5f);
    return p * tare_f32_exp2i(half) * tare_f32_exp2i(n - half);
}

/** 1 / (1 + exp(-x)), within 2.5 ULP, also where it is denormal. */
static inline float tare_f32_sigmoid(float x)
{
    const float e = tare_f32_exp(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/** tanh(x), within 1.5 ULP. */
static inline float tare_f32_tanh(float x)
{
    const float a = fabsf(x);
    if (a < TARE_TANH_NEAR_0) {
        const float z = x * x;
        float p = fmaf(TARE_TANH_C4, z, TARE_TANH_C3);
        p = fmaf(p, z, TARE_TANH_C2);
        p = fmaf(p, z, TARE_TANH_C1);
        p = fmaf(p, z, TARE_TANH_C0);
        return fmaf(p * z, x, x);
    }
    const float t = 1.0f - 2.0f / (tare_f32_exp(a + a) + 1.0f);
    return x < 0.0f ? -t : t;
}

#endif /* TARE_KERNELS_F32_MATH_H */
