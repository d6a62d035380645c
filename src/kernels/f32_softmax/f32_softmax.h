/* kernels/f32_softmax/f32_softmax.h - softmax along one axis, in float32. */
#ifndef TARE_KERNELS_F32_SOFTMAX_H
#define TARE_KERNELS_F32_SOFTMAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/select.h"

/** x and y are [outer, n, inner]; the axis is the middle one, and inner == 1 when it is
 *  the last. All >= 1. Stored in engine files. */
struct tare_f32_softmax {
    int64_t outer, n, inner;
};

/**
 * m = maximum along the axis (m = x > m ? x : m from -INFINITY), e = exp(x - m) by the
 * polynomial of f32_unary, s = sum of e, y = e / s. A NaN anywhere, or a maximum that
 * is infinite, makes NaN. The sum is one chain in order when inner > 1. When inner == 1
 * it is 16 chains, element i in chain i % 16, each from 0, folded as s[j] += s[j + 8],
 * then 4, 2, 1. Codes are those of y; only where inner == 1.
 *
 * Units [begin, end) of tare_f32_softmax_units(); any split gives the same bytes, and
 * so does every variant. out->y may be x. Reads and writes nothing beyond.
 * @param scratch  tare_f32_softmax_scratch_bytes() where out->y is NULL; else not used
 */
typedef void tare_f32_softmax_fn(const struct tare_f32_softmax *softmax, const float *x,
                                 const struct tare_f32_u8_outputs *out, float *scratch,
                                 int64_t begin, int64_t end);

/** Inner elements of a unit. */
#define TARE_SOFTMAX_INNER 64

/** Units of work: rows, or pieces of the inner axis. */
int64_t tare_f32_softmax_units(const struct tare_f32_softmax *softmax);

/** Rows of floats that are kept until they are quantized. */
#define TARE_SOFTMAX_KEPT 4

/** @retval false  Too many for a size. */
bool tare_f32_softmax_scratch_bytes(const struct tare_f32_softmax *softmax,
                                    size_t *n_bytes);

#define TARE_UKERNEL(isa, name, tile) tare_f32_softmax_fn name;
#include "kernels/f32_softmax/f32_softmax.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_softmax);

#endif /* TARE_KERNELS_F32_SOFTMAX_H */
