/* kernels/f32_layer_norm/f32_layer_norm.h - rows brought to mean 0 and variance 1, then
 * scaled and shifted (LayerNormalization), in float32; or to a mean square of 1
 * (RMSNormalization). */
#ifndef TARE_KERNELS_F32_LAYER_NORM_H
#define TARE_KERNELS_F32_LAYER_NORM_H

#include <stdint.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/select.h"

/** x and y are [rows, n], both >= 1; epsilon >= 0. Stored in engine files. */
struct tare_f32_layer_norm {
    int64_t rows, n;
    float epsilon;
    int32_t keeps_mean; /* RMSNormalization: mean is 0 */
};

/**
 * Of a row, with sum() of 16 chains, element i in chain i % 16, each from 0, folded as
 * s[j] += s[j + 8], then 4, 2, 1:
 *     mean = keeps_mean ? 0 : sum(x) / (float)n
 *     r = 1 / sqrtf(sum(d * d) / (float)n + epsilon), where d = x - mean and the chains
 *         are s = fmaf(d, d, s)
 *     y = fmaf((x - mean) * r, scale, shift)
 * scale and shift are [n]. A NaN or an infinity anywhere in the row makes NaN. Codes
 * are those of y.
 *
 * Units are the rows [begin, end): any split gives the same bytes, and so does every
 * variant. out->y may be x. Reads and writes nothing beyond.
 */
typedef void tare_f32_layer_norm_fn(const struct tare_f32_layer_norm *norm,
                                    const float *x, const float *scale,
                                    const float *shift,
                                    const struct tare_f32_u8_outputs *out,
                                    int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_layer_norm_fn name;
#include "kernels/f32_layer_norm/f32_layer_norm.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_layer_norm);

#endif /* TARE_KERNELS_F32_LAYER_NORM_H */
