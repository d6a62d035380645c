/* Registration, units and scratch. */
#include "kernels/f32_softmax/f32_softmax.h"

#include "base/mem.h"

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

bool tare_f32_softmax_scratch_bytes(const struct tare_f32_softmax *softmax,
                                    size_t *n_bytes)
{
    return tare_mul_size((size_t)softmax->n, TARE_SOFTMAX_KEPT * sizeof(float),
                         n_bytes);
}
