/* kernels/f32_pool/f32_pool_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define POOL_NAME. Up to four vectors of channels stay in registers while the
 * taps go by. */
#include <math.h>

#include "kernels/f32_pool/f32_pool_walk.h"
#include "kernels/lanes.h"
#include "kernels/repeat.h"

#define MOST_VECTORS INT64_C(4)

/* All taps of n vectors of channels from `first` on, to result[n * LANES]. */
typedef void taps_fn(const struct tare_f32_pool_window *window, const float *first,
                     float *result);

#define START_max(i) lanes v##i = lanes_set1(-INFINITY);
#define START_sum(i) lanes v##i = lanes_zero();
#define STEP_max(i)  v##i = lanes_max(lanes_load(x + (i)*LANES), v##i);
#define STEP_sum(i)  v##i = lanes_add(v##i, lanes_load(x + (i)*LANES));
#define FINISH(i)    lanes_store(result + (i)*LANES, v##i);
#define TAPS(name, vectors)                                                            \
    static void name##_##vectors(const struct tare_f32_pool_window *window,            \
                                 const float *first, float *result)                    \
    {                                                                                  \
        REPEAT_##vectors(START_##name);                                                \
        for (int64_t ky = 0; ky < window->rows; ky++) {                                \
            const float *x = first + ky * window->row_stride;                          \
            for (int64_t kx = 0; kx < window->columns; kx++) {                         \
                REPEAT_##vectors(STEP_##name);                                         \
                x += window->column_stride;                                            \
            }                                                                          \
        }                                                                              \
        REPEAT_##vectors(FINISH);                                                      \
    }
TAPS(max, 1)
TAPS(max, 2)
TAPS(max, 3)
TAPS(max, 4)
TAPS(sum, 1)
TAPS(sum, 2)
TAPS(sum, 3)
TAPS(sum, 4)
static taps_fn *const all_max[MOST_VECTORS] = {max_1, max_2, max_3, max_4};
static taps_fn *const all_sum[MOST_VECTORS] = {sum_1, sum_2, sum_3, sum_4};

static void pool_pixel(taps_fn *const *taps, const struct tare_f32_pool_window *window,
                       int64_t n_channels, float *y)
{
    _Alignas(64) float result[MOST_VECTORS * LANES];
    const lanes divisor = lanes_set1(window->divisor);
    for (int64_t c = 0; c < n_channels; c += MOST_VECTORS * LANES) {
        const int64_t left = n_channels - c;
        const int64_t vectors =
            left < MOST_VECTORS * LANES ? (left + LANES - 1) / LANES : MOST_VECTORS;
        taps[vectors - 1](window, window->first + c, result);
        for (int64_t i = 0; i < vectors; i++) {
            const lanes v = lanes_load(result + i * LANES);
            lanes_store_upto(y + c + i * LANES,
                             taps == all_sum ? lanes_div(v, divisor) : v,
                             left - i * LANES);
        }
    }
}

void POOL_NAME(const struct tare_f32_pool *pool, const float *x, float *y,
               int64_t begin, int64_t end)
{
    const struct tare_window *w = &pool->window;
    const int64_t pitch = tare_window_out_pitch(w);
    taps_fn *const *taps = pool->mode == TARE_POOL_MAX ? all_max : all_sum;
    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_pool_unit unit = tare_f32_pool_unit(pool, index);
        float *to = y + (unit.image * w->out_h + unit.oy) * w->out_w * pitch +
                    unit.first_channel;
        for (int64_t ox = 0; ox < w->out_w; ox++, to += pitch) {
            const struct tare_f32_pool_window window =
                tare_f32_pool_window(pool, &unit, ox, x);
            pool_pixel(taps, &window, unit.n_channels, to);
        }
    }
}
