/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_winograd/f32_winograd_plan.h"

enum { SIDE = TARE_WINOGRAD_SIDE, POINTS = TARE_WINOGRAD_POINTS };

/* B^T d of a column or a row of d. */
static void transform_four(const float d[SIDE], float v[SIDE])
{
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
}

static void transform_patch(const float d[POINTS], float v[POINTS])
{
    float half[SIDE][SIDE]; /* B^T d, transposed */
    for (int x = 0; x < SIDE; x++) {
        const float column[SIDE] = {d[x], d[SIDE + x], d[2 * SIDE + x],
                                    d[3 * SIDE + x]};
        transform_four(column, half[x]);
    }
    for (int y = 0; y < SIDE; y++) {
        const float row[SIDE] = {half[0][y], half[1][y], half[2][y], half[3][y]};
        transform_four(row, v + SIDE * y);
    }
}

/* A^T m of a column or a row of m. */
static void gather_four(const float m[SIDE], float y[2])
{
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
}

/* The four outputs of patch (row, column), row by row, for one channel; its weights are
 * `width` floats from one input channel to the next. */
static void compute_patch(const struct tare_window *w, const float *image, int64_t row,
                          int64_t column, const float *weights, int64_t width,
                          float y[4])
{
    float m[POINTS] = {0.0f};
    for (int64_t c = 0; c < w->in_c; c++) {
        float d[POINTS], v[POINTS];
        for (int64_t i = 0; i < POINTS; i++) {
            const float zero = 0.0f;
            const float *pixel =
                tare_winograd_pixel(w, image + c, 2 * row - w->pad_top + i / SIDE,
                                    2 * column - w->pad_left + i % SIDE, &zero);
            d[i] = *pixel;
        }
        transform_patch(d, v);
        for (int64_t p = 0; p < POINTS; p++)
            m[p] = fmaf(v[p], weights[(p * w->in_c + c) * width], m[p]);
    }
    float half[SIDE][2]; /* A^T m, transposed */
    for (int x = 0; x < SIDE; x++) {
        const float four[SIDE] = {m[x], m[SIDE + x], m[2 * SIDE + x], m[3 * SIDE + x]};
        gather_four(four, half[x]);
    }
    for (int dy = 0; dy < 2; dy++) {
        const float four[SIDE] = {half[0][dy], half[1][dy], half[2][dy], half[3][dy]};
        gather_four(four, y + 2 * dy);
    }
}

static void store_patch(const struct tare_f32_conv *conv,
                        const struct tare_f32_conv_data *data, int64_t image,
                        int64_t row, int64_t column, int64_t channel, const float y[4])
{
    const struct tare_window *w = &conv->window;
    for (int i = 0; i < 4; i++) {
        const int64_t oy = 2 * row + i / 2, ox = 2 * column + i % 2;
        if (oy >= w->out_h || ox >= w->out_w) continue;
        const int64_t pixel = (image * w->out_h + oy) * w->out_w + ox;
        float v = y[i] + (data->bias ? data->bias[channel] : 0.0f);
        if (conv->epilogue.has_residual)
            v = v + data->residual[pixel * w->out_c + channel];
        data->y[pixel * tare_window_out_pitch(w) + channel] =
            tare_f32_finish(&conv->epilogue, v);
    }
}

void tare_f32_winograd__ref(const struct tare_f32_conv *conv,
                            const struct tare_f32_conv_data *data, void *scratch,
                            int64_t begin, int64_t end)
{
    const struct tare_window *w = &conv->window;
    struct tare_winograd_plan plan;
    (void)scratch;
    if (!tare_winograd_plan(w, &plan)) return;

    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t block = unit / plan.splits, split = unit % plan.splits;
        const int64_t first =
            plan.channel_blocks * split / plan.splits * TARE_F32_CONV_BLOCK;
        const int64_t last =
            plan.channel_blocks * (split + 1) / plan.splits * TARE_F32_CONV_BLOCK;
        for (int64_t p = tare_winograd_begin(&plan, block);
             p < tare_winograd_begin(&plan, block + 1); p++) {
            const int64_t column = p % plan.columns;
            const int64_t row = p / plan.columns % plan.rows;
            const int64_t image = p / plan.columns / plan.rows;
            const float *x =
                data->x + image * w->in_h * w->in_w * tare_window_in_pitch(w);
            for (int64_t c = first; c < last && c < w->out_c; c++) {
                const int64_t b = c / TARE_F32_CONV_BLOCK;
                const float *weights =
                    data->weights +
                    TARE_WINOGRAD_POINTS * b * TARE_F32_CONV_BLOCK * w->in_c +
                    c % TARE_F32_CONV_BLOCK;
                float y[4];
                compute_patch(w, x, row, column, weights, tare_winograd_width(w, b), y);
                store_patch(conv, data, image, row, column, c, y);
            }
        }
    }
}
