/* kernels/f16_conv/f16_conv.h - convolution and matrix product of IEEE binary16: see
 * half_conv.h. */
#ifndef TARE_KERNELS_F16_CONV_H
#define TARE_KERNELS_F16_CONV_H

#include "kernels/half_conv/half_conv.h"

/** Products that a variant with arithmetic in half adds at a time. */
#define TARE_F16_CONV_RUN 32

typedef tare_half_conv_fn tare_f16_conv_fn;

/** weights [out_c, in_c / groups, kernel_h, kernel_w], rounded, to the order of the
 *  kernels. */
void tare_f16_conv_pack(const struct tare_half_conv *conv, const float *weights,
                        uint16_t *packed);

#define TARE_UKERNEL(isa, name, tile) tare_f16_conv_fn name;
#include "kernels/f16_conv/f16_conv.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f16_conv);

#endif /* TARE_KERNELS_F16_CONV_H */
