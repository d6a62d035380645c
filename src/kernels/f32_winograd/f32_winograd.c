/* Registration, sizes and packing. */
#include "kernels/f32_winograd/f32_winograd.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/f32_winograd/f32_winograd_plan.h"
#include "kernels/whole.h"

/* The transformed inputs of a block, in floats: they are read once for each block of
 * channels and should stay in the second-level cache. */
#define BLOCK_INPUTS   INT64_C(131072)
#define FEWEST_PATCHES 8
#define WANTED_UNITS   32
/* There are 16 / 9 as many transformed weights as plain ones. More than these, in
 * floats, do not stay in a second-level cache, and few patches do not make up for
 * loading them. */
#define WEIGHTS_IN_CACHE (INT64_C(512) * 1024)
#define WANTED_PATCHES   32

#define TARE_UKERNEL TARE_KERNEL_ENTRY
const struct tare_f32_winograd_variant tare_f32_winograd_table[] = {
#include "kernels/f32_winograd/f32_winograd.inc"
};
#undef TARE_UKERNEL
TARE_KERNEL_DEFINE(tare_f32_winograd)

/* Of one image: what it gives does not depend on the batch. */
static bool has_many_patches(const struct tare_window *w)
{
    const int64_t rows = (w->out_h + 1) / 2, columns = (w->out_w + 1) / 2;
    return rows >= WANTED_PATCHES || columns >= WANTED_PATCHES ||
           rows * columns >= WANTED_PATCHES;
}

static bool has_few_weights(const struct tare_window *w)
{
    int64_t n;
    return !__builtin_mul_overflow(w->in_c, w->out_c, &n) &&
           n <= WEIGHTS_IN_CACHE / TARE_WINOGRAD_POINTS;
}

bool tare_f32_winograd_fits(const struct tare_window *w)
{
    return w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 &&
           w->stride_w == 1 && w->dilation_h == 1 && w->dilation_w == 1 &&
           w->groups == 1 && w->in_c % 16 == 0 && w->out_c >= 16 && w->out_h >= 4 &&
           w->out_w >= 4 && (has_few_weights(w) || has_many_patches(w));
}

bool tare_winograd_plan(const struct tare_window *w, struct tare_winograd_plan *plan)
{
    int64_t n;
    plan->rows = (w->out_h + 1) / 2;
    plan->columns = (w->out_w + 1) / 2;
    if (__builtin_mul_overflow(plan->rows, plan->columns, &n) ||
        __builtin_mul_overflow(n, w->batch, &plan->patches))
        return false;
    plan->block_patches = clamp_i64(BLOCK_INPUTS / (TARE_WINOGRAD_POINTS * w->in_c),
                                    FEWEST_PATCHES, TARE_WINOGRAD_PATCHES);
    plan->blocks = (plan->patches - 1) / plan->block_patches + 1;
    plan->channel_blocks = (w->out_c - 1) / TARE_F32_CONV_BLOCK + 1;
    plan->splits =
        clamp_i64((WANTED_UNITS - 1) / plan->blocks + 1, 1, plan->channel_blocks);
    plan->zeros = w->in_c;
    plan->outputs = 4 * plan->block_patches * TARE_F32_CONV_BLOCK;
    plan->sums = TARE_WINOGRAD_POINTS * plan->block_patches * TARE_F32_CONV_BLOCK;
    return !__builtin_mul_overflow(TARE_WINOGRAD_POINTS * plan->block_patches, w->in_c,
                                   &plan->inputs) &&
           plan->inputs < INT64_MAX / 16;
}

int64_t tare_f32_winograd_units(const struct tare_f32_conv *conv)
{
    struct tare_winograd_plan plan;
    return tare_winograd_plan(&conv->window, &plan) ? plan.blocks * plan.splits : 0;
}

bool tare_f32_winograd_packed_bytes(const struct tare_f32_conv *conv, size_t *size)
{
    const struct tare_window *w = &conv->window;
    size_t n;
    return tare_f32_winograd_fits(w) &&
           tare_mul_size(((size_t)w->out_c + 15) / 16 * 16, (size_t)w->in_c, &n) &&
           tare_mul_size(n, TARE_WINOGRAD_POINTS * sizeof(float), size);
}

bool tare_f32_winograd_scratch_bytes(const struct tare_f32_conv *conv, size_t *size)
{
    struct tare_winograd_plan plan;
    return tare_winograd_plan(&conv->window, &plan) &&
           tare_mul_size((size_t)(plan.inputs + plan.sums + plan.outputs + plan.zeros),
                         sizeof(float), size);
}

/* U = G g G^T of one filter. */
static void transform_weights(const float *g, float u[TARE_WINOGRAD_POINTS])
{
    double half[TARE_WINOGRAD_SIDE][3]; /* G g */
    for (int k = 0; k < 3; k++) {
        const double a = (double)g[k], b = (double)g[3 + k], c = (double)g[6 + k];
        half[0][k] = a;
        half[1][k] = (a + b + c) / 2.0;
        half[2][k] = (a - b + c) / 2.0;
        half[3][k] = c;
    }
    for (int i = 0; i < TARE_WINOGRAD_SIDE; i++) {
        const double *h = half[i];
        u[4 * i] = (float)h[0];
        u[4 * i + 1] = (float)((h[0] + h[1] + h[2]) / 2.0);
        u[4 * i + 2] = (float)((h[0] - h[1] + h[2]) / 2.0);
        u[4 * i + 3] = (float)h[2];
    }
}

void tare_f32_winograd_pack(const struct tare_f32_conv *conv, const float *weights,
                            float *packed)
{
    const struct tare_window *w = &conv->window;
    for (int64_t first = 0, b = 0; first < w->out_c;
         first += TARE_F32_CONV_BLOCK, b++) {
        const int64_t width = tare_winograd_width(w, b);
        float *block = packed + TARE_WINOGRAD_POINTS * first * w->in_c;
        memset(block, 0,
               (size_t)(TARE_WINOGRAD_POINTS * w->in_c * width) * sizeof *block);
        for (int64_t o = 0; o < width && first + o < w->out_c; o++) {
            for (int64_t c = 0; c < w->in_c; c++) {
                float u[TARE_WINOGRAD_POINTS];
                transform_weights(weights + ((first + o) * w->in_c + c) * 9, u);
                for (int64_t p = 0; p < TARE_WINOGRAD_POINTS; p++)
                    block[(p * w->in_c + c) * width + o] = u[p];
            }
        }
    }
}
