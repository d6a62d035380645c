/* Registration. */
#include "kernels/u8_binary/u8_binary.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_binary_variant tare_u8_binary_table[] = {
#include "kernels/u8_binary/u8_binary.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_binary)
