/* Registration and packing. */
#include "kernels/u8_conv/u8_conv.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/u8_conv/u8_conv_walk.h"

_Static_assert(sizeof(struct tare_u8_conv) == sizeof(struct tare_window) +
                                                  2 * sizeof(int32_t) +
                                                  sizeof(struct tare_u8_epilogue),
               "stored in engine files: no padding bytes");

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_u8_conv_variant tare_u8_conv_table[] = {
#include "kernels/u8_conv/u8_conv.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_u8_conv)

int64_t tare_u8_conv_units(const struct tare_u8_conv *p)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    return plan.n_pixel_blocks * plan.n_splits;
}

bool tare_u8_conv_packed_bytes(const struct tare_u8_conv *p, size_t *out)
{
    const struct tare_window *w = &p->window;
    const size_t groups = (size_t)w->groups;
    const size_t group_in = (size_t)w->in_c / groups;
    const size_t group_out = (size_t)w->out_c / groups;
    size_t terms, width, bytes;
    if (!tare_mul_size((size_t)w->kernel_h, (size_t)w->kernel_w, &terms) ||
        !tare_mul_size(terms, group_in, &terms) || terms > TARE_U8_MAX_TERMS)
        return false;
    /* A step is at most 4 bytes for one product; a block fills up to 15 channels. */
    if (!tare_add_size(group_out, TARE_U8_CONV_NARROW - 1, &width) ||
        !tare_mul_size(width, groups, &width) ||
        !tare_mul_size(width, terms * 4, &bytes) || bytes > INT64_MAX)
        return false;
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    *out = (size_t)tare_u8_conv_block_offset(&plan, w->groups, 0);
    return true;
}

/* `n` weights of one channel, `stride` apart, to the places `first`, first + 1, ... of
 * its column: words of 4, a step from each other. */
static void pack_column(const int8_t *from, int64_t n, int64_t stride, int64_t first,
                        int64_t step_bytes, int8_t *column)
{
    int64_t k = 0;
    for (; k < n && (first + k) % 4 != 0; k++)
        column[(first + k) / 4 * step_bytes + (first + k) % 4] = from[k * stride];
    for (; k + 4 <= n; k += 4) {
        const int8_t word[4] = {from[k * stride], from[(k + 1) * stride],
                                from[(k + 2) * stride], from[(k + 3) * stride]};
        memcpy(column + (first + k) / 4 * step_bytes, word, sizeof word);
    }
    for (; k < n; k++)
        column[(first + k) / 4 * step_bytes + (first + k) % 4] = from[k * stride];
}

/* One block, from its first channel's weights. */
static void pack_block(const struct tare_u8_conv_plan *plan, const int8_t *weights,
                       int64_t n_channels, int64_t width, int8_t *packed)
{
    const struct tare_window *w = &plan->window;
    const int64_t n_taps = w->kernel_h * w->kernel_w;
    const int64_t step_bytes = width * 4;
    memset(packed, 0, (size_t)(plan->n_segments * plan->n_steps * step_bytes));
    for (int64_t tap = 0; tap < n_taps; tap++) {
        const int64_t first = tap % plan->segment_taps * plan->group_in;
        int8_t *segment =
            packed + tap / plan->segment_taps * plan->n_steps * step_bytes;
        for (int64_t c = 0; c < n_channels; c++)
            pack_column(weights + c * plan->group_in * n_taps + tap, plan->group_in,
                        n_taps, first, step_bytes, segment + c * 4);
    }
}

static void unpack_block(const struct tare_u8_conv_plan *plan, const int8_t *packed,
                         int64_t n_channels, int64_t width, int8_t *weights)
{
    const struct tare_window *w = &plan->window;
    const int64_t n_taps = w->kernel_h * w->kernel_w, step_bytes = width * 4;
    for (int64_t tap = 0; tap < n_taps; tap++) {
        const int64_t first = tap % plan->segment_taps * plan->group_in;
        const int8_t *segment =
            packed + tap / plan->segment_taps * plan->n_steps * step_bytes;
        for (int64_t c = 0; c < n_channels; c++)
            for (int64_t k = 0; k < plan->group_in; k++)
                weights[(c * plan->group_in + k) * n_taps + tap] =
                    segment[(first + k) / 4 * step_bytes + c * 4 + (first + k) % 4];
    }
}

/* The block `b` of a group: its first channel, of all, and how many it has. */
static int64_t block_channels(const struct tare_u8_conv_plan *plan, int64_t group,
                              int64_t b, int64_t *first)
{
    const int64_t left = plan->group_out - b * TARE_U8_CONV_BLOCK;
    *first = group * plan->group_out + b * TARE_U8_CONV_BLOCK;
    return left < TARE_U8_CONV_BLOCK ? left : TARE_U8_CONV_BLOCK;
}

void tare_u8_conv_pack(const struct tare_u8_conv *p, const int8_t *weights,
                       int8_t *packed)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    const int64_t terms = plan.window.kernel_h * plan.window.kernel_w * plan.group_in;
    for (int64_t group = 0; group < plan.window.groups; group++)
        for (int64_t b = 0; b < plan.blocks_per_group; b++) {
            int64_t first;
            const int64_t n = block_channels(&plan, group, b, &first);
            pack_block(&plan, weights + first * terms, n,
                       tare_u8_conv_block_width(&plan, b),
                       packed + tare_u8_conv_block_offset(&plan, group, b));
        }
}

void tare_u8_conv_unpack(const struct tare_u8_conv *p, const int8_t *packed,
                         int8_t *weights)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    const int64_t terms = plan.window.kernel_h * plan.window.kernel_w * plan.group_in;
    for (int64_t group = 0; group < plan.window.groups; group++)
        for (int64_t b = 0; b < plan.blocks_per_group; b++) {
            int64_t first;
            const int64_t n = block_channels(&plan, group, b, &first);
            unpack_block(&plan, packed + tare_u8_conv_block_offset(&plan, group, b), n,
                         tare_u8_conv_block_width(&plan, b), weights + first * terms);
        }
}
