/* Registration. */
#include "kernels/f32_affine/f32_affine.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_affine_variant tare_f32_affine_table[] = {
#include "kernels/f32_affine/f32_affine.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_affine)
