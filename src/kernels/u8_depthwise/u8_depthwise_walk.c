#include "kernels/u8_depthwise/u8_depthwise_walk.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/whole.h"

/* More lanes than this would make replicated parameters dearer than idle lanes. */
#define MAX_REPLICATED_LANES 1024

struct tare_u8_depthwise_plan tare_u8_depthwise_plan(const struct tare_u8_conv *p)
{
    const struct tare_window *w = &p->window;
    const int64_t channels = w->in_c;
    const int64_t in_pitch = tare_window_in_pitch(w);
    const int64_t out_pitch = tare_window_out_pitch(w);
    const bool is_dense = in_pitch == channels && out_pitch == channels;
    int64_t replicas = 1;
    if (is_dense && w->stride_w == 1 && channels <= MAX_REPLICATED_LANES)
        while (replicas * channels % TARE_U8_DEPTHWISE_BLOCK != 0)
            replicas *= 2;
    if (replicas * channels > MAX_REPLICATED_LANES) replicas = 1;
    const int64_t n_taps = w->kernel_h * w->kernel_w;
    return (struct tare_u8_depthwise_plan){
        .channels = channels,
        .in_pitch = in_pitch,
        .out_pitch = out_pitch,
        .replicas = replicas,
        .lanes = replicas * channels,
        .n_blocks = ceil_div(replicas * channels, TARE_U8_DEPTHWISE_BLOCK),
        .n_taps = n_taps,
        .n_quads = ceil_div(n_taps, 4),
    };
}

int64_t tare_u8_depthwise_block_bytes(const struct tare_u8_depthwise_plan *plan)
{
    return plan->n_quads * TARE_U8_DEPTHWISE_BLOCK * 4;
}

/* The parts of the scratch block, in this order. */
struct scratch_layout {
    size_t expanded_bytes;  /* for the variant */
    size_t taps_bytes;      /* taps[4 * n_quads] */
    size_t parameter_bytes; /* one of three replicated parameter arrays, or 0 */
    size_t padding_bytes;   /* an input row of padding */
    size_t columns_bytes;   /* see tare_u8_depthwise_wide() */
    size_t weights_bytes;
};

/* None where no variant goes over whole rows: they may be long. */
static bool wide_layout(const struct tare_window *w, struct scratch_layout *out)
{
    out->columns_bytes = out->weights_bytes = 0;
    if (w->kernel_h != w->kernel_w || w->kernel_h >= TARE_U8_DEPTHWISE_ROWS ||
        w->stride_w > 2)
        return true;
    enum { HALF = 8 * 2 * sizeof(int16_t) }; /* pairs of 8 channels */
    const size_t pairs = ((size_t)w->kernel_h + 1) / 2;
    const size_t columns =
        (size_t)tare_u8_depthwise_columns(w->out_w, w->kernel_w, w->stride_w);
    const size_t halves = ((size_t)w->in_c + 7) / 8;
    return tare_mul_size(columns, pairs * 2 * HALF, &out->columns_bytes) &&
           tare_align_size(out->columns_bytes, &out->columns_bytes) &&
           tare_mul_size(halves, (size_t)w->kernel_w, &out->weights_bytes) &&
           tare_mul_size(out->weights_bytes, pairs * 2 * HALF, &out->weights_bytes);
}

static bool scratch_layout(const struct tare_u8_conv *p,
                           const struct tare_u8_depthwise_plan *plan,
                           struct scratch_layout *out)
{
    const size_t n_quads = (size_t)plan->n_quads;
    out->expanded_bytes = n_quads * 64 * sizeof(int16_t);
    out->parameter_bytes = plan->replicas > 1 ? (size_t)plan->lanes * 4 : 0;
    return tare_align_size(n_quads * 4 * sizeof(uint8_t *), &out->taps_bytes) &&
           tare_mul_size((size_t)p->window.in_w, (size_t)plan->in_pitch,
                         &out->padding_bytes) &&
           tare_add_size(out->padding_bytes, TARE_U8_DEPTHWISE_BLOCK,
                         &out->padding_bytes) &&
           tare_align_size(out->padding_bytes, &out->padding_bytes) &&
           wide_layout(&p->window, out);
}

bool tare_u8_depthwise_scratch_bytes(const struct tare_u8_conv *p, size_t *out)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    struct scratch_layout layout;
    return scratch_layout(p, &plan, &layout) &&
           tare_add_size(layout.padding_bytes,
                         layout.expanded_bytes + layout.taps_bytes +
                             3 * layout.parameter_bytes,
                         out) &&
           tare_add_size(*out, layout.columns_bytes, out) &&
           tare_add_size(*out, layout.weights_bytes, out);
}

