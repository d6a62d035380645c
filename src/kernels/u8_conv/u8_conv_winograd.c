#include "kernels/u8_conv/u8_conv_winograd.h"

#include <math.h>

#include "base/mem.h"
#include "kernels/whole.h"

/* Bytes of transformed weights that are worth being held, and of transformed inputs. */
#define HELD_WEIGHTS ((size_t)2 * 1024 * 1024)
#define HELD_INPUTS  (INT64_C(2) * 1024 * 1024)

enum { POINT_BYTES = TARE_U8_WINOGRAD_POINTS * sizeof(int16_t) };

static bool is_window(const struct tare_window *w)
{
    return w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 &&
           w->stride_w == 1 && w->dilation_h == 1 && w->dilation_w == 1 &&
           w->groups == 1 && w->in_c % TARE_U8_WINOGRAD_STEP == 0 &&
           w->in_c <= TARE_U8_MAX_TERMS / 9 && w->out_c >= 16;
}

/* n times m elements of 16 bits, as an odd number of cache lines. */
static bool odd_lines(size_t n, size_t m, int64_t *out)
{
    enum { LINE = TARE_ALIGN / sizeof(int16_t) };
    size_t elements;
    if (!tare_mul_size(n, m, &elements) || elements > INT64_MAX / 64) return false;
    *out = ((int64_t)ceil_div((int64_t)elements, LINE) | 1) * LINE;
    return true;
}

/* Place a part of n times m bytes. */
static bool place(size_t n, size_t m, size_t *at, size_t *end)
{
    size_t bytes;
    *at = *end;
    return tare_mul_size(n, m, &bytes) && tare_align_size(bytes, &bytes) &&
           tare_add_size(*end, bytes, end);
}

/* How many patches' inputs are held, and blocks' weights. */
static void choose_held(const struct tare_window *w, struct tare_u8_winograd *out)
{
    enum { PATCHES = TARE_U8_WINOGRAD_PATCHES };
    const int64_t patch_bytes = w->in_c * POINT_BYTES;
    size_t weights;
    const bool fit = tare_mul_size((size_t)out->blocks * TARE_U8_CONV_BLOCK,
                                   (size_t)patch_bytes, &weights) &&
                     weights <= HELD_WEIGHTS;
    out->by_blocks = out->n_chunks > 1 || !fit || out->patches < w->out_c;
    out->n_weights = out->by_blocks ? 1 : out->blocks;
    out->n_parts = 1;
    if (out->by_blocks)
        out->n_parts = clamp_i64(HELD_INPUTS / (patch_bytes * PATCHES), 1,
                                 ceil_div(out->patches, PATCHES));
    out->n_inputs = min_i64(out->n_parts * PATCHES, out->patches);
}

bool tare_u8_winograd(const struct tare_window *w, struct tare_u8_winograd *out)
{
    if (!is_window(w)) return false;
    *out = (struct tare_u8_winograd){
        .rows = ceil_div(w->out_h, TARE_U8_WINOGRAD_OUT),
        .columns = ceil_div(w->out_w, TARE_U8_WINOGRAD_OUT),
        .blocks = ceil_div(w->out_c, TARE_U8_CONV_BLOCK),
        .n_chunks = ceil_div(w->in_c, TARE_U8_WINOGRAD_CHUNK),
    };
    if (__builtin_mul_overflow(out->rows, out->columns, &out->patches) ||
        __builtin_mul_overflow(out->patches, w->batch, &out->patches))
        return false;
    out->chunk = ceil_div(w->in_c / TARE_U8_WINOGRAD_STEP, out->n_chunks) *
                 TARE_U8_WINOGRAD_STEP;
    const size_t block_ints = TARE_U8_CONV_BLOCK * sizeof(int32_t);
    const size_t patch_outputs = TARE_U8_WINOGRAD_OUT * TARE_U8_WINOGRAD_OUT;
    const size_t in_c = (size_t)w->in_c, chunk = (size_t)out->chunk;
    choose_held(w, out);
    return odd_lines((size_t)out->n_inputs, in_c, &out->input_stride) &&
           odd_lines(chunk, TARE_U8_CONV_BLOCK, &out->weight_stride) &&
           place((size_t)out->input_stride, POINT_BYTES, &out->inputs, &out->bytes) &&
           place((size_t)out->n_weights * POINT_BYTES, (size_t)out->weight_stride,
                 &out->weights, &out->bytes) &&
           place((size_t)out->n_weights, block_ints, &out->inits, &out->bytes) &&
           place(TARE_U8_WINOGRAD_POINTS, TARE_U8_WINOGRAD_SUMS * sizeof(int32_t),
                 &out->sums, &out->bytes) &&
           place((size_t)out->n_parts * TARE_U8_WINOGRAD_PATCHES,
                 patch_outputs * block_ints, &out->outputs, &out->bytes) &&
           place(in_c, 1, &out->padding, &out->bytes);
}

bool tare_u8_winograd_pays(const struct tare_window *w,
                           const struct tare_u8_winograd *winograd,
                           const struct tare_u8_winograd_costs *costs, int64_t grain,
                           int64_t n)
{
    /* each for one channel of inputs and one of outputs */
    const double share = (double)grain / (double)n, blocks = (double)winograd->blocks;
    const double patches = (double)winograd->patches;
    const double pixels = (double)w->batch * (double)w->out_h * (double)w->out_w;
    const double direct = 9.0 * (double)costs->direct / 16.0 * pixels;
    const double product =
        TARE_U8_WINOGRAD_POINTS + (double)costs->output / (double)w->in_c;
    double input = (double)costs->input / (double)w->out_c * patches;
    double weight = (double)costs->weight;
    if (!winograd->by_blocks) {
        input *= share;
    } else if (grain < n) { /* one block more than it has patches of */
        weight *= fmin(1.0, share + 1.0 / blocks);
        input *= fmin(1.0, share * blocks);
    }
    return product * patches * share + input + weight < direct * share;
}
