/* Reference: the definition the other variants are compared with. It shares with them
 * how weights are packed, and nothing else. */
#include "kernels/u8_depthwise/u8_depthwise_walk.h"
#include "kernels/u8_epilogue_ref.h"

static int32_t sum_taps(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
                        const struct tare_u8_depthwise_plan *plan, int64_t row,
                        int64_t ox, int64_t c)
{
    const struct tare_window *w = &p->window;
    const int8_t *weights =
        d->weights + c / TARE_U8_DEPTHWISE_BLOCK * tare_u8_depthwise_block_bytes(plan) +
        c % TARE_U8_DEPTHWISE_BLOCK * 4;
    uint32_t acc = (uint32_t)d->acc_init[c]; /* may wrap on its way */
    for (int64_t tap = 0; tap < plan->n_taps; tap++) {
        const int64_t iy = row % w->out_h * w->stride_h - w->pad_top +
                           tap / w->kernel_w * w->dilation_h;
        const int64_t ix =
            ox * w->stride_w - w->pad_left + tap % w->kernel_w * w->dilation_w;
        int32_t x = p->in_zero_point;
        if (iy >= 0 && iy < w->in_h && ix >= 0 && ix < w->in_w)
            x = d->x[((row / w->out_h * w->in_h + iy) * w->in_w + ix) *
                         tare_window_in_pitch(w) +
                     c];
        acc += (uint32_t)(x * weights[tap / 4 * TARE_U8_DEPTHWISE_BLOCK * 4 + tap % 4]);
    }
    return (int32_t)acc;
}

void tare_u8_depthwise__ref(const struct tare_u8_conv *p,
                            const struct tare_u8_conv_data *d, void *scratch,
                            int64_t begin, int64_t end)
{
    (void)scratch;
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    const int64_t pitch = tare_window_out_pitch(&p->window);
    for (int64_t row = begin; row < end; row++)
        for (int64_t ox = 0; ox < p->window.out_w; ox++)
            for (int64_t c = 0; c < plan.channels; c++) {
                const int64_t pixel = row * p->window.out_w + ox;
                const uint8_t *residual =
                    d->residual ? d->residual + pixel * plan.channels + c : NULL;
                tare_u8_epilogue_ref(&p->epilogue, sum_taps(p, d, &plan, row, ox, c),
                                     d->multiplier[c], d->bias[c], residual, d->y,
                                     pixel * pitch + c);
            }
}
