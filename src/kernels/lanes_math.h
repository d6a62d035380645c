/* kernels/lanes_math.h - f32_math.h for vectors: the same operations in the same order,
 * or what gives the same bits. Functions of n vectors take each step for all of them:
 * one chain of steps alone leaves the units idle. */
#ifndef TARE_KERNELS_LANES_MATH_H
#define TARE_KERNELS_LANES_MATH_H

#include "kernels/f32_math.h"
#include "kernels/lanes.h"
#include "kernels/unroll.h"

/* Vectors that are worth taking together. */
#define LANES_MANY 4

static inline lanes lanes_abs(lanes x)
{
    return lanes_bits_and(x, UINT32_C(0x7fffffff));
}

static inline lanes lanes_neg(lanes x)
{
    return lanes_sub(lanes_set1(-0.0f), x);
}

static inline lanes lanes_neg_abs(lanes x)
{
    return lanes_bits_or(x, UINT32_C(0x80000000));
}

/** A divisor of many numbers. */
struct lanes_divisor {
    lanes minus, inverse; /* its negative, and 1 / it, rounded */
};

static inline struct lanes_divisor lanes_divisor(lanes s)
{
    return (struct lanes_divisor){.minus = lanes_neg(s),
                                  .inverse = lanes_div(lanes_set1(1.0f), s)};
}

/** x / s, rounded as a division rounds it, in three instructions; a divider takes 5 to
 *  16 cycles. Nothing on the way may leave the range of numbers: 1 / s has to be
 *  normal, the quotient finite, and x - (x / s) s exact, which it is where the
 *  quotient's exponent and that of s make -103 or more. (Markstein: Computation of
 *  elementary functions on the IBM RISC System/6000 processor, IBM J. Res. Dev. 34,
 *  1990) */
static inline lanes lanes_quotient(lanes x, const struct lanes_divisor *s)
{
    const lanes near = lanes_mul(x, s->inverse);
    const lanes rest = lanes_fma(near, s->minus, x);
    return lanes_fma(rest, s->inverse, near);
}

/* exp(x[i]) = x[i] 2^n[i], n[i] being integral. */
TARE_ALWAYS_INLINE void lanes_exp_parts(lanes *x, const lanes *n, int many)
{
    const lanes one = lanes_set1(1.0f);
    lanes r[LANES_MANY], p[LANES_MANY];
    EACH_OF(many, i) r[i] = lanes_fma(n[i], lanes_set1(-TARE_LN2_HIGH), x[i]);
    EACH_OF(many, i) r[i] = lanes_fma(n[i], lanes_set1(-TARE_LN2_LOW), r[i]);
    EACH_OF(many, i)
    p[i] = lanes_fma(lanes_set1(TARE_EXP_C4), r[i], lanes_set1(TARE_EXP_C3));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], r[i], lanes_set1(TARE_EXP_C2));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], r[i], lanes_set1(TARE_EXP_C1));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], r[i], lanes_set1(TARE_EXP_C0));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], r[i], one);
    EACH_OF(many, i) x[i] = lanes_fma(p[i], r[i], one);
}

/* exp(x) for |x| < LANES_EXP_NORMAL, where p 2^n is normal, so exact. */
#define LANES_EXP_NORMAL 86.0f
TARE_ALWAYS_INLINE void lanes_exp_normal(lanes *x, int many)
{
    lanes t[LANES_MANY], n[LANES_MANY];
    EACH_OF(many, i) t[i] = lanes_mul(x[i], lanes_set1(TARE_LOG2_E));
    EACH_OF(many, i) n[i] = lanes_rint(t[i]);
    lanes_exp_parts(x, n, many);
    EACH_OF(many, i) x[i] = lanes_add_exponent(x[i], t[i]);
}

/* NaN passes through the bounds and makes p NaN, whatever the powers of 2 come to. */
static inline lanes lanes_exp_any(lanes x)
{
    x = lanes_max(lanes_set1(TARE_EXP_LOWEST), x);
    x = lanes_min(lanes_set1(TARE_EXP_HIGHEST), x);
    const lanes n = lanes_rint(lanes_mul(x, lanes_set1(TARE_LOG2_E)));
    const lanes half = lanes_rint(lanes_mul(n, lanes_set1(0.5f)));
    lanes_exp_parts(&x, &n, 1);
    return lanes_mul(lanes_mul(x, lanes_exp2i(half)), lanes_exp2i(lanes_sub(n, half)));
}

