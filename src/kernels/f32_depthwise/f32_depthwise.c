/* Registration. */
#include "kernels/f32_depthwise/f32_depthwise.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_depthwise_variant tare_f32_depthwise_table[] = {
#include "kernels/f32_depthwise/f32_depthwise.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_depthwise)
