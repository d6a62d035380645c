/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_pool/f32_pool_walk.h"

/* One channel of one output pixel. */
static float pool_one(const struct tare_f32_pool_window *window, const float *first,
                      enum tare_pool_mode mode)
{
    float v = mode == TARE_POOL_MAX ? -INFINITY : 0.0f;
    for (int64_t ky = 0; ky < window->rows; ky++)
        for (int64_t kx = 0; kx < window->columns; kx++) {
            const float x = first[ky * window->row_stride + kx * window->column_stride];
            if (mode != TARE_POOL_MAX)
                v = v + x;
            else
                v = x > v ? x : v;
        }
    return mode == TARE_POOL_MAX ? v : v / window->divisor;
}

void tare_f32_pool__ref(const struct tare_f32_pool *pool, const float *x, float *y,
                        int64_t begin, int64_t end)
{
    const struct tare_window *w = &pool->window;
    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_pool_unit unit = tare_f32_pool_unit(pool, index);
        for (int64_t ox = 0; ox < w->out_w; ox++) {
            const struct tare_f32_pool_window window =
                tare_f32_pool_window(pool, &unit, ox, x);
            float *to = y +
                        ((unit.image * w->out_h + unit.oy) * w->out_w + ox) *
                            tare_window_out_pitch(w) +
                        unit.first_channel;
            for (int64_t c = 0; c < unit.n_channels; c++)
                to[c] = pool_one(&window, window.first + c,
                                 (enum tare_pool_mode)pool->mode);
        }
    }
}
