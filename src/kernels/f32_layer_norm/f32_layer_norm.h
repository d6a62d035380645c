/* kernels/f32_layer_norm/f32_layer_norm.h - rows brought to mean 0 and variance 1, then
 * scaled and shifted (LayerNormalization), in float32; or to a mean square of 1
 * (RMSNormalization). The rows may be sums of two tensors. */
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

/** Buffers of one layer; scale and shift are [n], all else [rows, n]. */
struct tare_f32_layer_norm_data {
    const float *x;
    const float *addend; /* NULL: x is what is normalized; else x + addend */
    const float *scale, *shift;
    float *sum; /* where x + addend goes, or NULL: nobody else reads it */
    struct tare_f32_u8_outputs out; /* y or sum is there, where addend is */
};

/**
 * Of a row v, which is x, or x + addend rounded as f32_binary's sum, with sum() of 16
 * chains, element i in chain i % 16, each from 0, folded as s[j] += s[j + 8], then 4,
 * 2, 1:
 *     mean = keeps_mean ? 0 : sum(v) / (float)n
 *     r = 1 / sqrtf(sum(d * d) / (float)n + epsilon), where d = v - mean and the chains
 *         are s = fmaf(d, d, s)
 *     y = fmaf((v - mean) * r, scale, shift)
 * A NaN or an infinity anywhere in the row makes NaN. Codes are those of y.
 *
 * Units are the rows [begin, end): any split gives the same bytes, and so does every
 * variant. out.y and sum may each be x or addend, but are not the same. Reads and
 * writes nothing beyond.
 */
typedef void tare_f32_layer_norm_fn(const struct tare_f32_layer_norm *norm,
                                    const struct tare_f32_layer_norm_data *data,
                                    int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_layer_norm_fn name;
#include "kernels/f32_layer_norm/f32_layer_norm.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_layer_norm);

#endif /* TARE_KERNELS_F32_LAYER_NORM_H */
