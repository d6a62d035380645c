/* Registration and units. */
#include "kernels/f32_reduce/f32_reduce.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_reduce_variant tare_f32_reduce_table[] = {
#include "kernels/f32_reduce/f32_reduce.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_reduce)

int64_t tare_f32_reduce_units(const struct tare_f32_reduce *reduce)
{
    const int64_t pieces = (reduce->inner + TARE_REDUCE_INNER - 1) / TARE_REDUCE_INNER;
    return reduce->outer * pieces;
}
