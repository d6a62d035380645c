#include "kernels/u8_conv/u8_conv_rows.h"

#include <string.h>

#include "kernels/unroll.h"
#include "kernels/whole.h"

/* A segment that starts at column `ix` of the input row and leaves it on either side.
 */
static const uint8_t *edge_segment(const struct tare_u8_conv_row_table *t,
                                   const uint8_t *input_row, int64_t ix, int64_t slot)
{
    const struct tare_window *w = &t->plan->window;
    const int64_t taps = t->plan->segment_taps;
    const int64_t begin = ix < 0 ? -ix : 0; /* the taps [begin, end) are inside */
    const int64_t end = min_i64(taps, w->in_w - ix);
    if (begin >= end) return t->padding;

    uint8_t *copy = t->copies + (size_t)slot * t->copy_bytes;
    const size_t tap_bytes = (size_t)w->in_c;
    memset(copy, t->in_zero_point, (size_t)begin * tap_bytes);
    memcpy(copy + (size_t)begin * tap_bytes, input_row + (ix + begin) * w->in_c,
           (size_t)(end - begin) * tap_bytes);
    memset(copy + (size_t)end * tap_bytes, t->in_zero_point,
           (size_t)(taps - end) * tap_bytes);
    return copy;
}

/* Segment (ky, kx) of the pixels [ox, ox + n) of an output row, entered from `slot` on.
 * input_row is NULL when it is outside the input; the pixels [inside, inside_end) have
 * the whole segment inside. */
static void fill_segment(const struct tare_u8_conv_row_table *t, int64_t ky, int64_t kx,
                         const uint8_t *input_row, int64_t ox, int64_t n,
                         int64_t inside, int64_t inside_end, int64_t slot)
{
    const struct tare_u8_conv_plan *plan = t->plan;
    const struct tare_window *w = &plan->window;
    const int64_t s = ky * plan->segments_per_row + kx;
    const uint8_t **rows = t->rows + s * TARE_U8_CONV_PITCH + slot;
    if (!input_row) {
        for (int64_t i = 0; i < n; i++)
            rows[i] = t->padding;
        return;
    }
    const int64_t ix = ox * w->stride_w - w->pad_left + kx * w->dilation_w;
    const int64_t begin = clamp_i64(inside - ox, 0, n);
    const int64_t end = clamp_i64(inside_end - ox, begin, n);
    for (int64_t i = begin; i < end; i++)
        rows[i] = input_row + (ix + i * w->stride_w) * w->in_pitch;
    for (int64_t i = 0; i < begin; i++)
        rows[i] = edge_segment(t, input_row, ix + i * w->stride_w,
                               (slot + i) * plan->n_segments + s);
    for (int64_t i = end; i < n; i++)
        rows[i] = edge_segment(t, input_row, ix + i * w->stride_w,
                               (slot + i) * plan->n_segments + s);
}

/* All segments of the pixels [ox, ox + n) of output row `oy`. */
static void fill_run(const struct tare_u8_conv_row_table *t, int64_t image, int64_t oy,
                     int64_t ox, int64_t n, int64_t slot)
{
    const struct tare_u8_conv_plan *plan = t->plan;
    const struct tare_window *w = &plan->window;
    for (int64_t kx = 0; kx < plan->segments_per_row; kx++) {
        const int64_t lead = w->pad_left - kx * w->dilation_w;
        const int64_t room = w->in_w - plan->segment_taps + lead;
        const int64_t inside = lead > 0 ? ceil_div(lead, w->stride_w) : 0;
        const int64_t inside_end = room >= 0 ? room / w->stride_w + 1 : 0;
        for (int64_t ky = 0; ky < w->kernel_h; ky++) {
            const int64_t iy = oy * w->stride_h - w->pad_top + ky * w->dilation_h;
            const uint8_t *input_row =
                iy >= 0 && iy < w->in_h
                    ? t->x + (image * w->in_h + iy) * w->in_w * w->in_pitch
                    : NULL;
            fill_segment(t, ky, kx, input_row, ox, n, inside, inside_end, slot);
        }
    }
}

/* The window of the pixel at (oy, ox) to `copy`. Pieces of `piece` bytes, a constant,
 * are quicker than as many as there are; what is too much is overwritten by the next
 * row, or is behind the segment. */
TARE_ALWAYS_INLINE void gather_window(const struct tare_u8_conv_row_table *t,
                                      int64_t image, int64_t oy, int64_t ox,
                                      uint8_t *copy, const size_t piece)
{
    const struct tare_window *w = &t->plan->window;
    const int64_t ix = ox * w->stride_w - w->pad_left;
    const int64_t begin = ix < 0 ? -ix : 0; /* the taps [begin, end) are inside */
    const int64_t end = min_i64(w->kernel_w, w->in_w - ix);
    for (int64_t ky = 0; ky < w->kernel_h; ky++, copy += w->kernel_w * w->in_c) {
        const int64_t iy = oy * w->stride_h - w->pad_top + ky * w->dilation_h;
        const bool inside = iy >= 0 && iy < w->in_h && begin < end;
        if (!inside || begin > 0) memset(copy, t->in_zero_point, piece);
        if (!inside) continue;
        const int64_t from = (image * w->in_h + iy) * w->in_w + ix + begin;
        memcpy(copy + begin * w->in_c, t->x + from * w->in_c, piece);
        if (end < w->kernel_w) memset(copy + end * w->in_c, t->in_zero_point, piece);
    }
}

