#include "kernels/f32_binary/f32_binary.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_binary_variant tare_f32_binary_table[] = {
#include "kernels/f32_binary/f32_binary.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_binary)
