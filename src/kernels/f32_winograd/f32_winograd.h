/* kernels/f32_winograd/f32_winograd.h - 3x3 convolution in float32 by Winograd's
 * minimal filtering F(2x2, 3x3): four outputs take 16 products a channel instead of 36.
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv
 * 1509.09308. */
#ifndef TARE_KERNELS_F32_WINOGRAD_H
#define TARE_KERNELS_F32_WINOGRAD_H

#include "kernels/f32_conv/f32_conv.h"

/** Is it a window for this family: 3x3, stride and dilation 1, one group, in_c a
 * multiple of 16; and are there enough channels and pixels for it to be the faster way?
 */
bool tare_f32_winograd_fits(const struct tare_window *w);

/**
 * y = epilogue(A^T M A) for each 4x4 patch d of the input, which lies at multiples of
 * two pixels and reads as 0 outside:
 *
 *     V = B^T d B            B^T = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1]
 *     M = sum over c of V * U, element by element: a chain fmaf(V, U, acc) from 0, c
 *         ascending; U are the packed weights, G g G^T
 *     A^T = [1 1 1 0; 0 1 -1 -1]
 *
 * each matrix product in float32 from left to right, rows first: B^T d, then (B^T d) B.
 * The sums differ in rounding from tare_f32_conv's.
 *
 * Params, data, units, scratch and memory are as in kernels/f32_conv/f32_conv.h; every
 * variant and every split gives the same bytes. Needs tare_f32_winograd_fits().
 */
typedef tare_f32_conv_fn tare_f32_winograd_fn;

/** Units of work: blocks of patches by ranges of output channels. */
int64_t tare_f32_winograd_units(const struct tare_f32_conv *conv);

/** Bytes of packed weights. @retval false when they do not fit in size_t, or the window
 *  is none for this family. */
bool tare_f32_winograd_packed_bytes(const struct tare_f32_conv *conv, size_t *size);

/** Bytes of scratch for one worker. @retval false when they do not fit in size_t. */
bool tare_f32_winograd_scratch_bytes(const struct tare_f32_conv *conv, size_t *size);

/** weights [out_c, in_c, 3, 3] to G g G^T, made in double and rounded once, in the
 * order of the kernels: G = [1 0 0; .5 .5 .5; .5 -.5 .5; 0 0 1]. */
void tare_f32_winograd_pack(const struct tare_f32_conv *conv, const float *weights,
                            float *packed);

#define TARE_UKERNEL(isa, name, tile) tare_f32_winograd_fn name;
#include "kernels/f32_winograd/f32_winograd.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_winograd);

#endif /* TARE_KERNELS_F32_WINOGRAD_H */
