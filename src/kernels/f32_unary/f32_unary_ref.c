/* Reference: the definition the other variants are compared with. */
#include "base/half.h"
#include "kernels/f32_math.h"
#include "kernels/f32_unary/f32_unary.h"

static float clip(float v, float lower, float upper)
{
    v = lower > v ? lower : v;
    return upper < v ? upper : v;
}

static float softplus(float x)
{
    return x > 0.0f ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

static float value(const struct tare_f32_unary *u, float x)
{
    switch ((enum tare_unary_op)u->op) {
    case TARE_UNARY_RELU: return 0.0f > x ? 0.0f : x;
    case TARE_UNARY_CLIP: return clip(x, u->alpha, u->beta);
    case TARE_UNARY_LEAKY_RELU: return x < 0.0f ? x * u->alpha : x;
    case TARE_UNARY_SIGMOID: return tare_f32_sigmoid(x);
    case TARE_UNARY_HARD_SIGMOID: return clip(fmaf(x, u->alpha, u->beta), 0.0f, 1.0f);
    case TARE_UNARY_HARD_SWISH: return x * clip(fmaf(x, u->alpha, u->beta), 0.0f, 1.0f);
    case TARE_UNARY_TANH: return tare_f32_tanh(x);
    case TARE_UNARY_EXP: return tare_f32_exp(x);
    case TARE_UNARY_LOG: return logf(x);
    case TARE_UNARY_SQRT: return sqrtf(x);
    case TARE_UNARY_ABS: return fabsf(x);
    case TARE_UNARY_NEG: return -x;
    case TARE_UNARY_ERF: return erff(x);
    case TARE_UNARY_FLOOR: return floorf(x);
    case TARE_UNARY_CEIL: return ceilf(x);
    case TARE_UNARY_RECIPROCAL: return 1.0f / x;
    case TARE_UNARY_SOFTPLUS: return softplus(x);
    case TARE_UNARY_ELU: return x < 0.0f ? u->alpha * expm1f(x) : x;
    case TARE_UNARY_SWISH: return x * tare_f32_sigmoid(x * u->alpha);
    case TARE_UNARY_GELU: return tare_f32_gelu(x);
    case TARE_UNARY_GELU_TANH: return tare_f32_gelu_tanh(x);
    case TARE_UNARY_ROUND_HALF: return tare_half_to_float(tare_half_from_float(x));
    case TARE_UNARY_ROUND_BFLOAT16:
        return tare_bfloat16_to_float(tare_bfloat16_from_float(x));
    case TARE_UNARY_COUNT: break;
    }
    return NAN; /* plans are checked when they are loaded: not reached */
}

void tare_f32_unary__ref(const struct tare_f32_unary *unary, const float *x, float *y,
                         int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        y[i] = value(unary, x[i]);
}
