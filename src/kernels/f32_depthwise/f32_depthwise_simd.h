/* kernels/f32_depthwise/f32_depthwise_simd.h - the body of the AVX2, AVX-512 and NEON
 * files, which define DEPTHWISE_NAME. Sums in registers are a vector of channels of up
 * to twelve pixels that share their taps, or up to four vectors of a pixel at a border.
 */
#include "kernels/f32_depthwise/f32_depthwise_walk.h"
#include "kernels/lanes_tile.h"
#include "kernels/repeat.h"

#define MOST_PIXELS  INT64_C(12)
#define MOST_VECTORS INT64_C(4)

/* What becomes of sums: out[pixel * stride + channel], as they are, or with a bias
 * added and clamped. */
struct target {
    float *out;
    int64_t stride;
    const float *bias; /* of the channels; NULL: neither */
    lanes lower, upper;
};

#define FINISH(i, from)                                                                \
    v##i = lanes_min(upper, lanes_max(lower, lanes_add(v##i, lanes_load(from))));

/* A vector of channels, from `channel` on, of pixels first_pixel ...; the target's are
 * the first of them. */
typedef void pixels_fn(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                       int64_t first_pixel, int64_t channel, const float *weights,
                       const struct target *to);

#define START(i)        lanes v##i = lanes_zero();
#define PIXEL(i)        v##i = lanes_fma(lanes_load(x + (i)*step), w, v##i);
#define PIXEL_FINISH(i) FINISH(i, to->bias)
#define PIXEL_STORE(i)  lanes_store(to->out + (i)*to->stride, v##i);
#define PIXELS(n)                                                                      \
    static void pixels_##n(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,  \
                           int64_t first_pixel, int64_t channel, const float *weights, \
                           const struct target *to)                                    \
    {                                                                                  \
        REPEAT_##n(START);                                                             \
        for (int64_t tap = 0; tap < n_taps; tap++) {                                   \
            const int64_t step = taps[tap].step;                                       \
            const float *x = taps[tap].x + first_pixel * step + channel;               \
            const lanes w = lanes_load(weights + tap * TARE_F32_DEPTHWISE_BLOCK);      \
            REPEAT_##n(PIXEL);                                                         \
        }                                                                              \
        if (to->bias) {                                                                \
            const lanes lower = to->lower, upper = to->upper;                          \
            REPEAT_##n(PIXEL_FINISH);                                                  \
        }                                                                              \
        REPEAT_##n(PIXEL_STORE);                                                       \
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

/* Vectors of channels, from `channel` on, of one pixel. */
typedef void vectors_fn(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                        int64_t channel, const float *weights, const struct target *to);

#define VECTOR(i)                                                                      \
    v##i = lanes_fma(lanes_load(x + (i)*LANES),                                        \
                     lanes_load(weights_of(w, n_taps, (i)*LANES)), v##i);
#define VECTOR_FINISH(i) FINISH(i, to->bias + (i)*LANES)
#define VECTOR_STORE(i)  lanes_store(to->out + (i)*LANES, v##i);
#define VECTORS(n)                                                                     \
    static void vectors_##n(const struct tare_f32_depthwise_tap *taps, int64_t n_taps, \
                            int64_t channel, const float *weights,                     \
                            const struct target *to)                                   \
    {                                                                                  \
        REPEAT_##n(START);                                                             \
        for (int64_t tap = 0; tap < n_taps; tap++) {                                   \
            const float *x = taps[tap].x + channel;                                    \
            const float *w = weights + tap * TARE_F32_DEPTHWISE_BLOCK;                 \
            REPEAT_##n(VECTOR);                                                        \
        }                                                                              \
        if (to->bias) {                                                                \
            const lanes lower = to->lower, upper = to->upper;                          \
            REPEAT_##n(VECTOR_FINISH);                                                 \
        }                                                                              \
        REPEAT_##n(VECTOR_STORE);                                                      \
    }
VECTORS(1)
VECTORS(2)
VECTORS(3)
VECTORS(4)
static vectors_fn *const vectors[MOST_VECTORS] = {vectors_1, vectors_2, vectors_3,
                                                  vectors_4};

/* Where vectors of channels, from `channel` of the tile on, go: to its outputs, or to
 * `sums` when more has to be done than a target says, or not with a whole vector. */