/* As above for `n` pixels whose windows are inside, the first one's at `x`. */
TARE_ALWAYS_INLINE void gather_inside(const struct tare_u8_conv_row_table *t,
                                      const uint8_t *x, int64_t n, uint8_t *copy,
                                      const int64_t n_rows, const size_t piece)
{
    const struct tare_window *w = &t->plan->window;
    const int64_t row_bytes = w->kernel_w * w->in_c;
    const int64_t row_stride = w->dilation_h * w->in_w * w->in_c;
    const int64_t pixel_stride = w->stride_w * w->in_c;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t ky = 0; ky < n_rows; ky++)
            memcpy(copy + ky * row_bytes, x + ky * row_stride, piece);
        x += pixel_stride;
        copy += t->copy_bytes;
    }
}

/* The windows of the pixels [ox, ox + n) of output row `oy`, each as one segment; those
 * of [begin, end) are inside. */
TARE_ALWAYS_INLINE void gather_run(const struct tare_u8_conv_row_table *t,
                                   int64_t image, int64_t oy, int64_t ox, int64_t n,
                                   int64_t slot, const size_t piece)
{
    const struct tare_window *w = &t->plan->window;
    const int64_t iy = oy * w->stride_h - w->pad_top;
    const int64_t room = w->in_w - w->kernel_w + w->pad_left;
    const bool rows_inside =
        iy >= 0 && iy + (w->kernel_h - 1) * w->dilation_h < w->in_h && room >= 0;
    const int64_t begin = clamp_i64(ceil_div(w->pad_left, w->stride_w) - ox, 0, n);
    const int64_t end =
        rows_inside ? clamp_i64(room / w->stride_w + 1 - ox, begin, n) : begin;
    uint8_t *copy = t->copies + (size_t)slot * t->copy_bytes;
    for (int64_t i = 0; i < n; i++)
        t->rows[slot + i] = copy + (size_t)i * t->copy_bytes;
    for (int64_t i = 0; i < begin; i++)
        gather_window(t, image, oy, ox + i, copy + (size_t)i * t->copy_bytes, piece);
    for (int64_t i = end; i < n; i++)
        gather_window(t, image, oy, ox + i, copy + (size_t)i * t->copy_bytes, piece);
    if (end == begin) return;
    const int64_t ix = (ox + begin) * w->stride_w - w->pad_left;
    const uint8_t *x = t->x + ((image * w->in_h + iy) * w->in_w + ix) * w->in_c;
    copy += (size_t)begin * t->copy_bytes;
    if (w->kernel_h == 3)
        gather_inside(t, x, end - begin, copy, 3, piece);
    else
        gather_inside(t, x, end - begin, copy, w->kernel_h, piece);
}

void tare_u8_conv_fill_rows(const struct tare_u8_conv_row_table *t, int64_t begin,
                            int64_t end)
{
    const struct tare_window *w = &t->plan->window;
    for (int64_t pixel = begin; pixel < end;) {
        const int64_t ox = pixel % w->out_w;
        const int64_t row = pixel / w->out_w;
        const int64_t n = min_i64(w->out_w - ox, end - pixel);
        if (t->plan->gathers && w->kernel_w * w->in_c <= TARE_U8_CONV_GATHERED / 2)
            gather_run(t, row / w->out_h, row % w->out_h, ox, n, pixel - begin,
                       TARE_U8_CONV_GATHERED / 2);
        else if (t->plan->gathers)
            gather_run(t, row / w->out_h, row % w->out_h, ox, n, pixel - begin,
                       TARE_U8_CONV_GATHERED);
        else
            fill_run(t, row / w->out_h, row % w->out_h, ox, n, pixel - begin);
        pixel += n;
    }
}

/* Segment `s` of the pixels [begin, end) of the block at equal distances: where it is
 * not, all of them in their places among the copies, which are. */
static void even_segment(const struct tare_u8_conv_row_table *t, int64_t s,
                         int64_t begin, int64_t end)
{
    const struct tare_u8_conv_plan *plan = t->plan;
    const uint8_t **rows = t->rows + s * TARE_U8_CONV_PITCH;
    bool is_even = true;
    for (int64_t i = begin + 2; is_even && i < end; i++)
        is_even = (uintptr_t)rows[i] - (uintptr_t)rows[i - 1] ==
                  (uintptr_t)rows[i - 1] - (uintptr_t)rows[i - 2];
    for (int64_t i = begin; !is_even && i < end; i++) {
        uint8_t *copy = t->copies + (size_t)(i * plan->n_segments + s) * t->copy_bytes;
        if (rows[i] != copy) memcpy(copy, rows[i], (size_t)plan->segment_bytes);
        rows[i] = copy;
    }
}

void tare_u8_conv_even_rows(const struct tare_u8_conv_row_table *t, int64_t tile_begin,
                            int64_t tile_end)
{
    const int64_t first = tare_u8_conv_tile_begin(t->plan, tile_begin);
    for (int64_t i = tile_begin; i < tile_end; i++)
        for (int64_t s = 0; s < t->plan->n_segments; s++)
            even_segment(t, s, tare_u8_conv_tile_begin(t->plan, i) - first,
                         tare_u8_conv_tile_begin(t->plan, i + 1) - first);
}
