/* kernels/lanes_math.h - f32_math.h for a vector: the same operations in the same
 * order, or what gives the same bits. */
#ifndef TARE_KERNELS_LANES_MATH_H
#define TARE_KERNELS_LANES_MATH_H

#include "kernels/f32_math.h"
#include "kernels/lanes.h"

static inline lanes lanes_abs(lanes x)
{
    return lanes_bits_and(x, UINT32_C(0x7fffffff));
}

static inline lanes lanes_neg(lanes x)
{
    return lanes_sub(lanes_set1(-0.0f), x);
}

/* exp(x) = p 2^n for x within the bounds. */
static inline lanes lanes_exp_parts(lanes x, lanes *exponent)
{
    const lanes one = lanes_set1(1.0f);
    const lanes n = lanes_rint(lanes_mul(x, lanes_set1(TARE_LOG2_E)));
    lanes r = lanes_fma(n, lanes_set1(-TARE_LN2_HIGH), x);
    r = lanes_fma(n, lanes_set1(-TARE_LN2_LOW), r);

    lanes p = lanes_fma(lanes_set1(TARE_EXP_C4), r, lanes_set1(TARE_EXP_C3));
    p = lanes_fma(p, r, lanes_set1(TARE_EXP_C2));
    p = lanes_fma(p, r, lanes_set1(TARE_EXP_C1));
    p = lanes_fma(p, r, lanes_set1(TARE_EXP_C0));
    p = lanes_fma(p, r, one);
    *exponent = n;
    return lanes_fma(p, r, one);
}

/* NaN passes through the bounds and makes p NaN, whatever the powers of 2 come to. */
static inline lanes lanes_exp(lanes x)
{
    lanes n;
    x = lanes_max(lanes_set1(TARE_EXP_LOWEST), x);
    x = lanes_min(lanes_set1(TARE_EXP_HIGHEST), x);
    const lanes p = lanes_exp_parts(x, &n);
    const lanes half = lanes_rint(lanes_mul(n, lanes_set1(0.5f)));
    return lanes_mul(lanes_mul(p, lanes_exp2i(half)), lanes_exp2i(lanes_sub(n, half)));
}

/* exp(x) for x <= 0: 2^(n + 24), which is neither denormal nor infinite, then 2^-24.
 * The second product alone rounds, as in lanes_exp(). */
static inline lanes lanes_exp_to_0(lanes x)
{
    lanes n;
    const lanes p = lanes_exp_parts(lanes_max(lanes_set1(TARE_EXP_LOWEST), x), &n);
    const lanes scale = lanes_exp2i(lanes_add(n, lanes_set1(24.0f)));
    return lanes_mul(lanes_mul(p, scale), lanes_set1(0x1p-24f));
}

static inline lanes lanes_sigmoid(lanes x)
{
    const lanes one = lanes_set1(1.0f);
    const lanes e = lanes_exp_to_0(lanes_neg(lanes_abs(x)));
    const lanes top = lanes_select(lanes_lt(x, lanes_zero()), e, one);
    return lanes_div(top, lanes_add(one, e));
}

static inline lanes lanes_tanh(lanes x)
{
    const lanes one = lanes_set1(1.0f), a = lanes_abs(x);
    const lanes z = lanes_mul(x, x);
    lanes p = lanes_fma(lanes_set1(TARE_TANH_C4), z, lanes_set1(TARE_TANH_C3));
    p = lanes_fma(p, z, lanes_set1(TARE_TANH_C2));
    p = lanes_fma(p, z, lanes_set1(TARE_TANH_C1));
    p = lanes_fma(p, z, lanes_set1(TARE_TANH_C0));
    const lanes near = lanes_fma(lanes_mul(p, z), x, x);

    const lanes e = lanes_exp(lanes_add(a, a));
    const lanes far = lanes_sub(one, lanes_div(lanes_set1(2.0f), lanes_add(e, one)));
    const lanes signed_far =
        lanes_select(lanes_lt(x, lanes_zero()), lanes_neg(far), far);
    return lanes_select(lanes_lt(a, lanes_set1(TARE_TANH_NEAR_0)), near, signed_far);
}

static inline lanes lanes_gelu(lanes x)
{
    const lanes t = lanes_min(lanes_set1(TARE_GELU_MOST), lanes_abs(x));
    lanes p = lanes_fma(lanes_set1(TARE_GELU_C8), t, lanes_set1(TARE_GELU_C7));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C6));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C5));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C4));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C3));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C2));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C1));
    p = lanes_fma(p, t, lanes_set1(TARE_GELU_C0));
    return lanes_fma(lanes_neg(t), lanes_exp_to_0(lanes_neg(p)),
                     lanes_max(lanes_zero(), x));
}

static inline lanes lanes_gelu_tanh(lanes x)
{
    const lanes slope = lanes_mul(x, lanes_set1(TARE_GELU_SLOPE));
    const lanes cubic = lanes_set1(TARE_GELU_CUBIC);
    const lanes inner = lanes_fma(lanes_mul(x, x), cubic, lanes_set1(1.0f));
    return lanes_mul(x, lanes_sigmoid(lanes_mul(slope, inner)));
}

#endif /* TARE_KERNELS_LANES_MATH_H */
