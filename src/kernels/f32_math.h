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

#define TARE_GELU_SLOPE 0x1.988454p+0f /* 2 sqrt(2 / pi) */
#define TARE_GELU_CUBIC 0.044715f

/* -log(erfc(t / sqrt(2)) / 2) for t in [0, 6], steep enough beyond: what gelu(x) lacks
 * of relu(x), t exp(-...) for t = |x|, is within 2.5e-7 of t or, for negative x, 2e-7
 * of gelu(x) + 5e-8. */
#define TARE_GELU_MOST 20.0f
#define TARE_GELU_C0   0x1.62e42cp-1f
#define TARE_GELU_C1   0x1.9884dcp-1f
#define TARE_GELU_C2   0x1.45ea0ep-2f
#define TARE_GELU_C3   0x1.2aa4cap-5f
#define TARE_GELU_C4   (-0x1.47513ap-8f)
#define TARE_GELU_C5   0x1.66fd46p-13f
#define TARE_GELU_C6   0x1.9737a0p-14f
#define TARE_GELU_C7   (-0x1.57d894p-16f)
#define TARE_GELU_C8   0x1.75bc64p-20f

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

/** x (1 + erf(x / sqrt(2))) / 2, within 4e-7 of its size + 1e-7. */
static inline float tare_f32_gelu(float x)
{
    const float a = fabsf(x);
    const float t = TARE_GELU_MOST < a ? TARE_GELU_MOST : a;
    float p = fmaf(TARE_GELU_C8, t, TARE_GELU_C7);
    p = fmaf(p, t, TARE_GELU_C6);
    p = fmaf(p, t, TARE_GELU_C5);
    p = fmaf(p, t, TARE_GELU_C4);
    p = fmaf(p, t, TARE_GELU_C3);
    p = fmaf(p, t, TARE_GELU_C2);
    p = fmaf(p, t, TARE_GELU_C1);
    p = fmaf(p, t, TARE_GELU_C0);
    return fmaf(-t, tare_f32_exp(-p), 0.0f > x ? 0.0f : x);
}

/** x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2; 1 + tanh(z) is 2 sigmoid(2 z),
 *  which does not cancel. */
static inline float tare_f32_gelu_tanh(float x)
{
    const float inner = fmaf(x * x, TARE_GELU_CUBIC, 1.0f);
    return x * tare_f32_sigmoid(x * TARE_GELU_SLOPE * inner);
}

#endif /* TARE_KERNELS_F32_MATH_H */
