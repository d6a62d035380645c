/* AVX2, in tiles of u8_conv_sums_avx2.h. A pixel block's pixels are widened once, for
 * all its channels; so are weights, if there are pixels enough, as many blocks of them
 * as there are slots for. Where weights are far, all pixels are one block. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_avx2_few.h"
#include "kernels/u8_conv/u8_conv_scratch.h"
#include "kernels/u8_conv/u8_conv_sums_avx2.h"
#include "kernels/u8_conv/u8_conv_winograd_avx2.h"
#include "kernels/whole.h"

/* What is widened: pixels, of a pixel block or all of them, all segments behind each
 * other; and blocks of channels. */
struct wide {
    const uint8_t *const *rows; /* the pixel block's; NULL where all are held */
    int64_t pitch;              /* from one pixel to the next */
    int16_t *pixels;
    int32_t *own;    /* products of each pixel; NULL: sums are short */
    int64_t n_steps; /* of all segments */
    char *slots;     /* weights, and what sums start from */
    int64_t slot_bytes;
    int64_t n_slots;                       /* 0: weights are not widened ahead */
    int64_t held[TARE_U8_CONV_MOST_SLOTS]; /* the block in each slot, or -1 */
};

/* The pixels of a tile that are computed together. */
struct part {
    const struct tare_u8_conv_tile *tile;
    int64_t first, n;      /* pixels */
    struct wide_sums wide; /* of 16 channels; without weights, these are the tile's */
    _Alignas(32) int32_t sums[PIXELS][TARE_U8_CONV_BLOCK];
};

static void widen_bytes(const uint8_t *x, int64_t n, int16_t *to)
{
    for (int64_t k = 0; k < n; k += 16)
        store(to + k, _mm256_cvtepu8_epi16(load16(x + k)));
}

/* When all of the pixel `i` is widened. */
static void end_pixel(const struct wide *wide, int64_t i)
{
    if (!wide->own) return;
    const int64_t n = STEP * wide->n_steps;
    int16_t *x = wide->pixels + i * wide->pitch;
    store(x + n, _mm256_setzero_si256());
    wide->own[i] = own_products(x, n);
}

static void widen_pixels(const struct tare_u8_conv_tile *t)
{
    struct wide *wide = t->state;
    const int64_t segment_bytes = STEP * t->n_steps;
    wide->rows = t->rows;
    for (int64_t i = 0; i < t->n_rows; i++) {
        int16_t *to = wide->pixels + i * wide->pitch;
        for (int64_t s = 0; s < t->n_segments; s++, to += segment_bytes)
            widen_bytes(t->rows[s * TARE_U8_CONV_PITCH + i] + t->row_offset,
                        segment_bytes, to);
        end_pixel(wide, i);
    }
}

/* A block's weights: [16 channels][pair of inputs][channel][2]. */
static void widen_block(const int8_t *from, int64_t width, int64_t n_steps, int16_t *to)
{
    const int64_t group = n_steps * STEP * GROUP;
    for (int64_t step = 0; step < n_steps; step++, to += STEP * GROUP)
        for (int64_t c = 0; c < width; c += CHANNELS, from += STEP * CHANNELS)
            store_pairs(load_bytes(from), load_bytes(from + 16),
                        to + c / GROUP * group + c % GROUP * 2, 2 * GROUP);
}

/* The widened weights of a tile and what its sums start from, if they are widened. */
static void find_weights(struct wide *wide, struct part *part)
{
    const struct tare_u8_conv_tile *t = part->tile;
    part->wide.weights = NULL;
    if (wide->n_slots == 0) return;
    const int64_t slot = t->block % wide->n_slots;
    const int64_t group = wide->n_steps * STEP * GROUP; /* how many weights */
    int16_t *weights = (int16_t *)(void *)(wide->slots + slot * wide->slot_bytes);
    int32_t *init = (int32_t *)(void *)(weights + group * TARE_U8_CONV_BLOCK / GROUP);
    part->wide.weights = weights;
    part->wide.init = init;
    if (wide->held[slot] == t->block) return;
    widen_block(t->weights, t->width, wide->n_steps, weights);
    for (int64_t c = 0; c < t->width; c += GROUP)
        begin_sums(weights + c / GROUP * group, wide->own ? wide->n_steps : 0,
                   t->acc_init + c, init + c);
    wide->held[slot] = t->block;
}

/* The sums of a part, */
static void sum_ahead(struct part *part)
{
    struct wide_sums s = part->wide;
    for (int64_t c = 0; c < part->tile->n_channels; c += GROUP) {
        s.sums = &part->sums[0][c];
        if (part->tile->n_channels - c > CHANNELS)
            sum_wide(&s, part->n, 2);
        else
            sum_wide(&s, part->n, 1);
        s.weights += s.n_steps * STEP * GROUP;
        s.init += GROUP;
    }
}

