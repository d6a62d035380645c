/* Registration and units. */
#include "kernels/f32_softmax/f32_softmax.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_softmax_variant tare_f32_softmax_table[] = {
#include "kernels/f32_softmax/f32_softmax.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_softmax)

int64_t tare_f32_softmax_units(const struct tare_f32_softmax *softmax)
{
    const int64_t pieces =
        (softmax->inner + TARE_SOFTMAX_INNER - 1) / TARE_SOFTMAX_INNER;
    return softmax->outer * pieces;
}
