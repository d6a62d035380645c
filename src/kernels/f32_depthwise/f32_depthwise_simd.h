/* kernels/f32_depthwise/f32_depthwise_simd.h - the body of the AVX2 and AVX-512 files,
 * which define DEPTHWISE_NAME. Sums in registers are a vector of channels of up to
 * eight pixels that share their taps, or up to four vectors of a pixel at a border. */
#include "kernels/f32_depthwise/f32_depthwise_walk.h"
#include "kernels/lanes.h"
#include "kernels/repeat.h"

enum { MOST_PIXELS = 8, MOST_VECTORS = 4 };

/* The sums of pixels first_pixel ... or of vectors 0 ..., from the channel of `weights`
 * on; sums[i * LANES]. */
typedef void sums_fn(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                     int64_t first_pixel, int64_t channel, const float *weights,
                     float *sums);

#define START(i)  lanes v##i = lanes_zero();
#define PIXEL(i)  v##i = lanes_fma(lanes_load(x + (i)*step), w, v##i);
#define FINISH(i) lanes_store(sums + (i)*LANES, v##i);
#define PIXELS(n)                                                                      \
    static void pixels_##n(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,  \
                           int64_t first_pixel, int64_t channel, const float *weights, \
                           float *sums)                                                \
    {                                                                                  \
        REPEAT_##n(START) for (int64_t tap = 0; tap < n_taps; tap++)                   \
        {                                                                              \
            const int64_t step = taps[tap].step;                                       \
            const float *x = taps[tap].x + first_pixel * step + channel;               \
            const lanes w = lanes_load(weights + tap * TARE_F32_DEPTHWISE_BLOCK);      \
            REPEAT_##n(PIXEL)                                                          \
        }                                                                              \
        REPEAT_##n(FINISH)                                                             \
    }
PIXELS(1)
PIXELS(2)
PIXELS(3)
PIXELS(4)
PIXELS(5)
PIXELS(6)
PIXELS(7)
PIXELS(8)
static sums_fn *const pixels[MOST_PIXELS] = {pixels_1, pixels_2, pixels_3, pixels_4,
                                             pixels_5, pixels_6, pixels_7, pixels_8};

/* Vector i of the packed weights of a tap, counted from `weights`: they begin at the
 * start of a block. */
static inline lanes weights_at(const float *weights, int64_t n_taps, int64_t i)
{
    const int64_t at = i * LANES, block = TARE_F32_DEPTHWISE_BLOCK;
    return lanes_load(weights + at / block * block * n_taps + at % block);
}

#define VECTOR(i)                                                                      \
    v##i = lanes_fma(lanes_load(x + (i)*LANES), weights_at(w, n_taps, i), v##i);
#define VECTORS(n)                                                                     \
    static void vectors_##n(const struct tare_f32_depthwise_tap *taps, int64_t n_taps, \
                            int64_t channel, const float *weights, float *sums)        \
    {                                                                                  \
        REPEAT_##n(START) for (int64_t tap = 0; tap < n_taps; tap++)                   \
        {                                                                              \
            const float *x = taps[tap].x + channel;                                    \
            const float *w = weights + tap * TARE_F32_DEPTHWISE_BLOCK;                 \
            REPEAT_##n(VECTOR)                                                         \
        }                                                                              \
        REPEAT_##n(FINISH)                                                             \
    }
VECTORS(1)
VECTORS(2)
VECTORS(3)
VECTORS(4)
typedef void vectors_fn(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                        int64_t channel, const float *weights, float *sums);
static vectors_fn *const vectors[MOST_VECTORS] = {vectors_1, vectors_2, vectors_3,
                                                  vectors_4};

/* What a unit's sums become: y[i * row + channel] and its companions. */
struct target {
    struct lanes_epilogue epilogue;
    const float *bias, *residual; /* or NULL */
    float *y;
    int64_t row, n_channels;
};

static void store(const struct target *to, int64_t pixel, int64_t channel, lanes v)
{
    const int64_t at = pixel * to->row + channel, left = to->n_channels - channel;
    v = lanes_add(v,
                  to->bias ? lanes_load_upto(to->bias + channel, left) : lanes_zero());
    if (to->residual) v = lanes_add(v, lanes_load_upto(to->residual + at, left));
    lanes_store_upto(to->y + at, lanes_finish(&to->epilogue, v), left);
}

static void run_pixel(const struct target *to,
                      const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                      const float *weights, int64_t pixel)
{
    _Alignas(64) float sums[MOST_VECTORS * LANES];
    for (int64_t c = 0; c < to->n_channels; c += MOST_VECTORS * LANES) {
        const int64_t left = (to->n_channels - c + LANES - 1) / LANES;
        const int64_t n = left < MOST_VECTORS ? left : MOST_VECTORS;
        vectors[n - 1](taps, n_taps, c, weights + c * n_taps, sums);
        for (int64_t i = 0; i < n; i++)
            store(to, pixel, c + i * LANES, lanes_load(sums + i * LANES));
    }
}

static void run_pixels(const struct target *to,
                       const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                       const float *weights, int64_t first, int64_t n_pixels)
{
    _Alignas(64) float sums[MOST_PIXELS * LANES];
    const int64_t parts = (n_pixels + MOST_PIXELS - 1) / MOST_PIXELS;
    const int64_t block = TARE_F32_DEPTHWISE_BLOCK;
    for (int64_t c = 0; c < to->n_channels; c += LANES) {
        const float *w = weights + c / block * block * n_taps + c % block;
        for (int64_t part = 0, pixel = 0; part < parts; part++) {
            const int64_t n = (n_pixels + parts - 1 - part) / parts;
            pixels[n - 1](taps, n_taps, pixel, c, w, sums);
            for (int64_t i = 0; i < n; i++)
                store(to, first + pixel + i, c, lanes_load(sums + i * LANES));
            pixel += n;
        }
    }
}

void DEPTHWISE_NAME(const struct tare_f32_depthwise *conv,
                    const struct tare_f32_depthwise_data *data, void *scratch,
                    int64_t begin, int64_t end)
{
    const struct tare_window *w = &conv->window;
    const int64_t n_taps = w->kernel_h * w->kernel_w;
    tare_f32_depthwise_begin(conv, scratch);
    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_depthwise_unit unit =
            tare_f32_depthwise_unit(conv, index);
        const int64_t at =
            (unit.image * w->out_h + unit.oy) * w->out_w * w->in_c + unit.first_channel;
        const float *weights = data->weights + unit.first_channel * n_taps;
        const bool has_residual = conv->epilogue.has_residual;
        const struct target to = {.epilogue = lanes_epilogue(&conv->epilogue),
                                  .bias = data->bias ? data->bias + unit.first_channel
                                                     : NULL,
                                  .residual = has_residual ? data->residual + at : NULL,
                                  .y = data->y + at,
                                  .row = w->in_c,
                                  .n_channels = unit.n_channels};
        for (int64_t ox = 0, n; ox < w->out_w; ox += n) {
            const struct tare_f32_depthwise_tap *taps =
                tare_f32_depthwise_taps(conv, &unit, ox, data->x, scratch, &n);
            if (n == 1)
                run_pixel(&to, taps, n_taps, weights, ox);
            else
                run_pixels(&to, taps, n_taps, weights, ox, n);
        }
    }
}
