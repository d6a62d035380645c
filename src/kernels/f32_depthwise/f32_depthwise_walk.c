/* Sizes, packing, units and tap addresses. */
#include "kernels/f32_depthwise/f32_depthwise_walk.h"

#include <string.h>

#include "base/mem.h"

/* Zeros behind a unit's channels, as a vector's loads reach over its last one. */
#define ZEROS (TARE_F32_DEPTHWISE_CHANNELS + TARE_KERNEL_SLACK)

static int64_t channel_blocks(const struct tare_window *w)
{
    return (w->in_c + TARE_F32_DEPTHWISE_CHANNELS - 1) / TARE_F32_DEPTHWISE_CHANNELS;
}

int64_t tare_f32_depthwise_units(const struct tare_f32_depthwise *conv)
{
    const struct tare_window *w = &conv->window;
    return w->batch * w->out_h * channel_blocks(w);
}

int64_t tare_f32_depthwise_done(const struct tare_f32_depthwise *conv, int64_t n_units)
{
    const struct tare_window *w = &conv->window;
    return n_units / channel_blocks(w) * w->out_w * w->out_c;
}

bool tare_f32_depthwise_packed_bytes(const struct tare_f32_depthwise *conv,
                                     size_t *size)
{
    const struct tare_window *w = &conv->window;
    const size_t block = TARE_F32_DEPTHWISE_BLOCK;
    size_t n;
    return tare_mul_size((size_t)w->kernel_h, (size_t)w->kernel_w, &n) &&
           tare_mul_size(n, ((size_t)w->in_c + block - 1) / block * block, &n) &&
           tare_mul_size(n, sizeof(float), size);
}

bool tare_f32_depthwise_scratch_bytes(const struct tare_f32_depthwise *conv,
                                      size_t *size)
{
    const struct tare_window *w = &conv->window;
    size_t n;
    return tare_mul_size((size_t)w->kernel_h, (size_t)w->kernel_w, &n) &&
           tare_mul_size(n, sizeof(struct tare_f32_depthwise_tap), &n) &&
           tare_add_size(n, ZEROS * sizeof(float), size);
}

void tare_f32_depthwise_pack(const struct tare_f32_depthwise *conv,
                             const float *weights, float *packed)
{
    const struct tare_window *w = &conv->window;
    const int64_t taps = w->kernel_h * w->kernel_w, block = TARE_F32_DEPTHWISE_BLOCK;
    for (int64_t first = 0; first < w->in_c; first += block)
        for (int64_t tap = 0; tap < taps; tap++)
            for (int64_t c = first; c < first + block; c++)
                *packed++ = c < w->in_c ? weights[c * taps + tap] : 0.0f;
}

struct tare_f32_depthwise_unit
tare_f32_depthwise_unit(const struct tare_f32_depthwise *conv, int64_t index)
{
    const struct tare_window *w = &conv->window;
    const int64_t blocks = channel_blocks(w), row = index / blocks;
    const int64_t first = index % blocks * TARE_F32_DEPTHWISE_CHANNELS;
    const int64_t left = w->in_c - first, most = TARE_F32_DEPTHWISE_CHANNELS;
    return (struct tare_f32_depthwise_unit){.image = row / w->out_h,
                                            .oy = row % w->out_h,
                                            .first_channel = first,
                                            .n_channels = left < most ? left : most};
}

void tare_f32_depthwise_begin(const struct tare_f32_depthwise *conv, void *scratch)
{
    (void)conv;
    memset(scratch, 0, ZEROS * sizeof(float));
}

const struct tare_f32_depthwise_tap *
tare_f32_depthwise_taps(const struct tare_f32_depthwise *conv,
                        const struct tare_f32_depthwise_unit *unit, int64_t ox,
                        const float *x, void *scratch, int64_t *n_pixels)
{
    const struct tare_window *w = &conv->window;
    const float *zeros = scratch;
    struct tare_f32_depthwise_tap *taps =
        (struct tare_f32_depthwise_tap *)(void *)((float *)scratch + ZEROS);
    const int64_t last = w->in_w - (w->kernel_w - 1) * w->dilation_w - 1;
    const int64_t x0 = ox * w->stride_w - w->pad_left;
    const int64_t y0 = unit->oy * w->stride_h - w->pad_top;
    const int64_t pitch = tare_window_in_pitch(w);

    *n_pixels = 1;
    if (x0 >= 0 && x0 <= last) { /* no window reaches over the left or right border */
        const int64_t fit = (last - x0) / w->stride_w + 1, left = w->out_w - ox;
        *n_pixels = fit < left ? fit : left;
    }
    struct tare_f32_depthwise_tap *tap = taps;
    for (int64_t ky = 0; ky < w->kernel_h; ky++) {
        const int64_t y = y0 + ky * w->dilation_h;
        const bool row_inside = y >= 0 && y < w->in_h;
        const float *row = x + unit->first_channel;
        if (row_inside) row += (unit->image * w->in_h + y) * w->in_w * pitch;
        for (int64_t kx = 0; kx < w->kernel_w; kx++, tap++) {
            const int64_t column = x0 + kx * w->dilation_w;
            const bool inside = row_inside && column >= 0 && column < w->in_w;
            tap->x = inside ? row + column * pitch : zeros;
            tap->step = inside ? w->stride_w * pitch : 0;
        }
    }
    return taps;
}
