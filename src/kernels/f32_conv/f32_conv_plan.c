/* The cutting into tiles and the pointers to a tile's inputs. */
#include "kernels/f32_conv/f32_conv_plan.h"

#include <string.h>

#include "base/mem.h"

/* Below this many channels a run a tap would spend its time on loading pointers. */
#define SHORT_RUN 64
/* A tile is cut into as many pixels as a variant's registers hold: 6 or 12. */
#define LEAST_ROWS   12
#define WANTED_UNITS 32
/* More weights than this leave no room in a second-level cache for anything else, so
 * each group of blocks is better kept there for all panels than all groups for each. */
#define WEIGHTS_IN_CACHE (INT64_C(512) * 1024 / (int64_t)sizeof(float))

static bool mul(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Pointers for the longest panel, zeros for a run of any group, a copy of each whole
 * row of each pixel, the sums of an area. */
static bool plan_scratch(const struct tare_window *w, struct tare_f32_conv_plan *plan)
{
    const int64_t zeros = plan->whole_rows ? plan->run_length : w->in_c;
    const size_t rows = (size_t)plan->panel_rows;
    const size_t sums = TARE_F32_CONV_GROUP * TARE_F32_CONV_BLOCK * sizeof(float);
    int64_t pointers, patches = 0;
    size_t size;
    if (!mul(plan->runs, plan->panel_rows, &pointers)) return false;
    if (plan->whole_rows && !mul(pointers, plan->run_length, &patches)) return false;

    if (!tare_mul_size((size_t)pointers, sizeof(float *), &size)) return false;
    if (!tare_align_size(size, &plan->zeros_at)) return false;
    if (!tare_mul_size((size_t)zeros, sizeof(float), &size)) return false;
    if (!tare_add_size(size, plan->zeros_at, &size)) return false;
    if (!tare_align_size(size, &plan->patches_at)) return false;
    if (!tare_mul_size((size_t)patches, sizeof(float), &size)) return false;
    if (!tare_add_size(size, plan->patches_at, &size)) return false;
    if (!tare_align_size(size, &plan->sums_at)) return false;
    return tare_add_size(plan->sums_at, rows * sums, &plan->scratch_bytes);
}

/* Large tiles leave fewer rows over, and small ones keep many threads busy. */
static int64_t tile_rows(const struct tare_f32_conv_plan *plan)
{
    int64_t rows = TARE_F32_CONV_ROWS;
    while (rows > LEAST_ROWS &&
           plan->pixels / rows < (WANTED_UNITS - 1) / plan->blocks + 1)
        rows -= LEAST_ROWS;
    return rows;
}

bool tare_f32_conv_plan(const struct tare_window *w, struct tare_f32_conv_plan *plan)
{
    int64_t taps, weights;
    plan->group_inputs = w->in_c / w->groups;
    plan->group_outputs = w->out_c / w->groups;
    if (!mul(w->out_h, w->out_w, &plan->pixels)) return false;
    if (!mul(w->batch, plan->pixels, &plan->pixels)) return false;
    if (!mul(w->kernel_h, w->kernel_w, &taps)) return false;
    if (!mul(taps, plan->group_inputs, &plan->depth)) return false;
    if (!mul(plan->depth, w->out_c, &weights)) return false;

    plan->group_blocks = (plan->group_outputs - 1) / TARE_F32_CONV_BLOCK + 1;
    plan->blocks = w->groups * plan->group_blocks;
    plan->panels_inside = weights > WEIGHTS_IN_CACHE;
    /* Tiles of nearly equal size, so that none is left with a pixel or two. */
    plan->tiles = (plan->pixels - 1) / tile_rows(plan) + 1;
    plan->tile_pixels = plan->pixels / plan->tiles;
    plan->longer_tiles = plan->pixels % plan->tiles;
    const int64_t panel = smaller(plan->tiles, TARE_F32_CONV_PANEL);
    plan->panel_rows = panel * plan->tile_pixels + smaller(panel, plan->longer_tiles);
    plan->in_pitch = tare_window_in_pitch(w);
    plan->whole_rows = w->groups == 1 && w->dilation_w == 1 && w->kernel_w > 1 &&
                       w->in_c < SHORT_RUN && plan->in_pitch == w->in_c;
    plan->runs = plan->whole_rows ? w->kernel_h : taps;
    plan->run_length = plan->depth / plan->runs;
    return plan_scratch(w, plan);
}

struct tare_f32_conv_block tare_f32_conv_block(const struct tare_f32_conv_plan *plan,
                                               int64_t block)
{
    const int64_t group = block < plan->group_blocks ? 0 : block / plan->group_blocks;
    const int64_t first = (block - group * plan->group_blocks) * TARE_F32_CONV_BLOCK;
    const int64_t left = plan->group_outputs - first;
    const int64_t group_width = (plan->group_outputs + 15) / 16 * 16;
    return (struct tare_f32_conv_block){
        .first_input = group * plan->group_inputs,
        .weights_offset = (group * group_width + first) * plan->depth,
        .width = left > 16 ? TARE_F32_CONV_BLOCK : 16,
        .first_output = group * plan->group_outputs + first,
        .n_outputs = smaller(left, TARE_F32_CONV_BLOCK)};
}

/* Consecutive things of one kind, and the index of a unit among those that they have.
 */
struct part {
    int64_t first, n, index;
};

/* Those of `all` things from `first` on, taken `most` at a time, that unit `index` is
 * of, when each has `units` units. */
static struct part find(int64_t first, int64_t all, int64_t most, int64_t units,
                        int64_t index)
{
    const int64_t skipped = index / (most * units) * most;
    return (struct part){.first = first + skipped,
                         .n = smaller(all - skipped, most),
                         .index = index - skipped * units};
}

struct tare_f32_conv_area tare_f32_conv_area(const struct tare_f32_conv_plan *plan,
                                             int64_t begin, int64_t end)
{
    struct part panel = {0, plan->tiles, begin};
    if (!plan->panels_inside)
        panel = find(0, plan->tiles, TARE_F32_CONV_PANEL, plan->blocks, begin);
    struct part blocks =
        find(0, plan->blocks, plan->group_blocks, panel.n, panel.index);
    blocks = find(blocks.first, plan->group_blocks, TARE_F32_CONV_GROUP, panel.n,
                  blocks.index);
    if (plan->panels_inside)
        panel = find(0, plan->tiles, TARE_F32_CONV_PANEL, blocks.n, blocks.index);
    else
        panel.index = blocks.index;

    const int64_t block = panel.index / panel.n, tile = panel.index % panel.n;
    const int64_t left = end - begin;
    const bool whole = tile == 0 && left >= panel.n;
    const int64_t n_tiles = whole ? panel.n : smaller(panel.n - tile, left);
    const int64_t n_blocks = whole ? smaller(blocks.n - block, left / panel.n) : 1;
    const int64_t first = panel.first + tile, longer = plan->longer_tiles;
    const int64_t first_pixel = first * plan->tile_pixels + smaller(first, longer);
    const int64_t behind = first + n_tiles;
    return (struct tare_f32_conv_area){
        .first_pixel = first_pixel,
        .n_pixels = behind * plan->tile_pixels + smaller(behind, longer) - first_pixel,
        .first_block = blocks.first + block,
        .n_blocks = n_blocks,
        .n_units = n_tiles * n_blocks};
}

static float *zeros(const struct tare_f32_conv_plan *plan, void *scratch)
{
    return (float *)(void *)((char *)scratch + plan->zeros_at);
}

void tare_f32_conv_begin(const struct tare_f32_conv_plan *plan, void *scratch)
{
    memset(zeros(plan, scratch), 0, plan->patches_at - plan->zeros_at);
}

float *tare_f32_conv_sums(const struct tare_f32_conv_plan *plan, void *scratch)
{
    return (float *)(void *)((char *)scratch + plan->sums_at);
}

/* The run of a whole kernel row that begins at column x0 of `row`, copied to `patch`
 * when it reaches over a border. */
static const float *whole_row(const struct tare_window *w, const float *row, int64_t x0,
                              const float *zero, float *patch)
{
    const int64_t from = x0 < 0 ? -x0 : 0;
    const int64_t to = w->in_w - x0 < w->kernel_w ? w->in_w - x0 : w->kernel_w;
    if (from >= to) return zero;

    const size_t pixel = (size_t)w->in_c;
    memset(patch, 0, (size_t)w->kernel_w * pixel * sizeof *patch);
    memcpy(patch + (size_t)from * pixel, row + (x0 + from) * w->in_c,
           (size_t)(to - from) * pixel * sizeof *patch);
    return patch;
}

/* Neighbouring output pixels: the first one's window begins at (y0, x0) of `image`. */
struct span {
    const float *image;
    int64_t y0, x0, n;
    bool inside; /* no window reaches over the left or right border */
};

/* Point at one run for all pixels of a span: `first` for the first pixel. */
static void span_run(const struct span *span, int64_t step, const float *first,
                     const float **table)
{
    for (int64_t i = 0; i < span->n; i++)
        table[i] = first + i * step;
}

static void span_zero(const struct span *span, const float *zero, const float **table)
{
    for (int64_t i = 0; i < span->n; i++)
        table[i] = zero;
}

/* Fill a span's columns of the table. A span that is not `inside` is one pixel. */
static void span_inputs(const struct tare_f32_conv_plan *plan,
                        const struct tare_window *w, const struct span *span,
                        const float *zero, float *patch, const float **table)
{
    const int64_t row_taps = plan->whole_rows ? 1 : w->kernel_w;
    const int64_t pitch = plan->in_pitch;
    for (int64_t ky = 0; ky < w->kernel_h; ky++) {
        const int64_t y = span->y0 + ky * w->dilation_h;
        const bool row_inside = y >= 0 && y < w->in_h;
        const float *row = span->image + (row_inside ? y : 0) * w->in_w * pitch;
        for (int64_t kx = 0; kx < row_taps; kx++, table += plan->panel_rows) {
            const int64_t x = span->x0 + kx * w->dilation_w;
            const bool inside = span->inside || (x >= 0 && x < w->in_w);
            if (row_inside && plan->whole_rows && !span->inside)
                *table = whole_row(w, row, x, zero, patch + ky * plan->run_length);
            else if (row_inside && inside)
                span_run(span, w->stride_w * pitch, row + x * pitch, table);
            else
                span_zero(span, zero, table);
        }
    }
}

const float *const *tare_f32_conv_inputs(const struct tare_f32_conv_plan *plan,
                                         const struct tare_window *w, const float *x,
                                         const struct tare_f32_conv_area *area,
                                         int64_t first_input, void *scratch)
{
    const float **table = scratch;
    const float *zero = zeros(plan, scratch);
    float *patch = (float *)(void *)((char *)scratch + plan->patches_at);
    const int64_t image_size = w->in_h * w->in_w * plan->in_pitch;
    const int64_t last = w->in_w - (w->kernel_w - 1) * w->dilation_w - 1;
    int64_t ox = area->first_pixel % w->out_w;
    int64_t row = area->first_pixel / w->out_w; /* of all images */
    for (int64_t i = 0; i < area->n_pixels;) {
        struct span span = {.image = x + row / w->out_h * image_size + first_input,
                            .y0 = row % w->out_h * w->stride_h - w->pad_top,
                            .x0 = ox * w->stride_w - w->pad_left,
                            .n = 1};
        span.inside = span.x0 >= 0 && span.x0 <= last;
        if (span.inside) {
            const int64_t fit = (last - span.x0) / w->stride_w + 1;
            const int64_t row_left = w->out_w - ox, tile_left = area->n_pixels - i;
            span.n = row_left < tile_left ? row_left : tile_left;
            if (fit < span.n) span.n = fit;
        }
        span_inputs(plan, w, &span, zero, patch + i * plan->depth, table + i);
        i += span.n;
        ox += span.n;
        if (ox == w->out_w) ox = 0, row++;
    }
    return table;
}
