/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_conv/f32_conv_plan.h"

/* The chain of one output: input pixel 0 of the image, weight of input channel 0 at the
 * first tap; `width` floats from one weight of this output to its next. */
static float chain(const struct tare_window *w, const float *image, int64_t oy,
                   int64_t ox, const float *weights, int64_t width)
{
    const int64_t in_pitch = tare_window_in_pitch(w);
    float acc = 0.0f;
    for (int64_t ky = 0; ky < w->kernel_h; ky++)
        for (int64_t kx = 0; kx < w->kernel_w; kx++) {
            const int64_t y = oy * w->stride_h - w->pad_top + ky * w->dilation_h;
            const int64_t x = ox * w->stride_w - w->pad_left + kx * w->dilation_w;
            const bool inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
            const float *pixel = inside ? image + (y * w->in_w + x) * in_pitch : NULL;
            for (int64_t c = 0; c < w->in_c / w->groups; c++, weights += width)
                acc = fmaf(pixel ? pixel[c] : 0.0f, *weights, acc);
        }
    return acc;
}

void tare_f32_conv__ref(const struct tare_f32_conv *conv,
                        const struct tare_f32_conv_data *data, void *scratch,
                        int64_t begin, int64_t end)
{
    const struct tare_window *w = &conv->window;
    struct tare_f32_conv_plan plan;
    (void)scratch;
    if (!tare_f32_conv_plan(w, &plan)) return;

    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_conv_area unit =
            tare_f32_conv_area(&plan, index, index + 1);
        const struct tare_f32_conv_block block =
            tare_f32_conv_block(&plan, unit.first_block);
        for (int64_t i = 0; i < unit.n_pixels * block.n_outputs; i++) {
            const int64_t pixel = unit.first_pixel + i / block.n_outputs;
            const int64_t channel = i % block.n_outputs;
            const int64_t image = pixel / (w->out_h * w->out_w);
            const int64_t c = block.first_output + channel;
            const float *x =
                data->x + image * w->in_h * w->in_w * tare_window_in_pitch(w);
            float v = chain(
                w, x + block.first_input, pixel / w->out_w % w->out_h, pixel % w->out_w,
                data->weights + block.weights_offset + channel, block.width);
            v = v + (data->bias ? data->bias[c] : 0.0f);
            if (conv->epilogue.has_residual)
                v = v + data->residual[pixel * w->out_c + c];
            data->y[pixel * tare_window_out_pitch(w) + c] =
                tare_f32_finish(&conv->epilogue, v);
        }
    }
}