struct tare_u8_depthwise_wide tare_u8_depthwise_wide(const struct tare_u8_conv *p,
                                                     void *scratch)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    struct scratch_layout layout;
    const bool fits = scratch_layout(p, &plan, &layout);
    assert(fits);
    (void)fits;
    /* rows need nothing else but their padding */
    uint8_t *columns = (uint8_t *)scratch + layout.padding_bytes;
    return (struct tare_u8_depthwise_wide){columns, columns + layout.columns_bytes};
}

/* What stays the same from row to row. */
struct walk {
    const struct tare_u8_conv *p;
    const struct tare_u8_conv_data *d;
    const struct tare_u8_depthwise_plan *plan;
    tare_u8_depthwise_run_fn *compute;
    const uint8_t *padding;
    const uint8_t **taps;
    struct tare_u8_depthwise_run run; /* but for the pixels */
};

/* One output row: its first pixel, and where the window's rows start in the input. */
struct output_row {
    int64_t pixel;
    const uint8_t *image;
    int64_t iy; /* of the window's first row */
};

/* Point the taps of the pixel at column `ox` to the input, or to padding. */
static void set_taps(const struct walk *k, const struct output_row *row, int64_t ox)
{
    const struct tare_window *w = &k->p->window;
    int64_t t = 0;
    for (int64_t ky = 0; ky < w->kernel_h; ky++) {
        const int64_t iy = row->iy + ky * w->dilation_h;
        const bool inside = iy >= 0 && iy < w->in_h;
        const uint8_t *input =
            inside ? row->image + iy * w->in_w * k->plan->in_pitch : k->padding;
        for (int64_t kx = 0; kx < w->kernel_w; kx++) {
            const int64_t ix = ox * w->stride_w - w->pad_left + kx * w->dilation_w;
            k->taps[t++] =
                ix >= 0 && ix < w->in_w ? input + ix * k->plan->in_pitch : k->padding;
        }
    }
    for (; t < 4 * k->plan->n_quads; t++)
        k->taps[t] = k->taps[0];
}

/* `n_pixels` pixels of `lanes` lanes from column `ox` on. */
static void compute_run(struct walk *k, const struct output_row *row, int64_t ox,
                        int64_t n_pixels, int64_t lanes)
{
    if (n_pixels <= 0 || lanes <= 0) return;
    const int64_t pixel = row->pixel + ox;
    const int64_t at = pixel * k->plan->out_pitch;
    set_taps(k, row, ox);
    k->run.n_pixels = n_pixels;
    k->run.lanes = lanes;
    if (k->p->epilogue.has_residual)
        k->run.residual = k->d->residual + pixel * k->plan->channels;
    if (k->p->epilogue.out_f32)
        k->run.y_f32 = (float *)k->d->y + at;
    else
        k->run.y_u8 = (uint8_t *)k->d->y + at;
    k->compute(&k->run);
}

/* Columns whose window lies inside the row make long runs; the others stand alone. */
static void compute_row(struct walk *k, int64_t unit)
{
    const struct tare_u8_depthwise_plan *plan = k->plan;
    const struct tare_window *w = &k->p->window;
    const struct output_row row = {
        .pixel = unit * w->out_w,
        .image = k->d->x + unit / w->out_h * w->in_h * w->in_w * plan->in_pitch,
        .iy = unit % w->out_h * w->stride_h - w->pad_top,
    };
    const int64_t room = w->in_w - 1 - (w->kernel_w - 1) * w->dilation_w + w->pad_left;
    const int64_t inside_end =
        room >= 0 ? min_i64(room / w->stride_w + 1, w->out_w) : 0;
    const int64_t inside = min_i64(ceil_div(w->pad_left, w->stride_w), inside_end);
    const int64_t whole = (inside_end - inside) / plan->replicas;
    const int64_t rest = inside + whole * plan->replicas;

    for (int64_t ox = 0; ox < inside; ox++)
        compute_run(k, &row, ox, 1, plan->channels);
    compute_run(k, &row, inside, whole, plan->lanes);
    if (plan->replicas > 1)
        compute_run(k, &row, rest, 1, (inside_end - rest) * plan->channels);
    for (int64_t ox = inside_end; ox < w->out_w; ox++)
        compute_run(k, &row, ox, 1, plan->channels);
}

