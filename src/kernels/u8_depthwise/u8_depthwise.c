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

/* Where a lane's first weight is; four taps follow each other, then those of the other
 * lanes of the block come. */
static int64_t lane_at(const struct tare_u8_depthwise_plan *plan, int64_t lane)
{
    return lane / TARE_U8_DEPTHWISE_BLOCK * tare_u8_depthwise_block_bytes(plan) +
           lane % TARE_U8_DEPTHWISE_BLOCK * 4;
}

static int64_t tap_at(int64_t tap)
{
    return tap / 4 * TARE_U8_DEPTHWISE_BLOCK * 4 + tap % 4;
}

void tare_u8_depthwise_pack(const struct tare_u8_conv *p, const int8_t *weights,
                            int8_t *packed)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    memset(packed, 0, (size_t)(plan.n_blocks * tare_u8_depthwise_block_bytes(&plan)));
    for (int64_t lane = 0; lane < plan.lanes; lane++) {
        const int8_t *channel = weights + lane % plan.channels * plan.n_taps;
        for (int64_t tap = 0; tap < plan.n_taps; tap++)
            packed[lane_at(&plan, lane) + tap_at(tap)] = channel[tap];
    }
}

void tare_u8_depthwise_unpack(const struct tare_u8_conv *p, const int8_t *packed,
                              int8_t *weights)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    for (int64_t c = 0; c < plan.channels; c++)
        for (int64_t tap = 0; tap < plan.n_taps; tap++)
            weights[c * plan.n_taps + tap] = packed[lane_at(&plan, c) + tap_at(tap)];
}
