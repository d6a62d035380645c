/* kernels/half_conv/half_conv_walk.h - the body of all variants but the reference:
 * half_walk(). The including file defines HALF_PATCH, the type of a patch's elements;
 * HALF_STEP, which the products of a patch are filled up to with zeros; HALF_LOAD and
 * HALF_STORE, of lanes_half.h; and, static, void patch_copy(HALF_PATCH *to, const
 * uint16_t *from, int64_t n); void patch_sums(const struct half_block *block, float
 * *sums); */
#include <string.h>

#include "kernels/half_conv/half_conv_plan.h"
#include "kernels/lanes_half.h"

/* Products to add to the sums of a tile and a block. */
struct half_block {
    const HALF_PATCH *patch; /* [n_rows][TARE_HALF_CONV_STRETCH] */
    int64_t n_rows, n;       /* products of a sum, a multiple of HALF_STEP */
    int64_t n_packed;        /* of them in the weights, even */
    const uint16_t *weights;
    int64_t width;
    bool is_first; /* the sums begin at 0 */
};

static void patch_copy(HALF_PATCH *to, const uint16_t *from, int64_t n);
/* sums[row * TARE_HALF_CONV_BLOCK + column] */
static void patch_sums(const struct half_block *block, float *sums);

/* Where a tap of a pixel's window is. */
struct half_tap {
    int64_t ky, kx, c; /* c: of the group's channels */
};

/* A pixel's products [k, k + n) of its sums, from `tap` on; whole rows of the kernel at
 * a time where they are dense and inside. */
static void gather_row(const struct tare_half_conv_plan *plan,
                       const struct tare_window *w, const uint16_t *image, int64_t y0,
                       int64_t x0, struct half_tap tap, int64_t n, HALF_PATCH *to)
{
    const int64_t pitch = tare_window_in_pitch(w), depth = plan->group_inputs;
    const bool joins =
        w->dilation_w == 1 && pitch == depth && x0 >= 0 && x0 + w->kernel_w <= w->in_w;
    while (n > 0) {
        const int64_t y = y0 + tap.ky * w->dilation_h, x = x0 + tap.kx * w->dilation_w;
        const int64_t taps = joins ? w->kernel_w - tap.kx : 1;
        int64_t run = taps * depth - tap.c;
        if (run > n) run = n;
        if (y >= 0 && y < w->in_h && x >= 0 && x < w->in_w)
            patch_copy(to, image + (y * w->in_w + x) * pitch + tap.c, run);
        else
            memset(to, 0, (size_t)run * sizeof *to);
        to += run;
        n -= run;
        tap.c = 0; /* only the last run ends within a tap */
        tap.kx += taps;
        if (tap.kx == w->kernel_w) {
            tap.kx = 0;
            tap.ky++;
        }
    }
}

static int64_t whole_steps(int64_t n)
{
    return (n + HALF_STEP - 1) / HALF_STEP * HALF_STEP;
}

/* Products [k, k + n) of the unit's pixels, and zeros. */
static void gather(const struct tare_half_conv_plan *plan, const struct tare_window *w,
                   const uint16_t *x, const struct tare_half_conv_unit *unit, int64_t k,
                   int64_t n, HALF_PATCH *patch)
{
    const int64_t tap = k / plan->group_inputs;
    const struct half_tap first = {tap / w->kernel_w, tap % w->kernel_w,
                                   k % plan->group_inputs};
    int64_t ox = unit->first_pixel % w->out_w;
    int64_t oy = unit->first_pixel / w->out_w % w->out_h;
    int64_t image = unit->first_pixel / w->out_w / w->out_h;
    for (int64_t i = 0; i < unit->n_pixels; i++, patch += TARE_HALF_CONV_STRETCH) {
        gather_row(plan, w,
                   x + image * w->in_h * w->in_w * tare_window_in_pitch(w) +
                       unit->first_input,
                   oy * w->stride_h - w->pad_top, ox * w->stride_w - w->pad_left, first,
                   n, patch);
        for (int64_t k0 = n; k0 < whole_steps(n); k0++)
            patch[k0] = 0;
        if (++ox < w->out_w) continue;
        ox = 0;
        if (++oy < w->out_h) continue;
        oy = 0;
        image++;
    }
}

static void store_half(const struct tare_half_conv *conv,
                       const struct tare_half_conv_data *data,
                       const struct tare_half_conv_unit *unit, const float *sums)
{
    const struct tare_window *w = &conv->window;
    const struct lanes_epilogue e = lanes_epilogue(&conv->epilogue);
    const int64_t pitch = tare_window_out_pitch(w);
    for (int64_t c = 0; c < unit->n_outputs; c += LANES) {
        const int64_t left = unit->n_outputs - c, channel = unit->first_output + c;
        const lanes bias =
            data->bias ? lanes_load_upto(data->bias + channel, left) : lanes_zero();
        for (int64_t i = 0; i < unit->n_pixels; i++) {
            const int64_t pixel = unit->first_pixel + i;
            lanes v = lanes_load(sums + i * TARE_HALF_CONV_BLOCK + c);
            if (data->bias) v = lanes_add(v, bias);
            if (conv->epilogue.has_residual)
                v = lanes_add(
                    v, lanes_load_half_upto(HALF_LOAD,
                                            data->residual + pixel * w->out_c + channel,
                                            left));
            v = lanes_finish(&e, v);
            if (conv->out_f32)
                lanes_store_upto((float *)data->y + pixel * pitch + channel, v, left);
            else
                lanes_store_half_upto(
                    HALF_STORE, (uint16_t *)data->y + pixel * pitch + channel, v, left);
        }
    }
}

static void half_walk(const struct tare_half_conv *conv,
                      const struct tare_half_conv_data *data, void *scratch,
                      int64_t begin, int64_t end)
{
    const struct tare_window *w = &conv->window;
    struct tare_half_conv_plan plan;
    float *sums = scratch;
    HALF_PATCH *patch =
        (HALF_PATCH *)(void *)(sums + TARE_HALF_CONV_ROWS * TARE_HALF_CONV_BLOCK);
    if (!tare_half_conv_plan(w, &plan)) return;
    for (int64_t index = begin; index < end; index++) {
        const struct tare_half_conv_unit unit = tare_half_conv_unit(&plan, index);
        for (int64_t k = 0; k < plan.depth; k += TARE_HALF_CONV_STRETCH) {
            const int64_t left = plan.depth - k;
            const int64_t n =
                left < TARE_HALF_CONV_STRETCH ? left : TARE_HALF_CONV_STRETCH;
            gather(&plan, w, data->x, &unit, k, n, patch);
            const struct half_block block = {
                .patch = patch,
                .n_rows = unit.n_pixels,
                .n = whole_steps(n),
                .n_packed = n + n % 2,
                .weights = data->weights + unit.weights_offset + k * unit.width,
                .width = unit.width,
                .is_first = k == 0};
            patch_sums(&block, sums);
        }
        store_half(conv, data, &unit, sums);
    }
}
