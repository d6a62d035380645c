/* Registration. */
#include "kernels/f32_u8_quantize/f32_u8_quantize.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_u8_quantize_variant tare_f32_u8_quantize_table[] = {
#include "kernels/f32_u8_quantize/f32_u8_quantize.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_u8_quantize)