static struct target target_of(const struct tare_f32_epilogue *epilogue,
                               const struct lanes_tile *tile, int64_t channel,
                               int64_t n_channels, float *sums)
{
    static const float zeros[MOST_VECTORS * LANES];
    if (tile->residual || epilogue->negative_slope != 1.0f ||
        channel + n_channels > tile->columns)
        return (struct target){.out = sums, .stride = n_channels};
    return (struct target){.out = tile->y + channel,
                           .stride = tile->y_stride,
                           .bias = tile->bias ? tile->bias + channel : zeros,
                           .lower = lanes_set1(epilogue->lower),
                           .upper = lanes_set1(epilogue->upper)};
}

/* Sums that a target has, to the tile's outputs. */
static void store_sums(const struct tare_f32_epilogue *epilogue, struct lanes_tile tile,
                       int64_t channel, int64_t n_channels, const struct target *from)
{
    const int64_t left = tile.columns - channel;
    tile.sums = from->out;
    tile.sums_stride = from->stride;
    tile.columns = left < n_channels ? left : n_channels;
    tile.y += channel;
    if (tile.bias) tile.bias += channel;
    if (tile.residual) tile.residual += channel;
    lanes_tile_store(epilogue, &tile);
}

/* The last channels from `channel` on, `n` of them and less than a vector, of n_pixels
 * pixels; to sums. Nothing behind them is read: in a slice, another thread may be at
 * it. */
static void sum_rest(const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                     int64_t first_pixel, int64_t n_pixels, int64_t channel, int64_t n,
                     const float *weights, const struct target *to)
{
    for (int64_t i = 0; i < n_pixels; i++) {
        lanes v = lanes_zero();
        for (int64_t tap = 0; tap < n_taps; tap++) {
            const float *x = taps[tap].x + (first_pixel + i) * taps[tap].step + channel;
            v = lanes_fma(lanes_load_n(x, n),
                          lanes_load(weights + tap * TARE_F32_DEPTHWISE_BLOCK), v);
        }
        lanes_store(to->out + i * to->stride, v);
    }
}

/* One pixel: the tile is a unit's whole block of channels. */
static void run_pixel(const struct tare_f32_epilogue *epilogue, struct lanes_tile tile,
                      const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                      const float *weights)
{
    _Alignas(64) float sums[MOST_VECTORS * LANES];
    const int64_t n_vectors = tile.columns / LANES, rest = tile.columns % LANES;
    for (int64_t i = 0, n; i < n_vectors; i += n) {
        const int64_t c = i * LANES;
        n = n_vectors - i < MOST_VECTORS ? n_vectors - i : MOST_VECTORS;
        const struct target to = target_of(epilogue, &tile, c, n * LANES, sums);
        vectors[n - 1](taps, n_taps, c, weights + c * n_taps, &to);
        if (!to.bias) store_sums(epilogue, tile, c, n * LANES, &to);
    }
    if (rest > 0) {
        const int64_t c = n_vectors * LANES;
        const struct target to = target_of(epilogue, &tile, c, LANES, sums);
        sum_rest(taps, n_taps, 0, 1, c, rest, weights_of(weights, n_taps, c), &to);
        store_sums(epilogue, tile, c, LANES, &to);
    }
}

/* Pixels that share their taps. */
static void run_pixels(const struct tare_f32_epilogue *epilogue, struct lanes_tile tile,
                       const struct tare_f32_depthwise_tap *taps, int64_t n_taps,
                       const float *weights, int64_t n_pixels)
{
    _Alignas(64) float sums[MOST_PIXELS * LANES];
    const int64_t parts = (n_pixels + MOST_PIXELS - 1) / MOST_PIXELS;
    for (int64_t part = 0, pixel = 0; part < parts; part++, pixel += tile.rows) {
        tile.rows = (n_pixels + parts - 1 - part) / parts;
        for (int64_t c = 0; c < tile.columns; c += LANES) {
            const struct target to = target_of(epilogue, &tile, c, LANES, sums);
            const float *w = weights_of(weights, n_taps, c);
            if (c + LANES > tile.columns)
                sum_rest(taps, n_taps, pixel, tile.rows, c, tile.columns - c, w, &to);
            else
                pixels[tile.rows - 1](taps, n_taps, pixel, c, w, &to);
            if (!to.bias) store_sums(epilogue, tile, c, LANES, &to);
        }
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
