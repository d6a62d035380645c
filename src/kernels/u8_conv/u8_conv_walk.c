#include "kernels/u8_conv/u8_conv_walk.h"

#include <assert.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_rows.h"
#include "kernels/u8_conv/u8_conv_scratch.h"
#include "kernels/whole.h"

/* Enough pieces to keep many threads busy, few enough that building the row table of a
 * pixel block stays small beside the work on it. */
#define WANTED_UNITS 32
/* Pixels of a row that are enough for a tile, and steps of a tap for leaving them out
 * at a row's ends: shorter loops cost more than that saves. */
#define ROW_PIXELS 4
#define END_STEPS  16
/* Packed weights, in bytes, that leave room for pixels in a second-level cache. */
#define WEIGHTS_IN_CACHE (INT64_C(256) * 1024)

/* 1x1, stride 1, no padding: rows and images follow each other without a seam. */
static struct tare_window join_rows(const struct tare_window *w)
{
    struct tare_window joined = *w;
    joined.in_pitch = tare_window_in_pitch(w);
    joined.out_pitch = tare_window_out_pitch(w);
    if (w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
        w->pad_top == 0 && w->pad_left == 0 && w->in_h == w->out_h &&
        w->in_w == w->out_w) {
        joined.in_w = joined.out_w = w->batch * w->in_h * w->in_w;
        joined.in_h = joined.out_h = joined.batch = 1;
    }
    return joined;
}

bool tare_u8_conv_is_one_row(const struct tare_window *w)
{
    return w->kernel_h == 1 && w->kernel_w == 1 && w->batch == 1 && w->out_h == 1 &&
           w->pad_left == 0 && (w->out_w - 1) * w->stride_w < w->in_w;
}

bool tare_u8_conv_touches_padding(const struct tare_window *w)
{
    const int64_t reach_h =
        (w->out_h - 1) * w->stride_h - w->pad_top + (w->kernel_h - 1) * w->dilation_h;
    const int64_t reach_w =
        (w->out_w - 1) * w->stride_w - w->pad_left + (w->kernel_w - 1) * w->dilation_w;
    return w->pad_top > 0 || w->pad_left > 0 || reach_h >= w->in_h ||
           reach_w >= w->in_w;
}

bool tare_u8_conv_has_even_rows(const struct tare_u8_conv_plan *plan)
{
    return plan->window.groups == 1 && plan->segments_per_row == 1;
}

struct tare_u8_conv_plan tare_u8_conv_plan(const struct tare_u8_conv *p)
{
    struct tare_u8_conv_plan plan = {.window = join_rows(&p->window)};
    const struct tare_window *w = &plan.window;
    plan.group_in = w->in_c / w->groups;
    plan.group_out = w->out_c / w->groups;
    const bool has_rows =
        w->groups == 1 && w->dilation_w == 1 && w->in_pitch == w->in_c;
    const int64_t row_bytes = w->kernel_w * w->in_c;
    plan.gathers = has_rows && w->kernel_h > 1 && row_bytes % 4 != 0 &&
                   row_bytes <= TARE_U8_CONV_GATHERED;
    plan.segment_taps = has_rows ? w->kernel_w : 1;
    plan.segments_per_row = w->kernel_w / plan.segment_taps;
    plan.n_segments = w->kernel_h * plan.segments_per_row;
    if (plan.gathers) {
        plan.segment_taps = w->kernel_h * w->kernel_w;
        plan.n_segments = 1;
    }
    plan.segment_bytes = plan.segment_taps * plan.group_in;
    plan.n_steps = ceil_div(plan.segment_bytes, 4);
    plan.blocks_per_group = ceil_div(plan.group_out, TARE_U8_CONV_BLOCK);
    plan.n_blocks = w->groups * plan.blocks_per_group;
    plan.n_pixels = w->batch * w->out_h * w->out_w;
    plan.n_tiles = ceil_div(plan.n_pixels, TARE_U8_CONV_ROWS);
    /* whole rows: one of its tiles at the border has no more than border */
    const bool by_rows = w->kernel_h > 1 && TARE_U8_CONV_ROWS % w->out_w == 0;
    plan.tile_pixels = by_rows ? TARE_U8_CONV_ROWS : plan.n_pixels / plan.n_tiles;
    plan.longer_tiles = by_rows ? 0 : plan.n_pixels % plan.n_tiles;
    plan.block_tiles = TARE_U8_CONV_TILES;
    plan.n_pixel_blocks = ceil_div(plan.n_tiles, plan.block_tiles);
    plan.n_splits = min_i64(ceil_div(WANTED_UNITS, plan.n_pixel_blocks), plan.n_blocks);
    plan.block_bytes = plan.n_segments * plan.n_steps * TARE_U8_CONV_BLOCK * 4;
    plan.weights_are_far = plan.block_bytes > WEIGHTS_IN_CACHE / plan.n_blocks;
    /* the table of a pixel block is made anew for each of its units then */
    plan.pixels_inside = plan.weights_are_far && tare_u8_conv_is_one_row(w);
    return plan;
}

