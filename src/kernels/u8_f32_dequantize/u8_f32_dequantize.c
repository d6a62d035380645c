/* Registration. */
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_f32_dequantize_variant tare_u8_f32_dequantize_table[] = {
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_f32_dequantize)
