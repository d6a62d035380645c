/* Reference: the definition the other variants are compared with. It shares with them
 * how units are numbered and how weights are packed, and nothing else. */
#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_ref.h"

/* One output value: `channel` of its group. */
static void compute_value(const struct tare_u8_conv *p,
                          const struct tare_u8_conv_data *d,
                          const struct tare_u8_conv_plan *plan, int64_t pixel,
                          int64_t group, int64_t channel)
{
    const struct tare_window *w = &plan->window;
    const int64_t ox = pixel % w->out_w;
    const int64_t oy = pixel / w->out_w % w->out_h;
    const int64_t image = pixel / w->out_w / w->out_h;
    const int64_t b = channel / TARE_U8_CONV_BLOCK;
    const int64_t step_bytes = tare_u8_conv_block_width(plan, b) * 4;
    const int8_t *weights = d->weights + tare_u8_conv_block_offset(plan, group, b) +
                            channel % TARE_U8_CONV_BLOCK * 4;
    const int64_t out_channel = group * plan->group_out + channel;
    uint32_t acc = (uint32_t)d->acc_init[out_channel]; /* may wrap on its way */

    for (int64_t tap = 0; tap < w->kernel_h * w->kernel_w; tap++) {
        const int64_t iy =
            oy * w->stride_h - w->pad_top + tap / w->kernel_w * w->dilation_h;
        const int64_t ix =
            ox * w->stride_w - w->pad_left + tap % w->kernel_w * w->dilation_w;
        const bool inside = iy >= 0 && iy < w->in_h && ix >= 0 && ix < w->in_w;
        const int64_t x_at = ((image * w->in_h + iy) * w->in_w + ix) * w->in_pitch +
                             group * plan->group_in;
        const int8_t *segment =
            weights + tap / plan->segment_taps * plan->n_steps * step_bytes;
        for (int64_t k = 0; k < plan->group_in; k++) {
            const int64_t at = tap % plan->segment_taps * plan->group_in + k;
            const int32_t x = inside ? d->x[x_at + k] : p->in_zero_point;
            acc += (uint32_t)(x * segment[at / 4 * step_bytes + at % 4]);
        }
    }
    const uint8_t *residual =
        d->residual ? d->residual + pixel * w->out_c + out_channel : NULL;
    tare_u8_epilogue_ref(&p->epilogue, (int32_t)acc, d->multiplier[out_channel],
                         d->bias[out_channel], residual, d->y,
                         pixel * w->out_pitch + out_channel);
}

void tare_u8_conv__ref(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
                       void *scratch, int64_t begin, int64_t end)
{
    (void)scratch;
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    for (int64_t index = begin; index < end; index++) {
        const struct tare_u8_conv_unit unit = tare_u8_conv_unit(&plan, index);
        const int64_t block = plan.n_blocks * unit.split / plan.n_splits;
        const int64_t block_end = plan.n_blocks * (unit.split + 1) / plan.n_splits;
        const int64_t tile = unit.pixel_block * TARE_U8_CONV_TILES;
        const int64_t tile_end = tile + TARE_U8_CONV_TILES < plan.n_tiles
                                     ? tile + TARE_U8_CONV_TILES
                                     : plan.n_tiles;
        for (int64_t pixel = tare_u8_conv_tile_begin(&plan, tile);
             pixel < tare_u8_conv_tile_begin(&plan, tile_end); pixel++) {
            for (int64_t c = 0; c < plan.window.out_c; c++) {
                const int64_t group = c / plan.group_out;
                const int64_t channel = c % plan.group_out;
                const int64_t b =
                    group * plan.blocks_per_group + channel / TARE_U8_CONV_BLOCK;
                if (b >= block && b < block_end)
                    compute_value(p, d, &plan, pixel, group, channel);
            }
        }
    }
}