size_t tare_u8_conv_first_bytes(const struct tare_u8_conv *p)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    return (size_t)(plan.n_segments * plan.n_steps * 4 *
                    tare_u8_conv_block_width(&plan, 0));
}

int64_t tare_u8_conv_tile_begin(const struct tare_u8_conv_plan *plan, int64_t t)
{
    return min_i64(t * plan->tile_pixels + min_i64(t, plan->longer_tiles),
                   plan->n_pixels);
}

int64_t tare_u8_conv_block_width(const struct tare_u8_conv_plan *plan, int64_t b)
{
    const int64_t left = plan->group_out - b * TARE_U8_CONV_BLOCK;
    return left <= TARE_U8_CONV_NARROW ? TARE_U8_CONV_NARROW : TARE_U8_CONV_BLOCK;
}

int64_t tare_u8_conv_block_offset(const struct tare_u8_conv_plan *plan, int64_t group,
                                  int64_t b)
{
    const int64_t last = plan->blocks_per_group - 1;
    const int64_t group_width =
        last * TARE_U8_CONV_BLOCK + tare_u8_conv_block_width(plan, last);
    return (group * group_width + b * TARE_U8_CONV_BLOCK) * plan->n_segments *
           plan->n_steps * 4;
}

/* Is there padding that can be left out, since it adds nothing: it is zero? */
static bool skips_padding(const struct tare_u8_conv *p,
                          const struct tare_u8_conv_plan *plan)
{
    return !plan->gathers && p->in_zero_point == 0 &&
           tare_u8_conv_touches_padding(&p->window);
}

/* Tiles of a row of pixels or two, where rows are short: then all padding can be left
 * out but for some corners. As many pixel blocks as before, since these are units. */
static void cut_by_rows(struct tare_u8_conv_plan *plan)
{
    const struct tare_window *w = &plan->window;
    if (w->out_w < ROW_PIXELS || w->out_w > TARE_U8_CONV_ROWS) return;
    const int64_t n_rows = w->batch * w->out_h;
    const int64_t tile_rows = 2 * w->out_w <= TARE_U8_CONV_ROWS ? 2 : 1;
    const int64_t n_tiles = ceil_div(n_rows, tile_rows);
    const int64_t block_tiles = ceil_div(n_tiles, plan->n_pixel_blocks);
    if (block_tiles * tile_rows * w->out_w > TARE_U8_CONV_PITCH) return;
    plan->n_tiles = n_tiles;
    plan->tile_pixels = tile_rows * w->out_w;
    plan->longer_tiles = 0;
    plan->block_tiles = block_tiles;
}

enum { LINE = 64 };

