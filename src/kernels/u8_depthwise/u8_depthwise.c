/* Registration and packing. */
#include "kernels/u8_depthwise/u8_depthwise.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/u8_depthwise/u8_depthwise_walk.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_depthwise_variant tare_u8_depthwise_table[] = {
#include "kernels/u8_depthwise/u8_depthwise.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_depthwise)

int64_t tare_u8_depthwise_units(const struct tare_u8_conv *p)
{
    return p->window.batch * p->window.out_h;
}

bool tare_u8_depthwise_packed_bytes(const struct tare_u8_conv *p, size_t *out)
{
    size_t n_taps;
    if (!tare_mul_size((size_t)p->window.kernel_h, (size_t)p->window.kernel_w,
                       &n_taps) ||
        n_taps > TARE_U8_MAX_TERMS || p->window.in_c > INT64_MAX / 2)
        return false;
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    return tare_mul_size((size_t)tare_u8_depthwise_block_bytes(&plan),
                         (size_t)plan.n_blocks, out);
}

void tare_u8_depthwise_pack(const struct tare_u8_conv *p, const int8_t *weights,
                            int8_t *packed)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    const int64_t block_bytes = tare_u8_depthwise_block_bytes(&plan);
    memset(packed, 0, (size_t)(plan.n_blocks * block_bytes));
    for (int64_t lane = 0; lane < plan.lanes; lane++) {
        const int8_t *channel = weights + lane % plan.channels * plan.n_taps;
        int8_t *block = packed + lane / TARE_U8_DEPTHWISE_BLOCK * block_bytes +
                        lane % TARE_U8_DEPTHWISE_BLOCK * 4;
        for (int64_t tap = 0; tap < plan.n_taps; tap++)
            block[tap / 4 * TARE_U8_DEPTHWISE_BLOCK * 4 + tap % 4] = channel[tap];
    }
}
