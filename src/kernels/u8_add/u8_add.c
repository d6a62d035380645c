/* Registration. */
#include "kernels/u8_add/u8_add.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_add_variant tare_u8_add_table[] = {
#include "kernels/u8_add/u8_add.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_add)