struct tare_u8_conv_tile
tare_u8_conv_tile_of_block(const struct tare_u8_conv_plan *plan,
                           const struct tare_u8_conv *p,
                           const struct tare_u8_conv_data *d, int64_t block)
{
    const int64_t first = block * TARE_U8_CONV_BLOCK;
    const struct tare_window *w = &p->window;
    struct tare_u8_conv_tile t = {.block = block,
                                  .width = tare_u8_conv_block_width(plan, block),
                                  .n_channels =
                                      min_i64(TARE_U8_CONV_BLOCK, w->out_c - first),
                                  .acc_init = d->acc_init + first,
                                  .multiplier = d->multiplier + first,
                                  .bias = d->bias + first,
                                  .pixel_stride = tare_window_out_pitch(w),
                                  .residual_stride = w->out_c,
                                  .epilogue = &p->epilogue};
    if (p->epilogue.has_residual) t.residual = d->residual + first;
    if (p->epilogue.out_f32)
        t.y_f32 = (float *)d->y + first;
    else
        t.y_u8 = (uint8_t *)d->y + first;
    return t;
}

/* Fetch the parts [begin, end) of n of the weights behind `weights`, which are those of
 * the next block of channels: its first tile would wait for all of them. */
static void fetch_ahead(const struct tare_u8_conv_plan *plan, const int8_t *weights,
                        int64_t begin, int64_t end, int64_t n)
{
    const int8_t *next = weights + plan->block_bytes;
    for (int64_t i = plan->block_bytes * begin / n; i < plan->block_bytes * end / n;
         i += LINE)
        __builtin_prefetch(next + i, 0, 2);
}

/* The epilogue's parameters for the channels behind those of the block at hand. They
 * are read once a block, too seldom for the hardware to foresee it. */
static void fetch_parameters(const struct tare_u8_conv_tile *tile)
{
    for (int64_t i = 0; i < TARE_U8_CONV_BLOCK; i += LINE / (int64_t)sizeof(float)) {
        __builtin_prefetch(tile->acc_init + tile->n_channels + i);
        __builtin_prefetch(tile->multiplier + tile->n_channels + i);
        __builtin_prefetch(tile->bias + tile->n_channels + i);
    }
}

/* Tiles differ by one pixel at most, but not where they are whole rows. */
static bool has_shorter_last_tile(const struct tare_u8_conv_plan *plan)
{
    return plan->longer_tiles == 0 &&
           plan->n_tiles * plan->tile_pixels != plan->n_pixels;
}

/* The kernel rows [begin, end) that are inside the input for an output row. */
struct kernel_rows {
    int64_t begin, end;
};

static struct kernel_rows rows_inside(const struct tare_window *w, int64_t row)
{
    const int64_t top = row % w->out_h * w->stride_h - w->pad_top;
    struct kernel_rows inside = {0, w->kernel_h};
    while (inside.begin < inside.end && top + inside.begin * w->dilation_h < 0)
        inside.begin++;
    while (inside.end > inside.begin &&
           top + (inside.end - 1) * w->dilation_h >= w->in_h)
        inside.end--;
    return inside;
}

/* Leave out the kernel rows that are outside for all pixels [begin, end), and tell
 * which ones each of two rows needs. */
static void trim_rows(struct tare_u8_conv_tile *tile, struct tare_u8_conv_needs *needs,
                      const struct tare_u8_conv_plan *plan, int64_t begin, int64_t end)
{
    const struct tare_window *w = &plan->window;
    const int64_t per_row = plan->segments_per_row;
    const int64_t rows[2] = {begin / w->out_w, (end - 1) / w->out_w};
    const struct kernel_rows inside[2] = {rows_inside(w, rows[0]),
                                          rows_inside(w, rows[1])};
    struct kernel_rows kept = {0, w->kernel_h};
    if (rows[0] / w->out_h == rows[1] / w->out_h) {
        kept.begin = min_i64(inside[1].begin, w->kernel_h - 1);
        kept.end = clamp_i64(inside[0].end, kept.begin + 1, w->kernel_h);
    }
    const int64_t skipped = kept.begin * per_row;
    tile->rows += skipped * TARE_U8_CONV_PITCH;
    tile->weights += skipped * plan->n_steps * 4 * tile->width;
    tile->n_segments = (kept.end - kept.begin) * per_row;
    if (tile->n_rows != 2 * w->out_w || begin % w->out_w != 0) return;
    needs->row_pixels = w->out_w;
    for (int i = 0; i < 2; i++) {
        needs->row_begin[i] = (inside[i].begin - kept.begin) * per_row;
        needs->row_end[i] = (inside[i].end - kept.begin) * per_row;
    }
}

