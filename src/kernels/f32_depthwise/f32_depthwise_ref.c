/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_depthwise/f32_depthwise_walk.h"

static float chain(const struct tare_window *w, const float *image, int64_t oy,
                   int64_t ox, const float *weights)
{
    float acc = 0.0f;
    for (int64_t ky = 0; ky < w->kernel_h; ky++)
        for (int64_t kx = 0; kx < w->kernel_w; kx++) {
            const int64_t y = oy * w->stride_h - w->pad_top + ky * w->dilation_h;
            const int64_t x = ox * w->stride_w - w->pad_left + kx * w->dilation_w;
            const bool inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
            const int64_t at = (y * w->in_w + x) * tare_window_in_pitch(w);
            acc = fmaf(inside ? image[at] : 0.0f, *weights, acc);
            weights += TARE_F32_DEPTHWISE_BLOCK;
        }
    return acc;
}

void tare_f32_depthwise__ref(const struct tare_f32_depthwise *conv,
                             const struct tare_f32_depthwise_data *data, void *scratch,
                             int64_t begin, int64_t end)
{
    const struct tare_window *w = &conv->window;
    const int64_t taps = w->kernel_h * w->kernel_w, block = TARE_F32_DEPTHWISE_BLOCK;
    (void)scratch;
    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_depthwise_unit unit =
            tare_f32_depthwise_unit(conv, index);
        for (int64_t i = 0; i < w->out_w * unit.n_channels; i++) {
            const int64_t ox = i / unit.n_channels;
            const int64_t c = unit.first_channel + i % unit.n_channels;
            const int64_t pixel = (unit.image * w->out_h + unit.oy) * w->out_w + ox;
            const int64_t image =
                unit.image * w->in_h * w->in_w * tare_window_in_pitch(w);
            float v = chain(w, data->x + image + c, unit.oy, ox,
                            data->weights + c / block * block * taps + c % block);
            v = v + (data->bias ? data->bias[c] : 0.0f);
            if (conv->epilogue.has_residual)
                v = v + data->residual[pixel * w->in_c + c];
            data->y[pixel * tare_window_out_pitch(w) + c] =
                tare_f32_finish(&conv->epilogue, v);
        }
    }
}
