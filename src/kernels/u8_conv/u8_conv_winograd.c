#include "kernels/u8_conv/u8_conv_winograd.h"

#include "base/mem.h"
#include "kernels/whole.h"

/* Bytes of transformed inputs, or weights, that are worth being held. */
#define MOST_HELD ((size_t)4 * 1024 * 1024)
/* Fewer channels have too few products for the sums around them. */
#define FEWEST_CHANNELS 16

static bool is_window(const struct tare_window *w)
{
    return w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 &&
           w->stride_w == 1 && w->dilation_h == 1 && w->dilation_w == 1 &&
           w->groups == 1 && w->in_c % 16 == 0 && w->in_c >= FEWEST_CHANNELS &&
           w->in_c <= TARE_U8_WINOGRAD_MOST && w->out_c >= TARE_U8_WINOGRAD_BLOCK &&
           w->out_h >= 4 && w->out_w >= 4;
}

/* Place a part of n times m bytes. */
static bool place(size_t n, size_t m, size_t *at, size_t *end)
{
    size_t bytes;
    *at = *end;
    return tare_mul_size(n, m, &bytes) && tare_align_size(bytes, &bytes) &&
           tare_add_size(*end, bytes, end);
}

bool tare_u8_winograd(const struct tare_window *w, struct tare_u8_winograd *out)
{
    enum { POINT = TARE_U8_WINOGRAD_POINTS * sizeof(int16_t) };
    if (!is_window(w)) return false;
    *out = (struct tare_u8_winograd){
        .rows = ceil_div(w->out_h, 2),
        .columns = ceil_div(w->out_w, 2),
        .blocks = ceil_div(w->out_c, TARE_U8_WINOGRAD_BLOCK),
    };
    if (__builtin_mul_overflow(out->rows, out->columns, &out->patches) ||
        __builtin_mul_overflow(out->patches, w->batch, &out->patches))
        return false;
    /* what is not split among units is transformed by each: the less, the better */
    if (4 * out->rows * out->columns * 4 > 5 * w->out_h * w->out_w) return false;
    out->by_blocks = out->patches < w->out_c;
    out->n_inputs = out->by_blocks ? out->patches : TARE_U8_WINOGRAD_PATCHES;
    out->n_weights = out->by_blocks ? 1 : out->blocks;
    const size_t in_c = (size_t)w->in_c;
    return place((size_t)out->n_inputs * POINT, in_c, &out->inputs, &out->bytes) &&
           out->bytes <= MOST_HELD &&
           place((size_t)out->n_weights * POINT, in_c * TARE_U8_WINOGRAD_BLOCK,
                 &out->weights, &out->bytes) &&
           out->bytes - out->weights <= MOST_HELD &&
           place(TARE_U8_WINOGRAD_POINTS * TARE_U8_WINOGRAD_PATCHES,
                 TARE_U8_WINOGRAD_BLOCK * sizeof(int32_t), &out->sums, &out->bytes) &&
           place(in_c, 1, &out->padding, &out->bytes) &&
           place((size_t)out->n_inputs, TARE_U8_WINOGRAD_POINTS * sizeof(int32_t),
                 &out->own, &out->bytes) &&
           place((size_t)out->n_weights * TARE_U8_WINOGRAD_POINTS,
                 TARE_U8_WINOGRAD_BLOCK * sizeof(int32_t), &out->inits, &out->bytes);
}
