/* kernels/f32_unary/f32_unary.h - functions of one value, in float32. */
#ifndef TARE_KERNELS_F32_UNARY_H
#define TARE_KERNELS_F32_UNARY_H

#include <stdint.h>

#include "kernels/select.h"

/** Values are stored in engine files: append only. */
enum tare_unary_op {
    TARE_UNARY_RELU = 0,         /* 0 > x ? 0 : x */
    TARE_UNARY_CLIP = 1,         /* alpha > x ? alpha : x, then beta < x ? beta : x */
    TARE_UNARY_LEAKY_RELU = 2,   /* x < 0 ? x * alpha : x */
    TARE_UNARY_SIGMOID = 3,      /* 1 / (1 + exp(-x)) */
    TARE_UNARY_HARD_SIGMOID = 4, /* fmaf(x, alpha, beta) clipped to [0, 1] */
    TARE_UNARY_HARD_SWISH = 5,   /* x * (fmaf(x, alpha, beta) clipped to [0, 1]);
                                    ONNX: alpha = 1/6, beta = 0.5 */
    TARE_UNARY_TANH = 6,
    TARE_UNARY_EXP = 7,
    TARE_UNARY_LOG = 8,
    TARE_UNARY_SQRT = 9,
    TARE_UNARY_ABS = 10,
    TARE_UNARY_NEG = 11,
    TARE_UNARY_ERF = 12,
    TARE_UNARY_FLOOR = 13,
    TARE_UNARY_CEIL = 14,
    TARE_UNARY_RECIPROCAL = 15, /* 1 / x */
    TARE_UNARY_SOFTPLUS = 16,   /* log(1 + exp(x)) */
    TARE_UNARY_ELU = 17,        /* x < 0 ? alpha * (exp(x) - 1) : x */
    TARE_UNARY_SWISH = 18,      /* x * sigmoid(x * alpha) */
    TARE_UNARY_GELU = 19,       /* 0.5 * x * (1 + erf(x / sqrt(2))) */
    TARE_UNARY_GELU_TANH =
        20, /* 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) */
    TARE_UNARY_ROUND_HALF = 21,     /* the nearest float16, ties to even */
    TARE_UNARY_ROUND_BFLOAT16 = 22, /* the nearest bfloat16, ties to even */
    TARE_UNARY_COUNT
};

/** Stored in engine files. */
struct tare_f32_unary {
    int32_t op; /* enum tare_unary_op */
    float alpha, beta;
};

/**
 * y[i] = op(x[i]) for i in [begin, end): any split gives the same bytes, and so does
 * every variant. y may be x. Reads and writes nothing beyond.
 *
 * NaN gives NaN everywhere. EXP, TANH and SIGMOID are polynomials of ours, within
 * 1, 1.5 and 2.5 ULP of the true value; LOG, ERF, SOFTPLUS and ELU call libm one value
 * at a time; the GELUs are within 4e-7 of their size + 1e-7.
 */
typedef void tare_f32_unary_fn(const struct tare_f32_unary *unary, const float *x,
                               float *y, int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_unary_fn name;
#include "kernels/f32_unary/f32_unary.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_unary);

#endif /* TARE_KERNELS_F32_UNARY_H */
