/* kernels/half_conv/half_conv_ref.h - the definition, for f16_conv_ref.c and
 * bf16_conv_ref.c, which define CONV_NAME, HALF_WIDEN, HALF_NARROW and HALF_WEIGHT: the
 * element of a block for product k and output o. */
#include <math.h>

#include "base/half.h"
#include "kernels/half_conv/half_conv_plan.h"

static float sum_at(const struct tare_half_conv_plan *plan, const struct tare_window *w,
                    const struct tare_half_conv_data *data,
                    const struct tare_half_conv_unit *unit, int64_t pixel, int64_t o)
{
    const int64_t ox = pixel % w->out_w, oy = pixel / w->out_w % w->out_h;
    const int64_t image = pixel / w->out_w / w->out_h;
    const uint16_t *weights = data->weights + unit->weights_offset;
    const int64_t n_taps = plan->depth / plan->group_inputs;
    float sum = 0.0f;
    for (int64_t tap = 0, k = 0; tap < n_taps; tap++) {
        const int64_t y =
            oy * w->stride_h + tap / w->kernel_w * w->dilation_h - w->pad_top;
        const int64_t x =
            ox * w->stride_w + tap % w->kernel_w * w->dilation_w - w->pad_left;
        const bool inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
        const int64_t at =
            ((image * w->in_h + y) * w->in_w + x) * tare_window_in_pitch(w) +
            unit->first_input;
        for (int64_t c = 0; c < plan->group_inputs; c++, k++)
            sum = fmaf(inside ? HALF_WIDEN(data->x[at + c]) : 0.0f,
                       HALF_WIDEN(weights[HALF_WEIGHT(k, o, unit->width)]), sum);
    }
    return sum;
}

void CONV_NAME(const struct tare_half_conv *conv,
               const struct tare_half_conv_data *data, void *scratch, int64_t begin,
               int64_t end)
{
    const struct tare_window *w = &conv->window;
    struct tare_half_conv_plan plan;
    (void)scratch;
    if (!tare_half_conv_plan(w, &plan)) return;
    for (int64_t index = begin; index < end; index++) {
        const struct tare_half_conv_unit unit = tare_half_conv_unit(&plan, index);
        for (int64_t i = 0; i < unit.n_pixels * unit.n_outputs; i++) {
            const int64_t pixel = unit.first_pixel + i / unit.n_outputs;
            const int64_t c = unit.first_output + i % unit.n_outputs;
            float v = sum_at(&plan, w, data, &unit, pixel, i % unit.n_outputs);
            if (data->bias) v = v + data->bias[c];
            if (conv->epilogue.has_residual)
                v = v + HALF_WIDEN(data->residual[pixel * w->out_c + c]);
            v = tare_f32_finish(&conv->epilogue, v);
            const int64_t at = pixel * tare_window_out_pitch(w) + c;
            if (conv->out_f32)
                ((float *)data->y)[at] = v;
            else
                ((uint16_t *)data->y)[at] = HALF_NARROW(v);
        }
    }
}
