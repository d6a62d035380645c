/* Registration. */
#include "kernels/f32_unary/f32_unary.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_unary_variant tare_f32_unary_table[] = {
#include "kernels/f32_unary/f32_unary.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_unary)
