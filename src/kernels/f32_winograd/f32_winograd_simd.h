/* kernels/f32_winograd/f32_winograd_simd.h - the body of the AVX2, AVX-512 and NEON
 * files, which define WINOGRAD_NAME. A block of patches is transformed once; then each
 * point's products are a matrix product in the register tiles of f32_conv. */
#include "kernels/f32_conv/f32_conv_product.h"
#include "kernels/f32_winograd/f32_winograd_plan.h"

enum { SIDE = TARE_WINOGRAD_SIDE, POINTS = TARE_WINOGRAD_POINTS };

/* One call's buffers. */
struct work {
    const struct tare_f32_conv *conv;
    const struct tare_f32_conv_data *data;
    struct tare_winograd_plan plan;
    float *inputs, *sums, *outputs, *zeros; /* of the scratch */
    int64_t first, n;                       /* patches of the block */
};

/* B^T d, as the reference has it. */
static inline void transform_four(const lanes d[SIDE], lanes v[SIDE])
{
    v[0] = lanes_sub(d[0], d[2]);
    v[1] = lanes_add(d[1], d[2]);
    v[2] = lanes_sub(d[2], d[1]);
    v[3] = lanes_sub(d[1], d[3]);
}

/* One vector of channels of a patch; `stride` floats from a point to the next. */
static inline void transform_patch(const float *const pixels[POINTS], int64_t c,
                                   float *to, int64_t stride)
{
    lanes half[SIDE][SIDE]; /* B^T d, transposed */
    for (int x = 0; x < SIDE; x++) {
        const lanes column[SIDE] = {
            lanes_load(pixels[x] + c), lanes_load(pixels[SIDE + x] + c),
            lanes_load(pixels[2 * SIDE + x] + c), lanes_load(pixels[3 * SIDE + x] + c)};
        transform_four(column, half[x]);
    }
    for (int y = 0; y < SIDE; y++) {
        const lanes row[SIDE] = {half[0][y], half[1][y], half[2][y], half[3][y]};
        lanes v[SIDE];
        transform_four(row, v);
        for (int x = 0; x < SIDE; x++)
            lanes_store(to + (SIDE * y + x) * stride, v[x]);
    }
}

static void transform_block(const struct work *k)
{
    const struct tare_window *w = &k->conv->window;
    const int64_t in_c = w->in_c, stride = k->plan.block_patches * in_c;
    for (int64_t i = 0; i < k->n; i++) {
        const int64_t p = k->first + i, image = p / k->plan.columns / k->plan.rows;
        const int64_t y = 2 * (p / k->plan.columns % k->plan.rows) - w->pad_top;
        const int64_t x = 2 * (p % k->plan.columns) - w->pad_left;
        const float *from =
            k->data->x + image * w->in_h * w->in_w * tare_window_in_pitch(w);
        const float *pixels[POINTS];
        for (int64_t j = 0; j < POINTS; j++)
            pixels[j] =
                tare_winograd_pixel(w, from, y + j / SIDE, x + j % SIDE, k->zeros);
        for (int64_t c = 0; c < in_c; c += LANES)
            transform_patch(pixels, c, k->inputs + i * in_c + c, stride);
    }
}

/* The sums of every point for one block of channels; the next block's weights, of
 * which a point has `next` floats, follow. */
static void multiply(const struct work *k, const float *weights, int64_t width,
                     int64_t next)
{
    const int64_t in_c = k->conv->window.in_c;
    const int64_t stride = k->plan.block_patches;
    for (int64_t p = 0; p < POINTS; p++) {
        const float *rows[TARE_WINOGRAD_PATCHES];
        for (int64_t i = 0; i < k->n; i++)
            rows[i] = k->inputs + (p * stride + i) * in_c;
        const float *point = weights + p * in_c * width;
        const struct product product = {.inputs = rows,
                                        .table_rows = k->n,
                                        .n_rows = k->n,
                                        .runs = 1,
                                        .run_length = in_c,
                                        .weights = point,
                                        .n_columns = width,
                                        .next = point + in_c * width,
                                        .n_next = p + 1 < POINTS ? in_c * width : next,
                                        .sums =
                                            k->sums + p * stride * TARE_F32_CONV_BLOCK,
                                        .sums_stride = TARE_F32_CONV_BLOCK};
        product_run(&product);
    }
}

/* A^T m, as the reference has it. */
static inline void gather_four(const lanes m[SIDE], lanes y[2])
{
    y[0] = lanes_add(lanes_add(m[0], m[1]), m[2]);
    y[1] = lanes_sub(lanes_sub(m[1], m[2]), m[3]);
}

