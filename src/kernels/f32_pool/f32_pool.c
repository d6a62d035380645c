/* Registration, units and windows. */
#include "kernels/f32_pool/f32_pool.h"

#include <stdbool.h>

#include "kernels/f32_pool/f32_pool_walk.h"

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_pool_variant tare_f32_pool_table[] = {
#include "kernels/f32_pool/f32_pool.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_pool)

static int64_t channel_blocks(const struct tare_window *w)
{
    return (w->in_c + TARE_F32_POOL_CHANNELS - 1) / TARE_F32_POOL_CHANNELS;
}

int64_t tare_f32_pool_units(const struct tare_f32_pool *pool)
{
    const struct tare_window *w = &pool->window;
    return w->batch * w->out_h * channel_blocks(w);
}

/* How many of a window's taps, start + k * dilation, lie below `end`. */
static int64_t taps_below(int64_t end, int64_t start, int64_t kernel, int64_t dilation)
{
    const int64_t n = end > start ? (end - start + dilation - 1) / dilation : 0;
    return n < kernel ? n : kernel;
}

static struct tare_f32_pool_taps taps_along(int64_t start, int64_t kernel,
                                            int64_t dilation, int64_t in,
                                            int64_t pad_after)
{
    return (struct tare_f32_pool_taps){
        .start = start,
        .first = taps_below(0, start, kernel, dilation),
        .last = taps_below(in, start, kernel, dilation),
        .padded = taps_below(in + pad_after, start, kernel, dilation)};
}

struct tare_f32_pool_unit tare_f32_pool_unit(const struct tare_f32_pool *pool,
                                             int64_t index)
{
    const struct tare_window *w = &pool->window;
    const int64_t blocks = channel_blocks(w), row = index / blocks;
    const int64_t first = index % blocks * TARE_F32_POOL_CHANNELS;
    const int64_t left = w->in_c - first;
    const int64_t oy = row % w->out_h;
    return (struct tare_f32_pool_unit){
        .image = row / w->out_h,
        .oy = oy,
        .first_channel = first,
        .n_channels = left < TARE_F32_POOL_CHANNELS ? left : TARE_F32_POOL_CHANNELS,
        .rows = taps_along(oy * w->stride_h - w->pad_top, w->kernel_h, w->dilation_h,
                           w->in_h, pool->pad_bottom)};
}

struct tare_f32_pool_window tare_f32_pool_window(const struct tare_f32_pool *pool,
                                                 const struct tare_f32_pool_unit *unit,
                                                 int64_t ox, const float *x)
{
    const struct tare_window *w = &pool->window;
    const struct tare_f32_pool_taps *rows = &unit->rows;
    const struct tare_f32_pool_taps columns =
        taps_along(ox * w->stride_w - w->pad_left, w->kernel_w, w->dilation_w, w->in_w,
                   pool->pad_right);
    struct tare_f32_pool_window window = {.first = x, .divisor = 1.0f};
    if (rows->first >= rows->last || columns.first >= columns.last) return window;

    const int64_t y = rows->start + rows->first * w->dilation_h;
    const int64_t column = columns.start + columns.first * w->dilation_w;
    const int64_t pitch = tare_window_in_pitch(w);
    window.first +=
        ((unit->image * w->in_h + y) * w->in_w + column) * pitch + unit->first_channel;
    window.rows = rows->last - rows->first;
    window.columns = columns.last - columns.first;
    window.row_stride = w->dilation_h * w->in_w * pitch;
    window.column_stride = w->dilation_w * pitch;
    window.divisor = pool->mode == TARE_POOL_AVERAGE_INCLUDE_PAD
                         ? (float)(rows->padded * columns.padded)
                         : (float)(window.rows * window.columns);
    return window;
}
