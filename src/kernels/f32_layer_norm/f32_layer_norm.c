/* Registration. */
#include "kernels/f32_layer_norm/f32_layer_norm.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_layer_norm_variant tare_f32_layer_norm_table[] = {
#include "kernels/f32_layer_norm/f32_layer_norm.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_layer_norm)