/* and with weights of int8, of `pixels` pixels, a constant. */
TARE_ALWAYS_INLINE void sum_bytes(struct part *part, const int64_t pixels)
{
    const struct tare_u8_conv_tile *t = part->tile;
    const struct wide_sums *s = &part->wide;
    for (int64_t c = 0; c < t->n_channels; c += CHANNELS)
        sum_steps(s->x, s->pitch, t->weights + STEP * c, STEP * t->width, s->n_steps,
                  t->acc_init + c, &part->sums[0][c], pixels);
}

static void sum_part(struct part *part)
{
    if (part->wide.weights) {
        sum_ahead(part);
        return;
    }
    switch (part->n) {
    case 1: sum_bytes(part, 1); break;
    case 2: sum_bytes(part, 2); break;
    case 3: sum_bytes(part, 3); break;
    case 4: sum_bytes(part, 4); break;
    case 5: sum_bytes(part, 5); break;
    default: sum_bytes(part, PIXELS); break;
    }
}

static void compute_block(const struct tare_u8_conv_tile *t)
{
    struct wide *wide = t->state;
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t first = wide->rows ? t->rows - wide->rows : 0;
    struct part part; /* all but the sums: */
    part.tile = t;
    part.wide.pitch = wide->pitch;
    part.wide.n_steps = wide->n_steps;
    part.wide.own = NULL;
    part.wide.stride = TARE_U8_CONV_BLOCK;
    find_weights(wide, &part);
    const int64_t parts = ceil_div(t->n_rows, wide->own ? OWN_PIXELS : PIXELS);
    for (int64_t i = 0; i < parts; i++) {
        part.first = t->n_rows * i / parts;
        part.n = t->n_rows * (i + 1) / parts - part.first;
        part.wide.x = wide->pixels + (first + part.first) * wide->pitch;
        if (wide->own) part.wide.own = wide->own + first + part.first;
        sum_part(&part);
        store_pixels(t, &finish, part.sums[0], part.first, part.n);
    }
}

/* The units [begin, end), which are some blocks of channels, for all pixels: these are
 * widened once for all blocks, and each block once for all pixels. */
static void compute_channels(struct wide *wide, const struct tare_u8_conv_plan *plan,
                             const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, int64_t begin,
                             int64_t end)
{
    const int64_t n = plan->n_pixel_blocks * plan->n_splits;
    const int64_t first = plan->n_blocks * begin / n, last = plan->n_blocks * end / n;
    const int64_t stride = plan->window.stride_w * plan->window.in_pitch;
    if (first == last) return;
    for (int64_t i = 0; i < plan->n_pixels; i++) {
        widen_bytes(d->x + i * stride, STEP * wide->n_steps,
                    wide->pixels + i * wide->pitch);
        end_pixel(wide, i);
    }
    for (int64_t block = first; block < last; block++) {
        struct tare_u8_conv_tile tile = tare_u8_conv_tile_of_block(plan, p, d, block);
        tile.weights = d->weights + tare_u8_conv_block_offset(plan, 0, block);
        tile.n_rows = plan->n_pixels;
        tile.n_steps = wide->n_steps;
        tile.state = wide;
        compute_block(&tile);
    }
}

void tare_u8_conv__avx2_6x16(const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, void *scratch,
                             int64_t begin, int64_t end)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    if (plan.n_segments > 1 && plan.n_steps < FEW_STEPS) {
        const struct tare_u8_conv_style few = {.compute = compute_few};
        tare_u8_conv_walk(p, d, scratch, begin, end, &few);
        return;
    }
    if (compute_patches(p, d, scratch, begin, end)) return;
    const struct tare_u8_conv_spare spare = tare_u8_conv_spare(&plan);
    char *const at = (char *)scratch + spare.offset;
    struct wide wide = {.pitch = spare.pitch,
                        .pixels = (int16_t *)(void *)at,
                        .n_steps = plan.n_segments * plan.n_steps,
                        .slots = at + spare.slots,
                        .slot_bytes = spare.slot_bytes,
                        .n_slots = spare.n_slots};
    if (wide.n_slots > 0 && wide.n_steps >= LONG_SUM)
        wide.own = (int32_t *)(void *)(at + spare.own);
    for (int64_t i = 0; i < spare.n_slots; i++)
        wide.held[i] = -1;
    if (spare.by_blocks) {
        compute_channels(&wide, &plan, p, d, begin, end);
        return;
    }
    const struct tare_u8_conv_style style = {.prepare = widen_pixels,
                                             .compute = compute_block,
                                             .state = &wide,
                                             .at_once = TARE_U8_CONV_TILES};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
