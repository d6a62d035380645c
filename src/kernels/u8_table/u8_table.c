/* Registration. */
#include "kernels/u8_table/u8_table.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_table_variant tare_u8_table_table[] = {
#include "kernels/u8_table/u8_table.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_table)
