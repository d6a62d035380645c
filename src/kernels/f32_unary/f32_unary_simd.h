/* kernels/f32_unary/f32_unary_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define UNARY_NAME. */
#include "kernels/f32_unary/f32_unary.h"
#include "kernels/lanes_math.h"

static inline lanes clip(lanes v, lanes lower, lanes upper)
{
    return lanes_min(upper, lanes_max(lower, v));
}

/* y = `value` of the vector v, everywhere. */
#define EACH(value)                                                                    \
    for (int64_t i = begin; i < end; i += LANES) {                                     \
        const lanes v = lanes_load_upto(x + i, end - i);                               \
        lanes_store_upto(y + i, (value), end - i);                                     \
    }                                                                                  \
    break

/* The same where `steps` makes of the `many` vectors v their values. */
#define EACH_MANY(steps)                                                               \
    {                                                                                  \
        lanes v[LANES_MANY];                                                           \
        int64_t i = begin;                                                             \
        for (; i + LANES_MANY * LANES <= end; i += LANES_MANY * LANES) {               \
            const int many = LANES_MANY;                                               \
            EACH_OF(many, k) v[k] = lanes_load(x + i + k * LANES);                     \
            steps;                                                                     \
            EACH_OF(many, k) lanes_store(y + i + k * LANES, v[k]);                     \
        }                                                                              \
        for (; i < end; i += LANES) {                                                  \
            const int many = 1;                                                        \
            v[0] = lanes_load_upto(x + i, end - i);                                    \
            steps;                                                                     \
            lanes_store_upto(y + i, v[0], end - i);                                    \
        }                                                                              \
    }                                                                                  \
    break

void UNARY_NAME(const struct tare_f32_unary *unary, const float *x, float *y,
                int64_t begin, int64_t end)
{
    const lanes alpha = lanes_set1(unary->alpha), beta = lanes_set1(unary->beta);
    const lanes zero = lanes_zero(), one = lanes_set1(1.0f);
    switch ((enum tare_unary_op)unary->op) {
    case TARE_UNARY_RELU: EACH(lanes_max(zero, v));
    case TARE_UNARY_CLIP: EACH(clip(v, alpha, beta));
    case TARE_UNARY_LEAKY_RELU:
        EACH(lanes_select(lanes_lt(v, zero), lanes_mul(v, alpha), v));
    case TARE_UNARY_SIGMOID: EACH_MANY(lanes_sigmoid(v, many));
    case TARE_UNARY_HARD_SIGMOID: EACH(clip(lanes_fma(v, alpha, beta), zero, one));
    case TARE_UNARY_HARD_SWISH:
        EACH(lanes_mul(v, clip(lanes_fma(v, alpha, beta), zero, one)));
    case TARE_UNARY_TANH: EACH_MANY(lanes_tanh(v, many));
    case TARE_UNARY_EXP: EACH_MANY(lanes_exp_many(v, many));
    case TARE_UNARY_SQRT: EACH(lanes_sqrt(v));
    case TARE_UNARY_ABS: EACH(lanes_abs(v));
    case TARE_UNARY_NEG: EACH(lanes_neg(v));
    case TARE_UNARY_FLOOR: EACH(lanes_floor(v));
    case TARE_UNARY_CEIL: EACH(lanes_ceil(v));
    case TARE_UNARY_RECIPROCAL: EACH(lanes_div(one, v));
    case TARE_UNARY_SWISH: EACH_MANY(lanes_swish(v, alpha, many));
    case TARE_UNARY_GELU: EACH_MANY(lanes_gelu(v, many));
    case TARE_UNARY_GELU_TANH: EACH_MANY(lanes_gelu_tanh(v, many));
    case TARE_UNARY_LOG:
    case TARE_UNARY_ERF:
    case TARE_UNARY_SOFTPLUS:
    case TARE_UNARY_ELU:
    case TARE_UNARY_ROUND_HALF:
    case TARE_UNARY_ROUND_BFLOAT16:
    case TARE_UNARY_COUNT: tare_f32_unary__ref(unary, x, y, begin, end); break;
    }
}
