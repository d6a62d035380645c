/* Registration. */
#include "kernels/f32_resize/f32_resize.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_resize_variant tare_f32_resize_table[] = {
#include "kernels/f32_resize/f32_resize.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_resize)
