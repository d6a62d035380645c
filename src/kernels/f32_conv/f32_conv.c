/* Registration and sizes. */
#include "kernels/f32_conv/f32_conv.h"

#include "kernels/f32_conv/f32_conv_plan.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_conv_variant tare_f32_conv_table[] = {
#include "kernels/f32_conv/f32_conv.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_conv)

int64_t tare_f32_conv_units(const struct tare_f32_conv *conv)
{
    struct tare_f32_conv_plan plan;
    return tare_f32_conv_plan(&conv->window, &plan) ? plan.tiles * plan.blocks : 0;
}

int64_t tare_f32_conv_done(const struct tare_f32_conv *conv, int64_t n_units)
{
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(&conv->window, &plan)) return 0;
    int64_t whole = n_units / (TARE_F32_CONV_PANEL * plan.blocks) * TARE_F32_CONV_PANEL;
    if (plan.panels_inside) whole = 0;
    if (n_units == plan.tiles * plan.blocks) whole = plan.tiles;
    const int64_t longer = whole < plan.longer_tiles ? whole : plan.longer_tiles;
    return (whole * plan.tile_pixels + longer) * conv->window.out_c;
}

bool tare_f32_conv_scratch_bytes(const struct tare_f32_conv *conv, size_t *size)
{
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(&conv->window, &plan)) return false;
    *size = plan.scratch_bytes;
    return true;
}