/* Tell which taps are beside the input for a row's first and its last pixel, those of
 * the pixels [begin, end). */
static void trim_ends(struct tare_u8_conv_needs *needs,
                      const struct tare_u8_conv_plan *plan, int64_t begin, int64_t end)
{
    const struct tare_window *w = &plan->window;
    const int64_t taps = plan->segment_taps;
    const int64_t tap_steps = plan->group_in / 4;
    if (taps != w->kernel_w || plan->group_in % 4 != 0 || tap_steps < END_STEPS) return;
    const int64_t left = begin % w->out_w * w->stride_w - w->pad_left;
    const int64_t right = (end - 1) % w->out_w * w->stride_w - w->pad_left;
    needs->first_begin = clamp_i64(-left, 0, taps) * tap_steps;
    needs->last_end =
        clamp_i64((w->in_w - right) * tap_steps, needs->first_begin, plan->n_steps);
}

/* What a style with fetch_tiles fetches, a little in every step: when it is read, it
 * has come. */
struct fetch {
    const char *at;
    int64_t left;              /* bytes */
    int64_t step;              /* bytes a step */
    int64_t first_pixel_block; /* weights are read for the first time in its course */
    bool is_next;              /* it is what the run has next */
};

/* A walk over units. */
struct walk {
    const struct tare_u8_conv *p;
    const struct tare_u8_conv_data *d;
    const struct tare_u8_conv_plan *plan;
    const struct tare_u8_conv_style *style;
    struct tare_u8_conv_row_table table;
    bool skips;                    /* padding is left out */
    int64_t at_once;               /* tiles that are computed as one */
    int64_t prepared;              /* group; -1: none */
    struct tare_u8_conv_unit unit; /* at hand */
    struct fetch fetch;
    /* The tile at hand. What all have in common is set once, the rest where it changes:
     * to set all of it for each block takes a part of a small block's time. */
    struct tare_u8_conv_tile tile;
    struct tare_u8_conv_needs needs;
};

/* What is the same for all tiles. */
static void begin_tiles(struct walk *w)
{
    const struct tare_u8_conv_plan *plan = w->plan;
    const bool alone =
        w->style->at_once == 0 ||
        (w->style->row_tiles && (w->skips || has_shorter_last_tile(plan)));
    w->at_once = alone ? 1 : w->style->at_once;
    w->needs.first_begin = 0;
    w->needs.last_end = plan->n_steps;
    w->tile = (struct tare_u8_conv_tile){
        .n_segments = plan->n_segments,
        .n_steps = plan->n_steps,
        .needs = &w->needs,
        .pixel_stride = plan->window.out_pitch,
        .residual_stride = plan->window.out_c,
        .epilogue = &w->p->epilogue,
        .state = w->style->state,
    };
}

/* What is the same for those of one block of channels. Gives its first channel. */
static int64_t begin_block(struct walk *w, int64_t block)
{
    const struct tare_u8_conv_plan *plan = w->plan;
    struct tare_u8_conv_tile *tile = &w->tile;
    const int64_t group =
        block < plan->blocks_per_group ? 0 : block / plan->blocks_per_group;
    const int64_t b = block - group * plan->blocks_per_group;
    const int64_t channel = group * plan->group_out + b * TARE_U8_CONV_BLOCK;
    tile->row_offset = group * plan->group_in;
    tile->block = block;
    tile->weights = w->d->weights + tare_u8_conv_block_offset(plan, group, b);
    tile->width = tare_u8_conv_block_width(plan, b);
    tile->n_channels =
        min_i64(TARE_U8_CONV_BLOCK, plan->group_out - b * TARE_U8_CONV_BLOCK);
    tile->acc_init = w->d->acc_init + channel;
    tile->multiplier = w->d->multiplier + channel;
    tile->bias = w->d->bias + channel;
    return channel;
}