TARE_ALWAYS_INLINE void lanes_exp_many(lanes *x, int many)
{
    bool normal = true;
    EACH_OF(many, i)
    normal &= lanes_all(lanes_lt(lanes_abs(x[i]), lanes_set1(LANES_EXP_NORMAL)));
    if (__builtin_expect(normal, 1))
        lanes_exp_normal(x, many);
    else
        EACH_OF(many, i) x[i] = lanes_exp_any(x[i]);
}

static inline lanes lanes_exp(lanes x)
{
    lanes_exp_many(&x, 1);
    return x;
}

TARE_ALWAYS_INLINE void lanes_sigmoid(lanes *x, int many)
{
    const lanes one = lanes_set1(1.0f), zero = lanes_zero();
    lanes e[LANES_MANY], top[LANES_MANY];
    EACH_OF(many, i) e[i] = lanes_neg_abs(x[i]);
    lanes_exp_many(e, many);
    EACH_OF(many, i) top[i] = lanes_select(lanes_lt(x[i], zero), e[i], one);
    EACH_OF(many, i) x[i] = lanes_div(top[i], lanes_add(one, e[i]));
}

TARE_ALWAYS_INLINE void lanes_tanh(lanes *x, int many)
{
    const lanes one = lanes_set1(1.0f), two = lanes_set1(2.0f);
    lanes a[LANES_MANY], z[LANES_MANY], p[LANES_MANY], far[LANES_MANY];
    EACH_OF(many, i) z[i] = lanes_mul(x[i], x[i]);
    EACH_OF(many, i)
    p[i] = lanes_fma(lanes_set1(TARE_TANH_C4), z[i], lanes_set1(TARE_TANH_C3));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], z[i], lanes_set1(TARE_TANH_C2));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], z[i], lanes_set1(TARE_TANH_C1));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], z[i], lanes_set1(TARE_TANH_C0));
    EACH_OF(many, i) p[i] = lanes_fma(lanes_mul(p[i], z[i]), x[i], x[i]);

    EACH_OF(many, i) a[i] = lanes_abs(x[i]);
    EACH_OF(many, i) far[i] = lanes_add(a[i], a[i]);
    lanes_exp_many(far, many);
    EACH_OF(many, i) far[i] = lanes_sub(one, lanes_div(two, lanes_add(far[i], one)));
    EACH_OF(many, i)
    far[i] = lanes_select(lanes_lt(x[i], lanes_zero()), lanes_neg(far[i]), far[i]);
    EACH_OF(many, i)
    x[i] = lanes_select(lanes_lt(a[i], lanes_set1(TARE_TANH_NEAR_0)), p[i], far[i]);
}

TARE_ALWAYS_INLINE void lanes_gelu(lanes *x, int many)
{
    lanes t[LANES_MANY], p[LANES_MANY];
    EACH_OF(many, i) t[i] = lanes_min(lanes_set1(TARE_GELU_MOST), lanes_abs(x[i]));
    EACH_OF(many, i)
    p[i] = lanes_fma(lanes_set1(TARE_GELU_C8), t[i], lanes_set1(TARE_GELU_C7));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C6));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C5));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C4));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C3));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C2));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C1));
    EACH_OF(many, i) p[i] = lanes_fma(p[i], t[i], lanes_set1(TARE_GELU_C0));
    EACH_OF(many, i) p[i] = lanes_neg(p[i]);
    lanes_exp_many(p, many);
    EACH_OF(many, i)
    x[i] = lanes_fma(lanes_neg(t[i]), p[i], lanes_max(lanes_zero(), x[i]));
}

TARE_ALWAYS_INLINE void lanes_gelu_tanh(lanes *x, int many)
{
    const lanes cubic = lanes_set1(TARE_GELU_CUBIC), one = lanes_set1(1.0f);
    lanes s[LANES_MANY], slope[LANES_MANY];
    EACH_OF(many, i) slope[i] = lanes_mul(x[i], lanes_set1(TARE_GELU_SLOPE));
    EACH_OF(many, i) s[i] = lanes_fma(lanes_mul(x[i], x[i]), cubic, one);
    EACH_OF(many, i) s[i] = lanes_mul(slope[i], s[i]);
    lanes_sigmoid(s, many);
    EACH_OF(many, i) x[i] = lanes_mul(x[i], s[i]);
}

TARE_ALWAYS_INLINE void lanes_swish(lanes *x, lanes alpha, int many)
{
    lanes s[LANES_MANY];
    EACH_OF(many, i) s[i] = lanes_mul(x[i], alpha);
    lanes_sigmoid(s, many);
    EACH_OF(many, i) x[i] = lanes_mul(x[i], s[i]);
}

#endif /* TARE_KERNELS_LANES_MATH_H */