/* `n` values of 4 bytes, `replicas` times over. */
static void replicate(void *to, const void *from, int64_t n, int64_t replicas)
{
    for (int64_t i = 0; i < replicas; i++)
        memcpy((char *)to + i * n * 4, from, (size_t)n * 4);
}

void tare_u8_depthwise_walk(const struct tare_u8_conv *p,
                            const struct tare_u8_conv_data *d, void *scratch,
                            int64_t begin, int64_t end,
                            tare_u8_depthwise_run_fn *compute)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    struct scratch_layout layout;
    const bool fits = scratch_layout(p, &plan, &layout);
    assert(fits && begin >= 0 && end <= tare_u8_depthwise_units(p));
    (void)fits;

    char *taps = (char *)scratch + layout.expanded_bytes;
    char *parameters = taps + layout.taps_bytes;
    char *padding = parameters + 3 * layout.parameter_bytes;
    struct walk k = {
        .p = p,
        .d = d,
        .plan = &plan,
        .compute = compute,
        .padding = (const uint8_t *)padding,
        .taps = (const uint8_t **)(void *)taps,
        .run = {.taps = (const uint8_t *const *)(void *)taps,
                .n_taps = plan.n_taps,
                .n_quads = plan.n_quads,
                .in_step = plan.replicas * p->window.stride_w * plan.in_pitch,
                .out_step = plan.replicas * plan.out_pitch,
                .residual_step = plan.lanes,
                .weights = d->weights,
                .acc_init = d->acc_init,
                .multiplier = d->multiplier,
                .bias = d->bias,
                .epilogue = &p->epilogue,
                .expanded = scratch},
    };
    memset(padding, p->in_zero_point, layout.padding_bytes);
    if (plan.replicas > 1) {
        void *const arrays[] = {parameters, parameters + layout.parameter_bytes,
                                parameters + 2 * layout.parameter_bytes};
        replicate(arrays[0], d->acc_init, plan.channels, plan.replicas);
        replicate(arrays[1], d->multiplier, plan.channels, plan.replicas);
        replicate(arrays[2], d->bias, plan.channels, plan.replicas);
        k.run.acc_init = arrays[0];
        k.run.multiplier = arrays[1];
        k.run.bias = arrays[2];
    }
    for (int64_t unit = begin; unit < end; unit++)
        compute_row(&k, unit);
}

void tare_u8_depthwise_walk_rows(const struct tare_u8_conv *p,
                                 const struct tare_u8_conv_data *d, void *scratch,
                                 int64_t begin, int64_t end,
                                 tare_u8_depthwise_rows_fn *compute)
{
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    const struct tare_window *w = &p->window;
    const bool by_twos = w->stride_h == 1 && w->stride_w == 1;
    const size_t row_bytes = (size_t)(w->in_w * plan.in_pitch);
    const struct tare_u8_depthwise_wide wide = tare_u8_depthwise_wide(p, scratch);
    memset(scratch, p->in_zero_point, row_bytes + TARE_U8_DEPTHWISE_BLOCK);
    struct tare_u8_depthwise_rows rows = {
        .in_w = w->in_w,
        .out_w = w->out_w,
        .pad_left = w->pad_left,
        .in_pitch = plan.in_pitch,
        .out_pitch = plan.out_pitch,
        .channels = plan.channels,
        .n_quads = plan.n_quads,
        .in_zero_point = p->in_zero_point,
        .weights = d->weights,
        .acc_init = d->acc_init,
        .multiplier = d->multiplier,
        .bias = d->bias,
        .row_step = w->out_w * plan.out_pitch,
        .epilogue = &p->epilogue,
        .columns = wide.columns,
        .wide_weights = wide.weights,
    };
    for (int64_t unit = begin; unit < end; unit += rows.n_rows) {
        const int64_t oy = unit % w->out_h;
        const bool has_next = by_twos && unit + 1 < end && oy + 1 < w->out_h;
        rows.n_rows = has_next ? 2 : 1;
        rows.y = (uint8_t *)d->y + unit * rows.row_step;
        const uint8_t *image = d->x + (size_t)(unit / w->out_h * w->in_h) * row_bytes;
        for (int64_t i = 0; i < w->kernel_h + rows.n_rows - 1; i++) {
            const int64_t iy = oy * w->stride_h - w->pad_top + i;
            rows.input[i] = iy >= 0 && iy < w->in_h ? image + (size_t)iy * row_bytes
                                                    : (const uint8_t *)scratch;
        }
        compute(&rows);
    }
}