/* The tiles [begin, end) of those of a pixel block, which are computed as one. */
static void begin_tile(struct walk *w, int64_t begin, int64_t end, int64_t channel)
{
    struct tare_u8_conv_tile *tile = &w->tile;
    const int64_t pixel = tare_u8_conv_tile_begin(w->plan, begin);
    const int64_t at = pixel * tile->pixel_stride + channel;
    tile->n_tiles = end - begin;
    tile->first_rows = tare_u8_conv_tile_begin(w->plan, begin + 1) - pixel;
    tile->n_rows = tare_u8_conv_tile_begin(w->plan, end) - pixel;
    w->needs.row_pixels = tile->n_rows;
    if (w->p->epilogue.has_residual)
        tile->residual = w->d->residual + pixel * tile->residual_stride + channel;
    if (w->p->epilogue.out_f32)
        tile->y_f32 = (float *)w->d->y + at;
    else
        tile->y_u8 = (uint8_t *)w->d->y + at;
    if (w->skips) {
        tile->n_segments = w->plan->n_segments;
        w->needs.first_begin = 0;
        w->needs.last_end = w->plan->n_steps;
        trim_rows(tile, &w->needs, w->plan, pixel, pixel + tile->n_rows);
        trim_ends(&w->needs, w->plan, pixel, pixel + tile->n_rows);
    }
}

/* Are these the last units, whose weights are on their way, so that what the run has
 * next is all that is left to fetch? */
static bool is_last_chance(const struct walk *w, int64_t block)
{
    return w->plan->pixels_inside ? block + 1 == w->plan->n_blocks
                                  : w->unit.pixel_block + 1 == w->plan->n_pixel_blocks;
}

/* Choose what to fetch during `n_steps` steps, those of one block of channels: the next
 * block, which its first tile would wait for, or the beginning of what follows. */
static void choose_fetch(struct walk *w, int64_t block, int64_t n_steps)
{
    const struct tare_u8_conv_plan *plan = w->plan;
    struct fetch *f = &w->fetch;
    if (w->unit.pixel_block == f->first_pixel_block && block + 1 < plan->n_blocks) {
        f->at = (const char *)w->tile.weights +
                plan->n_segments * plan->n_steps * 4 * w->tile.width;
        f->left = plan->block_bytes;
    } else if (!f->is_next && is_last_chance(w, block)) {
        f->is_next = true;
        f->at = w->d->next;
        f->left = (int64_t)w->d->next_bytes;
    } else {
        return;
    }
    f->step = min_i64(ceil_div(f->left, n_steps), 2 * LINE);
}

/* Give it to the tile at hand. */
static void give_fetch(struct walk *w)
{
    struct fetch *f = &w->fetch;
    struct tare_u8_conv_tile *tile = &w->tile;
    tile->fetch = (const char *)tile->weights;
    tile->fetch_step = 0;
    if (f->left <= 0) return;
    tile->fetch = f->at;
    tile->fetch_step = f->step;
    const int64_t turns = ceil_div(tile->n_tiles, w->style->fetch_tiles);
    const int64_t bytes = turns * tile->n_segments * tile->n_steps * f->step;
    f->at += bytes;
    f->left -= bytes;
}

/* The pixels of the pixel block [tile_begin, tile_end), once for each group. */
static void prepare(struct walk *w, int64_t tile_begin, int64_t tile_end, int64_t block)
{
    const int64_t group = block / w->plan->blocks_per_group;
    if (w->prepared == group) return;
    w->prepared = group;
    w->tile.n_segments = w->plan->n_segments;
    w->tile.n_rows = tare_u8_conv_tile_begin(w->plan, tile_end) -
                     tare_u8_conv_tile_begin(w->plan, tile_begin);
    w->style->prepare(&w->tile);
}

