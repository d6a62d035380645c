/* Registration. */
#include "kernels/u8_pool/u8_pool.h"

_Static_assert(sizeof(struct tare_u8_pool) ==
                   sizeof(struct tare_window) + 2 * sizeof(int64_t) +
                       4 * sizeof(int32_t) + sizeof(struct tare_u8_epilogue),
               "stored in engine files: no padding bytes");

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_pool_variant tare_u8_pool_table[] = {
#include "kernels/u8_pool/u8_pool.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_pool)
