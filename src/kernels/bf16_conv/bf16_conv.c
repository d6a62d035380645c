/* Registration and packing. */
#include "kernels/bf16_conv/bf16_conv.h"

#include "base/half.h"
#include "kernels/half_conv/half_conv_plan.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_bf16_conv_variant tare_bf16_conv_table[] = {
#include "kernels/bf16_conv/bf16_conv.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_bf16_conv)

void tare_bf16_conv_pack(const struct tare_half_conv *conv, const float *weights,
                         uint16_t *packed)
{
    tare_half_conv_pack(conv, weights, true, tare_bfloat16_from_float, packed);
}