/* Every tile of the pixel block [tile_begin, tile_end) for one block of channels. */
static void compute_block(struct walk *w, int64_t tile_begin, int64_t tile_end,
                          int64_t block)
{
    const struct tare_u8_conv_plan *plan = w->plan;
    const struct tare_u8_conv_style *style = w->style;
    struct tare_u8_conv_tile *tile = &w->tile;
    const int64_t channel = begin_block(w, block);
    const int8_t *weights = tile->weights;
    const bool fetches = plan->weights_are_far && tile_end - tile_begin > 1 &&
                         block % plan->blocks_per_group + 2 < plan->blocks_per_group;
    tile->rows = w->table.rows;
    if (block + 1 < plan->n_blocks) fetch_parameters(tile);
    if (style->prepare) prepare(w, tile_begin, tile_end, block);
    if (style->fetch_tiles)
        choose_fetch(w, block,
                     ceil_div(tile_end - tile_begin, style->fetch_tiles) *
                         plan->n_segments * plan->n_steps);
    for (int64_t i = tile_begin; i < tile_end; i += w->at_once) {
        const int64_t end = min_i64(i + w->at_once, tile_end);
        const uint8_t *const *rows = tile->rows;
        begin_tile(w, i, end, channel);
        if (style->fetch_tiles) {
            give_fetch(w);
        } else if (fetches) {
            fetch_ahead(plan, weights, i - tile_begin, end - tile_begin,
                        tile_end - tile_begin);
        }
        style->compute(tile);
        tile->weights = weights;
        tile->rows = rows + tile->n_rows;
    }
}

/* The first block of channels of a split. */
static int64_t split_begin(const struct tare_u8_conv_plan *plan, int64_t split)
{
    return plan->n_splits == plan->n_blocks ? split
                                            : plan->n_blocks * split / plan->n_splits;
}

static void compute_unit(struct walk *w, bool is_filled)
{
    const struct tare_u8_conv_plan *plan = w->plan;
    const struct tare_u8_conv_unit unit = w->unit;
    const int64_t tile = unit.pixel_block * plan->block_tiles;
    const int64_t tile_end = min_i64(tile + plan->block_tiles, plan->n_tiles);
    if (!is_filled) {
        tare_u8_conv_fill_rows(&w->table, tare_u8_conv_tile_begin(plan, tile),
                               tare_u8_conv_tile_begin(plan, tile_end));
        if (w->style->even_rows) tare_u8_conv_even_rows(&w->table, tile, tile_end);
        w->prepared = -1;
    }
    const int64_t block_end = split_begin(plan, unit.split + 1);
    for (int64_t block = split_begin(plan, unit.split); block < block_end; block++)
        compute_block(w, tile, tile_end, block);
}

void tare_u8_conv_walk(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
                       void *scratch, int64_t begin, int64_t end,
                       const struct tare_u8_conv_style *style)
{
    struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    struct tare_u8_conv_scratch layout;
    const bool fits = tare_u8_conv_scratch(&plan, &layout);
    assert(fits && begin >= 0 && end <= plan.n_pixel_blocks * plan.n_splits);
    (void)fits;
    uint8_t *padding = scratch;
    struct walk walk = {
        .p = p,
        .d = d,
        .plan = &plan,
        .style = style,
        .table =
            {
                .plan = &plan,
                .x = d->x,
                .in_zero_point = p->in_zero_point,
                .padding = padding,
                .rows = (const uint8_t **)(void *)(padding + layout.padding_bytes),
                .copies = padding + layout.padding_bytes + layout.table_bytes,
                .copy_bytes = layout.copy_bytes,
            },
        .skips = !style->prepare && skips_padding(p, &plan),
    };
    if (style->row_tiles && walk.skips) cut_by_rows(&plan);
    begin_tiles(&walk);
    if (tare_u8_conv_touches_padding(&plan.window))
        memset(padding, p->in_zero_point, layout.padding_bytes);

    int64_t filled = -1;
    walk.unit = tare_u8_conv_unit(&plan, begin);
    walk.fetch.first_pixel_block = plan.pixels_inside ? 0 : walk.unit.pixel_block;
    for (int64_t index = begin; index < end; index++) {
        compute_unit(&walk, filled == walk.unit.pixel_block);
        filled = walk.unit.pixel_block;
        walk.unit = tare_u8_conv_next_unit(&plan, walk.unit);
    }
}
