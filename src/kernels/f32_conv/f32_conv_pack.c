/* Weights to the order of the kernels: see struct tare_f32_conv_plan. */
#include "kernels/f32_conv/f32_conv_plan.h"

#include <string.h>

#include "base/mem.h"

/* Width of the packed rows of a block with `n` channels. */
static int64_t block_width(int64_t n)
{
    return n > 16 ? TARE_F32_CONV_BLOCK : 16;
}

bool tare_f32_conv_packed_bytes(const struct tare_f32_conv *conv, size_t *size)
{
    const struct tare_window *w = &conv->window;
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(w, &plan)) return false;
    const size_t width = ((size_t)plan.group_outputs + 15) / 16 * 16;
    size_t n;
    return tare_mul_size(width, (size_t)w->groups, &n) &&
           tare_mul_size(n, (size_t)plan.depth, &n) &&
           tare_mul_size(n, sizeof(float), size);
}

void tare_f32_conv_pack(const struct tare_f32_conv *conv, const float *weights,
                        float *packed)
{
    const struct tare_window *w = &conv->window;
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(w, &plan)) return;
    const int64_t taps = w->kernel_h * w->kernel_w;
    for (int64_t block = 0; block < plan.blocks; block++) {
        const struct tare_f32_conv_block at = tare_f32_conv_block(&plan, block);
        const float *from = weights + at.first_output * plan.depth;
        float *to = packed + at.weights_offset;
        memset(to, 0, (size_t)(plan.depth * at.width) * sizeof *to);
        for (int64_t tap = 0; tap < taps; tap++)
            for (int64_t c = 0; c < plan.group_inputs; c++, to += at.width)
                for (int64_t o = 0; o < at.n_outputs; o++)
                    to[o] = from[o * plan.depth + c * taps + tap];
    }
}

void tare_f32_conv_unpack(const struct tare_f32_conv *conv, const float *packed,
                          float *weights)
{
    const struct tare_window *w = &conv->window;
    struct tare_f32_conv_plan plan;
    if (!tare_f32_conv_plan(w, &plan)) return;
    const int64_t taps = w->kernel_h * w->kernel_w;
    for (int64_t block = 0; block < plan.blocks; block++) {
        const struct tare_f32_conv_block at = tare_f32_conv_block(&plan, block);
        const float *from = packed + at.weights_offset;
        float *to = weights + at.first_output * plan.depth;
        for (int64_t tap = 0; tap < taps; tap++)
            for (int64_t c = 0; c < plan.group_inputs; c++, from += at.width)
                for (int64_t o = 0; o < at.n_outputs; o++)
                    to[o * plan.depth + c * taps + tap] = from[o];
    }
}

int64_t tare_f32_conv_pack_matrix_units(int64_t n)
{
    return (n + TARE_F32_CONV_BLOCK - 1) / TARE_F32_CONV_BLOCK;
}

/* Any strides. Four rows at a time, so that a cache line of a transposed matrix serves
 * more than one element. */
static void pack_strided(int64_t k, int64_t n, float factor, const float *b,
                         int64_t row_stride, int64_t column_stride, int64_t width,
                         float *to)
{
    int64_t i = 0;
    for (; i + 4 <= k; i += 4, to += 4 * width)
        for (int64_t j = 0; j < n; j++) {
            const float *from = b + i * row_stride + j * column_stride;
            to[j] = factor * from[0];
            to[j + width] = factor * from[row_stride];
            to[j + 2 * width] = factor * from[2 * row_stride];
            to[j + 3 * width] = factor * from[3 * row_stride];
        }
    for (; i < k; i++, to += width)
        for (int64_t j = 0; j < n; j++)
            to[j] = factor * b[i * row_stride + j * column_stride];
}

void tare_f32_conv_pack_matrix(int64_t k, int64_t n, float factor, const float *b,
                               int64_t row_stride, int64_t column_stride, float *packed,
                               int64_t begin, int64_t end)
{
    for (int64_t block = begin; block < end; block++) {
        const int64_t first = block * TARE_F32_CONV_BLOCK;
        const int64_t columns =
            n - first < TARE_F32_CONV_BLOCK ? n - first : TARE_F32_CONV_BLOCK;
        const int64_t width = block_width(columns);
        const float *from = b + first * column_stride;
        float *to = packed + first * k;
        if (columns < width) memset(to, 0, (size_t)(k * width) * sizeof *to);
        if (column_stride == 1)
            for (int64_t i = 0; i < k; i++)
                for (int64_t j = 0; j < columns; j++)
                    to[i * width + j] = factor * from[i * row_stride + j];
        else
            pack_strided(k, columns, factor, from, row_stride, column_stride, width,
                         to);
    }
}
