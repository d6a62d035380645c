/* kernels/f32_depthwise/f32_depthwise_simd.h - the body of the AVX2, AVX-512 and NEON
 * files, which define DEPTHWISE_NAME. Sums in registers are a vector of channels of up
 * to twelve pixels that share their taps, or up to four vectors of a pixel at a border.
 */
#include "kernels/f32_depthwise/f32_depthwise_walk.h"
#include "kernels/lanes_tile.h"
#include "kernels/repeat.h"

#define MOST_PIXELS  INT64_C(12)
#define MOST_VECTORS INT64_C(4)

/* The sums of a vector of channels, from `channel` on, of pixels first_pixel ...:
 * sums[i * TARE_F32_DEPTHWISE_CHANNELS]. */
typedef void pixels_fn(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                       int64_t first_pixel, int64_t channel, const float *weights,
                       float *sums);

#define START(i)     lanes v##i = lanes_zero();
#define PIXEL(i)     v##i = lanes_fma(lanes_load(x + (i)*step), w, v##i);
#define PIXEL_SUM(i) lanes_store(sums + (i)*TARE_F32_DEPTHWISE_CHANNELS, v##i);
#define PIXELS(n)                                                                      \
    static void pixels_##n(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,  \
                           int64_t first_pixel, int64_t channel, const float *weights, \
                           float *sums)                                                \
    {                                                                                  \
        REPEAT_##n(START);                                                             \
        for (int64_t tap = 0; tap < n_taps; tap++) {                                   \
            const int64_t step = taps[tap].step;                                       \
            const float *x = taps[tap].x + first_pixel * step + channel;               \
            const lanes w = lanes_load(weights + tap * TARE_F32_DEPTHWISE_BLOCK);      \
            REPEAT_##n(PIXEL);                                                         \
        }                                                                              \
        REPEAT_##n(PIXEL_SUM);                                                         \
    }
PIXELS(1)
PIXELS(2)
PIXELS(3)
PIXELS(4)
PIXELS(5)
PIXELS(6)
PIXELS(7)
PIXELS(8)
PIXELS(9)
PIXELS(10)
PIXELS(11)
PIXELS(12)
static pixels_fn *const pixels[MOST_PIXELS] = {
    pixels_1, pixels_2, pixels_3, pixels_4,  pixels_5,  pixels_6,
    pixels_7, pixels_8, pixels_9, pixels_10, pixels_11, pixels_12};

/* The weights of channel c, a multiple of LANES, of the tap that `weights` points at
 * for the first channel of a block. */
static inline const float *weights_of(const float *weights, int64_t n_taps, int64_t c)
{
    const int64_t block = TARE_F32_DEPTHWISE_BLOCK;
    return weights + c / block * block * n_taps + c % block;
}

/* The sums of vectors of channels, from `channel` on, of one pixel: sums[i * LANES]. */
typedef void vectors_fn(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                        int64_t channel, const float *weights, float *sums);

#define VECTOR(i)                                                                      \
    v##i = lanes_fma(lanes_load(x + (i)*LANES),                                        \
                     lanes_load(weights_of(w, n_taps, (i)*LANES)), v##i);
#define VECTOR_SUM(i) lanes_store(sums + (i)*LANES, v##i);
#define VECTORS(n)                                                                     \
    static void vectors_##n(const struct tare_f32_depthwise_tap *taps, int64_t n_taps, \
                            int64_t channel, const float *weights, float *sums)        \
    {                                                                                  \
        REPEAT_##n(START);                                                             \
        for (int64_t tap = 0; tap < n_taps; tap++) {                                   \
            const float *x = taps[tap].x + channel;                                    \
            const float *w = weights + tap * TARE_F32_DEPTHWISE_BLOCK;                 \
            REPEAT_##n(VECTOR);                                                        \
        }                                                                              \
        REPEAT_##n(VECTOR_SUM);                                                        \
    }
VECTORS(1)
VECTORS(2)
VECTORS(3)
VECTORS(4)
static vectors_fn *const vectors[MOST_VECTORS] = {vectors_1, vectors_2, vectors_3,
                                                  vectors_4};

/* One pixel: the tile is a unit's whole block of channels. */
static void run_pixel(const struct tare_f32_epilogue *epilogue, struct lanes_tile tile,
                      const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                      const float *weights)
{
    _Alignas(64) float sums[TARE_F32_DEPTHWISE_CHANNELS];
    const int64_t n_vectors = (tile.columns + LANES - 1) / LANES;
    for (int64_t i = 0; i < n_vectors; i += MOST_VECTORS) {
        const int64_t left = n_vectors - i, c = i * LANES;
        vectors[(left < MOST_VECTORS ? left : MOST_VECTORS) - 1](
            taps, n_taps, c, weights + c * n_taps, sums + c);
    }
    tile.sums = sums;
    lanes_tile_store(epilogue, &tile);
}

/* Pixels that share their taps. */
static void run_pixels(const struct tare_f32_epilogue *epilogue, struct lanes_tile tile,
                       const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                       const float *weights, int64_t n_pixels)
{
    _Alignas(64) float sums[MOST_PIXELS * TARE_F32_DEPTHWISE_CHANNELS];
    const int64_t parts = (n_pixels + MOST_PIXELS - 1) / MOST_PIXELS;
    for (int64_t part = 0, pixel = 0; part < parts; part++, pixel += tile.rows) {
        tile.rows = (n_pixels + parts - 1 - part) / parts;
        for (int64_t c = 0; c < tile.columns; c += LANES)
            pixels[tile.rows - 1](taps, n_taps, pixel, c,
                                  weights_of(weights, n_taps, c), sums + c);
        tile.sums = sums;
        lanes_tile_store(epilogue, &tile);
        tile.y += tile.rows * tile.y_stride;
        if (tile.residual) tile.residual += tile.rows * tile.residual_stride;
    }
}

void DEPTHWISE_NAME(const struct tare_f32_depthwise *conv,
                    const struct tare_f32_depthwise_data *data, void *scratch,
                    int64_t begin, int64_t end)
{
    const struct tare_window *w = &conv->window;
    const int64_t n_taps = w->kernel_h * w->kernel_w;
    const int64_t pitch = tare_window_out_pitch(w);
    tare_f32_depthwise_begin(conv, scratch);
    for (int64_t index = begin; index < end; index++) {
        const struct tare_f32_depthwise_unit unit =
            tare_f32_depthwise_unit(conv, index);
        const float *weights = data->weights + unit.first_channel * n_taps;
        for (int64_t ox = 0, n; ox < w->out_w; ox += n) {
            const int64_t pixel = (unit.image * w->out_h + unit.oy) * w->out_w + ox;
            const int64_t c = unit.first_channel;
            const float *residual = conv->epilogue.has_residual
                                        ? data->residual + pixel * w->in_c + c
                                        : NULL;
            const struct lanes_tile tile = {
                .bias = data->bias ? data->bias + c : NULL,
                .residual = residual,
                .y = data->y + pixel * pitch + c,
                .rows = 1,
                .columns = unit.n_channels,
                .sums_stride = TARE_F32_DEPTHWISE_CHANNELS,
                .y_stride = pitch,
                .residual_stride = w->in_c,
            };
            const struct tare_f32_depthwise_tap *taps =
                tare_f32_depthwise_taps(conv, &unit, ox, data->x, scratch, &n);
            if (n == 1)
                run_pixel(&conv->epilogue, tile, taps, n_taps, weights);
            else
                run_pixels(&conv->epilogue, tile, taps, n_taps, weights, n);
        }
    }
}
