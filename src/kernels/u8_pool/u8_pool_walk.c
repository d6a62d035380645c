#include "kernels/u8_pool/u8_pool_walk.h"

#include <assert.h>
#include <stddef.h>

/* The taps of a window along one axis. */
struct span {
    int64_t first; /* the first tap inside the input */
    int64_t inside;
    int64_t padded; /* taps inside the padded input */
};

/* Taps t < taps with low <= start + t * dilation < high: their first one and number. */
static int64_t count_taps(int64_t start, int64_t taps, int64_t dilation, int64_t low,
                          int64_t high, int64_t *first)
{
    const int64_t begin = start >= low ? 0 : (low - start + dilation - 1) / dilation;
    int64_t end = start >= high ? 0 : (high - 1 - start) / dilation + 1;
    if (end > taps) end = taps;
    *first = begin < end ? begin : 0;
    return begin < end ? end - begin : 0;
}

static struct span span(int64_t start, int64_t taps, int64_t dilation, int64_t size,
                        int64_t pad_before, int64_t pad_after)
{
    struct span s;
    int64_t ignored;
    s.inside = count_taps(start, taps, dilation, 0, size, &s.first);
    s.padded =
        count_taps(start, taps, dilation, -pad_before, size + pad_after, &ignored);
    return s;
}

/* What stays the same within a unit. */
struct walk {
    const struct tare_u8_pool *p;
    const uint8_t *image;
    int64_t channel;
    struct span rows;
    int64_t iy;
    int64_t row_at; /* of the output row's first value */
    tare_u8_pool_run_fn *compute;
    void *y;
    struct tare_u8_pool_run run; /* but for the columns */
};

/* `n` outputs from column `ox` on, whose windows have the same columns inside. */
static void compute_run(struct walk *k, int64_t ox, int64_t n)
{
    if (n <= 0) return;
    const struct tare_window *w = &k->p->window;
    const int64_t ix = ox * w->stride_w - w->pad_left;
    const struct span columns =
        span(ix, w->kernel_w, w->dilation_w, w->in_w, w->pad_left, k->p->pad_right);
    const int64_t inside = k->rows.inside * columns.inside;
    const int64_t divisor =
        k->p->count_include_pad ? k->rows.padded * columns.padded : inside;
    const int64_t at = k->row_at + ox * k->run.out_step;
    k->run.x = k->image;
    if (inside > 0)
        k->run.x += ((k->iy + k->rows.first * w->dilation_h) * w->in_w + ix +
                     columns.first * w->dilation_w) *
                        tare_window_in_pitch(w) +
                    k->channel;
    k->run.n_columns = columns.inside;
    k->run.n_pixels = n;
    k->run.factor = k->p->multiplier / (float)(divisor > 1 ? divisor : 1);
    k->run.zero_sum = k->p->in_zero_point * (int32_t)inside;
    if (k->p->kind == TARE_U8_POOL_AVERAGE && k->p->epilogue.out_f32)
        k->run.y_f32 = (float *)k->y + at;
    else
        k->run.y_u8 = (uint8_t *)k->y + at;
    k->compute(&k->run);
}

/* Columns whose window lies inside the row make one run; the others stand alone. */
static void compute_row(struct walk *k)
{
    const struct tare_window *w = &k->p->window;
    const int64_t room = w->in_w - 1 - (w->kernel_w - 1) * w->dilation_w + w->pad_left;
    int64_t inside_end = room >= 0 ? room / w->stride_w + 1 : 0;
    if (inside_end > w->out_w) inside_end = w->out_w;
    int64_t inside = (w->pad_left + w->stride_w - 1) / w->stride_w;
    if (inside > inside_end) inside = inside_end;

    for (int64_t ox = 0; ox < inside; ox++)
        compute_run(k, ox, 1);
    compute_run(k, inside, inside_end - inside);
    for (int64_t ox = inside_end; ox < w->out_w; ox++)
        compute_run(k, ox, 1);
}

static int64_t channel_blocks(const struct tare_u8_pool *p)
{
    return (p->window.out_c + TARE_U8_POOL_BLOCK - 1) / TARE_U8_POOL_BLOCK;
}

int64_t tare_u8_pool_units(const struct tare_u8_pool *p)
{
    return p->window.batch * p->window.out_h * channel_blocks(p);
}

void tare_u8_pool_walk(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                       int64_t begin, int64_t end, tare_u8_pool_run_fn *maximum,
                       tare_u8_pool_run_fn *average)
{
    assert(begin >= 0 && end <= tare_u8_pool_units(p));
    const struct tare_window *w = &p->window;
    const int64_t n_blocks = channel_blocks(p);
    const int64_t in_pitch = tare_window_in_pitch(w);
    const int64_t out_pitch = tare_window_out_pitch(w);
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t row = unit / n_blocks;
        const int64_t channel = unit % n_blocks * TARE_U8_POOL_BLOCK;
        const int64_t left = w->out_c - channel;
        const int64_t iy = row % w->out_h * w->stride_h - w->pad_top;
        struct walk k = {
            .p = p,
            .image = x + row / w->out_h * w->in_h * w->in_w * in_pitch,
            .channel = channel,
            .rows = span(iy, w->kernel_h, w->dilation_h, w->in_h, w->pad_top,
                         p->pad_bottom),
            .iy = iy,
            .row_at = row * w->out_w * out_pitch + channel,
            .compute = p->kind == TARE_U8_POOL_MAX ? maximum : average,
            .y = y,
            .run = {.row_step = w->dilation_h * w->in_w * in_pitch,
                    .column_step = w->dilation_w * in_pitch,
                    .in_step = w->stride_w * in_pitch,
                    .out_step = out_pitch,
                    .n_channels = left < TARE_U8_POOL_BLOCK ? left : TARE_U8_POOL_BLOCK,
                    .epilogue = &p->epilogue},
        };
        k.run.n_rows = k.rows.inside;
        compute_row(&k);
    }
}
