/* Registration. */
#include "kernels/f32_observe/f32_observe.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_observe_variant tare_f32_observe_table[] = {
#include "kernels/f32_observe/f32_observe.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_observe)
