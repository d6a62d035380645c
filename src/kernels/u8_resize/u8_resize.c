/* Registration. */
#include "kernels/u8_resize/u8_resize.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_resize_variant tare_u8_resize_table[] = {
#include "kernels/u8_resize/u8_resize.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_resize)