/* The outputs of patch `i`: [row of two][patch][column of two][channel]. */
static inline void gather_patch(const struct work *k, int64_t i, int64_t c)
{
    const int64_t stride = k->plan.block_patches * TARE_F32_CONV_BLOCK;
    const float *from = k->sums + i * TARE_F32_CONV_BLOCK + c;
    lanes half[SIDE][2]; /* A^T m, transposed */
    for (int x = 0; x < SIDE; x++) {
        const lanes four[SIDE] = {lanes_load(from + x * stride),
                                  lanes_load(from + (SIDE + x) * stride),
                                  lanes_load(from + (2 * SIDE + x) * stride),
                                  lanes_load(from + (3 * SIDE + x) * stride)};
        gather_four(four, half[x]);
    }
    for (int dy = 0; dy < 2; dy++) {
        const lanes four[SIDE] = {half[0][dy], half[1][dy], half[2][dy], half[3][dy]};
        lanes y[2];
        float *to = k->outputs + dy * 2 * stride + i * 2 * TARE_F32_CONV_BLOCK + c;
        gather_four(four, y);
        lanes_store(to, y[0]);
        lanes_store(to + TARE_F32_CONV_BLOCK, y[1]);
    }
}

/* Patches [i, i + n) of the block, in one row of patches, to the output. */
static void store_run(const struct work *k, int64_t i, int64_t n, int64_t channel)
{
    const struct tare_window *w = &k->conv->window;
    const int64_t p = k->first + i, column = 2 * (p % k->plan.columns);
    const int64_t row = 2 * (p / k->plan.columns % k->plan.rows);
    const int64_t image = p / k->plan.columns / k->plan.rows;
    const int64_t left = w->out_c - channel, pitch = tare_window_out_pitch(w);
    for (int64_t dy = 0; dy < 2 && row + dy < w->out_h; dy++) {
        const int64_t pixel = (image * w->out_h + row + dy) * w->out_w + column;
        const struct lanes_tile tile = {
            .sums =
                k->outputs + (dy * k->plan.block_patches + i) * 2 * TARE_F32_CONV_BLOCK,
            .bias = k->data->bias ? k->data->bias + channel : NULL,
            .residual = k->conv->epilogue.has_residual
                            ? k->data->residual + pixel * w->out_c + channel
                            : NULL,
            .y = k->data->y + pixel * pitch + channel,
            .rows = 2 * n < w->out_w - column ? 2 * n : w->out_w - column,
            .columns = left < TARE_F32_CONV_BLOCK ? left : TARE_F32_CONV_BLOCK,
            .sums_stride = TARE_F32_CONV_BLOCK,
            .y_stride = pitch,
            .residual_stride = w->out_c};
        lanes_tile_store(&k->conv->epilogue, &tile);
    }
}

static void compute_channels(const struct work *k, int64_t block, bool is_last)
{
    const struct tare_window *w = &k->conv->window;
    const int64_t channel = block * TARE_F32_CONV_BLOCK;
    const int64_t width = tare_winograd_width(w, block);
    const int64_t next = is_last ? 0 : tare_winograd_width(w, block + 1) * w->in_c;
    multiply(k, k->data->weights + POINTS * channel * w->in_c, width, next);
    for (int64_t i = 0; i < k->n; i++)
        for (int64_t c = 0; c < width; c += LANES)
            gather_patch(k, i, c);
    for (int64_t i = 0, n; i < k->n; i += n) {
        const int64_t left = k->plan.columns - (k->first + i) % k->plan.columns;
        n = left < k->n - i ? left : k->n - i;
        store_run(k, i, n, channel);
    }
}

void WINOGRAD_NAME(const struct tare_f32_conv *conv,
                   const struct tare_f32_conv_data *data, void *scratch, int64_t begin,
                   int64_t end)
{
    struct work k = {.conv = conv, .data = data};
    if (!tare_winograd_plan(&conv->window, &k.plan)) return;
    k.inputs = scratch;
    k.sums = k.inputs + k.plan.inputs;
    k.outputs = k.sums + k.plan.sums;
    k.zeros = k.outputs + k.plan.outputs;
    for (int64_t c = 0; c < k.plan.zeros; c++)
        k.zeros[c] = 0.0f;

    int64_t transformed = -1;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t block = unit / k.plan.splits, split = unit % k.plan.splits;
        k.first = tare_winograd_begin(&k.plan, block);
        k.n = tare_winograd_begin(&k.plan, block + 1) - k.first;
        if (transformed != block) transform_block(&k);
        transformed = block;
        const int64_t last = k.plan.channel_blocks * (split + 1) / k.plan.splits - 1;
        for (int64_t b = k.plan.channel_blocks * split / k.plan.splits; b <= last; b++)
            compute_channels(&k, b, b == last);
    }
}
