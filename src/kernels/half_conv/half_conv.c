/* The cutting into units, and weights in the order of the kernels. */

#include "base/mem.h"
#include "kernels/half_conv/half_conv_plan.h"

static bool mul(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool tare_half_conv_plan(const struct tare_window *w, struct tare_half_conv_plan *plan)
{
    int64_t taps, weights;
    plan->group_inputs = w->in_c / w->groups;
    plan->group_outputs = w->out_c / w->groups;
    if (!mul(w->out_h, w->out_w, &plan->pixels) ||
        !mul(w->batch, plan->pixels, &plan->pixels) ||
        !mul(w->kernel_h, w->kernel_w, &taps) ||
        !mul(taps, plan->group_inputs, &plan->depth) ||
        !mul(plan->depth + 1, w->out_c + 15 * w->groups, &weights))
        return false;
    plan->padded = plan->depth + plan->depth % 2;
    plan->group_blocks = (plan->group_outputs - 1) / TARE_HALF_CONV_BLOCK + 1;
    plan->blocks = w->groups * plan->group_blocks;
    plan->tiles = (plan->pixels - 1) / TARE_HALF_CONV_ROWS + 1;
    return mul(plan->blocks, plan->tiles, &weights);
}

struct tare_half_conv_unit tare_half_conv_unit(const struct tare_half_conv_plan *plan,
                                               int64_t index)
{
    const int64_t block = index / plan->tiles, tile = index % plan->tiles;
    const int64_t group = block / plan->group_blocks;
    const int64_t first = block % plan->group_blocks * TARE_HALF_CONV_BLOCK;
    const int64_t left = plan->group_outputs - first;
    const int64_t n = left < TARE_HALF_CONV_BLOCK ? left : TARE_HALF_CONV_BLOCK;
    const int64_t group_width = (plan->group_outputs + 15) / 16 * 16;
    /* tiles of nearly equal size */
    const int64_t pixels = plan->pixels / plan->tiles;
    const int64_t longer = plan->pixels % plan->tiles;
    return (struct tare_half_conv_unit){
        .first_pixel = tile * pixels + (tile < longer ? tile : longer),
        .n_pixels = pixels + (tile < longer),
        .first_input = group * plan->group_inputs,
        .first_output = group * plan->group_outputs + first,
        .n_outputs = n,
        .width = (n + 15) / 16 * 16,
        .weights_offset = (group * group_width + first) * plan->padded};
}

int64_t tare_half_conv_units(const struct tare_half_conv *conv)
{
    struct tare_half_conv_plan plan;
    return tare_half_conv_plan(&conv->window, &plan) ? plan.blocks * plan.tiles : 0;
}

bool tare_half_conv_packed_bytes(const struct tare_half_conv *conv, size_t *size)
{
    struct tare_half_conv_plan plan;
    if (!tare_half_conv_plan(&conv->window, &plan)) return false;
    const size_t width = ((size_t)plan.group_outputs + 15) / 16 * 16;
    size_t n;
    return tare_mul_size(width, (size_t)conv->window.groups, &n) &&
           tare_mul_size(n, (size_t)plan.padded, &n) &&
           tare_mul_size(n, sizeof(uint16_t), size);
}

bool tare_half_conv_scratch_bytes(const struct tare_half_conv *conv, size_t *size)
{
    struct tare_half_conv_plan plan;
    *size = (size_t)(TARE_HALF_CONV_ROWS *
                     (TARE_HALF_CONV_STRETCH + TARE_HALF_CONV_BLOCK)) *
            sizeof(float);
    return tare_half_conv_plan(&conv->window, &plan);
}

void tare_half_conv_pack(const struct tare_half_conv *conv, const float *weights,
                         bool pairs, uint16_t (*narrow)(float), uint16_t *packed)
{
    const struct tare_window *w = &conv->window;
    struct tare_half_conv_plan plan;
    if (!tare_half_conv_plan(w, &plan)) return;
    const int64_t taps = w->kernel_h * w->kernel_w;
    for (int64_t block = 0; block < plan.blocks; block++) {
        const struct tare_half_conv_unit at =
            tare_half_conv_unit(&plan, block * plan.tiles);
        const float *from = weights + at.first_output * plan.depth;
        uint16_t *to = packed + at.weights_offset;
        /* 0 times a weight of -0 is -0, which leaves every sum as it is, -0 too */
        for (int64_t i = 0; i < plan.padded * at.width; i++)
            to[i] = UINT16_C(0x8000);
        for (int64_t k = 0; k < plan.depth; k++) {
            const int64_t tap = k / plan.group_inputs, c = k % plan.group_inputs;
            uint16_t *row =
                pairs ? to + (k - k % 2) * at.width + k % 2 : to + k * at.width;
            for (int64_t o = 0; o < at.n_outputs; o++)
                row[pairs ? 2 * o : o] = narrow(from[o * plan.depth + c * taps + tap]);
        }
    }
}
