/* kernels/f32_affine/f32_affine.h - a scale and a shift for each channel, in float32
 * (BatchNormalization that was not folded). */
#ifndef TARE_KERNELS_F32_AFFINE_H
#define TARE_KERNELS_F32_AFFINE_H

#include <stdint.h>

#include "kernels/select.h"

/**
 * y[p * channels + c] = fmaf(x[p * channels + c], scale[c], shift[c]) for pixels p in
 * [begin, end): the units, so any split gives the same bytes, and so does every
 * variant. x and y are [pixels, channels]; y may be x. Reads and writes nothing beyond.
 */
typedef void tare_f32_affine_fn(int64_t channels, const float *x, const float *scale,
                                const float *shift, float *y, int64_t begin,
                                int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_affine_fn name;
#include "kernels/f32_affine/f32_affine.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_affine);

#endif /* TARE_KERNELS_F32_AFFINE_H */
