/* Registration. */
#include "kernels/half_convert/half_convert.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_half_convert_variant tare_half_convert_table[] = {
#include "kernels/half_convert/half_convert.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_half_convert)
