/* AVX2. A pixel block's inputs are limited once for all its channels, so that
 * VPMADDUBSW can multiply them (u8_conv_limit_avx2.h), or widened to 16 bits where too
 * many of them are beyond a limit. Where weights are far, all pixels are one block. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_avx2_few.h"
#include "kernels/u8_conv/u8_conv_limited_avx2.h"
#include "kernels/u8_conv/u8_conv_sums_avx2.h"
#include "kernels/u8_conv/u8_conv_winograd_avx2.h"

/* Where the pixels of a pixel block are, or all of them. */
struct source {
    /* Segments, as a tile of u8_conv_walk.h has them; one of all pixels, at equal
     * distances, where rows is NULL. */
    const uint8_t *const *rows;
    int64_t row_offset;
    const uint8_t *x;
    int64_t stride;
    int64_t n_segments, segment_bytes;
    int64_t n; /* pixels */
};

/* Of weights: as they are packed; plus 128, for int8 inputs; in 16 bits. */
enum form { PACKED, FLIPPED, WIDENED };

struct weights {
    enum form form;
    const int8_t *values; /* of int16_t, widened ones */
    const int32_t *init;  /* what sums start from */
};

/* Their inputs: limited, or, with depth 0, in 16 bits. */
struct inputs {
    uint8_t *pixels;
    int64_t pitch;      /* bytes */
    int64_t n_steps;    /* of all segments */
    int64_t n_channels; /* of a group's outputs */
    struct limit limit;
    int32_t *starts; /* of each pixel's sums */
    int64_t *firsts; /* each pixel's first entry in: */
    struct rests rests;
    /* Blocks of weights in another form, and of each slot the block that it holds, or
     * -1; all in the same form. */
    char *slots;
    int64_t slot_bytes, n_slots;
    int64_t held[TARE_U8_CONV_MOST_SLOTS];
    enum form held_form;
    struct weights weights;     /* of the block at hand */
    const uint8_t *const *rows; /* of the source at hand */
    /* What is read next, to be fetched while a block is computed, if it is that far. */
    const char *next;
    int64_t next_bytes;
};

static uint8_t *pixel_at(const struct inputs *in, int64_t i)
{
    return in->pixels + i * in->pitch;
}

/* The codes of pixel `i`, where they lie or, of several segments, as a copy. */
static const uint8_t *codes_of(const struct source *source, int64_t i, uint8_t *copy)
{
    if (!source->rows) return source->x + i * source->stride;
    const uint8_t *const *row = source->rows + i;
    if (source->n_segments == 1) return row[0] + source->row_offset;
    uint8_t *to = copy;
    for (int64_t s = 0; s < source->n_segments; s++, row += TARE_U8_CONV_PITCH) {
        const uint8_t *x = row[0] + source->row_offset;
        for (int64_t k = 0; k < source->segment_bytes; k += CHUNK / 2, to += CHUNK / 2)
            _mm_storeu_si128((__m128i *)(void *)to, load_half(x + k));
        to -= -source->segment_bytes & (CHUNK / 2 - 1);
    }
    return copy;
}

/* From a few of the pixels. */
static void choose(struct inputs *in, const struct source *source)
{
    int64_t counts[2] = {0, 0};
    const int64_t apart = ceil_div(source->n, SAMPLED_PIXELS);
    int64_t sampled = 0;
    for (int64_t i = 0; i < source->n; i += apart, sampled++)
        count_beyond(&in->limit, codes_of(source, i, in->pixels), in->n_steps, counts);
    in->limit.depth =
        choose_depth(&in->limit, counts, sampled, in->n_steps, in->n_channels);
    /* to flip weights does not pay for a pixel or two */
    if (in->limit.is_signed && source->n < LIMITED_PIXELS) in->limit.depth = 0;
}

static void limit_pixels(struct inputs *in, const struct source *source)
{
    in->rests.n = 0;
    for (int64_t i = 0; i < source->n && in->limit.depth > 0; i++) {
        uint8_t *const to = pixel_at(in, i);
        in->firsts[i] = in->rests.n;
        if (!limit_pixel(&in->limit, codes_of(source, i, to), in->n_steps, to,
                         &in->starts[i], &in->rests))
            in->limit.depth = 0;
    }
    in->firsts[source->n] = in->rests.n;
}

/* n codes become 16 bits, perhaps in place: the last ones first. */
static void widen(const uint8_t *x, int64_t n, int16_t *to)
{
    for (int64_t k = (ceil_div(n, 16) - 1) * 16; k >= 0; k -= 16)
        store(to + k, _mm256_cvtepu8_epi16(load_half(x + k)));
}

static void take_inputs(struct inputs *in, const struct source *source)
{
    in->rows = source->rows;
    choose(in, source);
    limit_pixels(in, source);
    if (in->limit.depth > 0) return;
    for (int64_t i = 0; i < source->n; i++) {
        uint8_t *const to = pixel_at(in, i);
        widen(codes_of(source, i, to), STEP * in->n_steps, (int16_t *)(void *)to);
    }
}

static void take_tile(const struct tare_u8_conv_tile *t)
{
    const struct source source = {.rows = t->rows,
                                  .row_offset = t->row_offset,
                                  .n_segments = t->n_segments,
                                  .segment_bytes = STEP * t->n_steps,
                                  .n = t->n_rows};
    take_inputs(t->state, &source);
}

enum {
    PART_PIXELS = 2 * LIMITED_PIXELS, /* are stored together */
    WIDENED_PIXELS = 2 * PIXELS       /* are worth weights in 16 bits */
};

/* Fetch part `i` of n of what is next into the second-level cache. */
static void fetch_next(const struct inputs *in, int64_t i, int64_t n)
{
    enum { LINE = 64 };
    const int64_t end = in->next_bytes * (i + 1) / n;
    for (int64_t k = in->next_bytes * i / n; k < end; k += LINE)
        __builtin_prefetch(in->next + k, 0, 2);
}

/* The form of weights that the inputs want; it pays for pixels enough. */
static enum form wanted_form(const struct inputs *in, int64_t n_pixels)
{
    if (in->limit.depth > 0) return in->limit.is_signed ? FLIPPED : PACKED;
    return n_pixels >= WIDENED_PIXELS ? WIDENED : PACKED;
}

/* The weights of a tile's block in the form that is wanted. */
static void take_weights(struct inputs *in, const struct tare_u8_conv_tile *t)
{
    const enum form form = wanted_form(in, t->n_rows);
    in->weights = (struct weights){form, t->weights, t->acc_init};
    if (form == PACKED) return;
    if (form != in->held_form)
        for (int64_t i = 0; i < in->n_slots; i++)
            in->held[i] = -1;
    in->held_form = form;
    const int64_t slot = t->block % in->n_slots;
    int32_t *const init = (int32_t *)(void *)(in->slots + slot * in->slot_bytes);
    int8_t *const values = (int8_t *)(init + TARE_U8_CONV_BLOCK);
    in->weights.values = values;
    if (form == FLIPPED) in->weights.init = init;
    if (in->held[slot] == t->block) return;
    in->held[slot] = t->block;
    if (form == FLIPPED)
        flip_weights(t, in->n_steps, in->limit.zero_point, values, init);
    else
        widen_block(t->weights, t->width, in->n_steps, (int16_t *)(void *)values);
}

/* The pixels of a tile that are computed together. */
struct part {
    const struct tare_u8_conv_tile *tile;
    int64_t begin, n;
    int64_t first; /* of all pixels of the inputs */
    _Alignas(32) int32_t sums[PART_PIXELS][TARE_U8_CONV_BLOCK];
};

/* Part `i` of n. */
static void begin_part(struct part *part, const struct tare_u8_conv_tile *t, int64_t i,
                       int64_t n)
{
    const struct inputs *in = t->state;
    part->tile = t;
    part->begin = t->n_rows * i / n;
    part->n = t->n_rows * (i + 1) / n - part->begin;
    part->first = part->begin + (in->rows ? t->rows - in->rows : 0);
    fetch_next(in, i, n);
}

static void sum_part_limited(struct part *part)
{
    const struct tare_u8_conv_tile *t = part->tile;
    const struct inputs *in = t->state;
    for (int64_t i = 0; i < part->n; i += LIMITED_PIXELS) {
        const int64_t first = part->first + i, n = min_i64(LIMITED_PIXELS, part->n - i);
        const struct limited_sums s = {.x = pixel_at(in, first),
                                       .pitch = in->pitch,
                                       .weights = in->weights.values,
                                       .width = t->width,
                                       .n_channels = t->n_channels,
                                       .n_steps = in->n_steps,
                                       .init = in->weights.init,
                                       .starts = in->starts + first,
                                       .sums = part->sums[i]};
        sum_limited(&s, n, &in->limit);
        add_rests(&s, n, &in->limit, &in->rests, in->firsts + first);
    }
}

static void compute_limited(const struct tare_u8_conv_tile *t)
{
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t n = ceil_div(t->n_rows, PART_PIXELS);
    struct part part;
    for (int64_t i = 0; i < n; i++) {
        begin_part(&part, t, i, n);
        sum_part_limited(&part);
        store_pixels(t, &finish, part.sums[0], part.begin, part.n);
    }
}

/* With weights in 16 bits, */
static void sum_part_widened(struct part *part)
{
    const struct tare_u8_conv_tile *t = part->tile;
    const struct inputs *in = t->state;
    struct wide_sums s = {.x = (const int16_t *)(const void *)pixel_at(in, part->first),
                          .pitch = in->pitch / 2,
                          .weights = (const int16_t *)(const void *)in->weights.values,
                          .n_steps = in->n_steps,
                          .stride = TARE_U8_CONV_BLOCK};
    for (int64_t c = 0; c < t->n_channels; c += GROUP) {
        s.init = t->acc_init + c;
        s.sums = &part->sums[0][c];
        if (t->n_channels - c > CHANNELS)
            sum_wide(&s, part->n, 2);
        else
            sum_wide(&s, part->n, 1);
        s.weights += in->n_steps * STEP * GROUP;
    }
}

/* and as they are packed, for `pixels` pixels, a constant. */
TARE_ALWAYS_INLINE void sum_packed_pixels(struct part *part, const int64_t pixels)
{
    const struct tare_u8_conv_tile *t = part->tile;
    const struct inputs *in = t->state;
    const int16_t *x = (const int16_t *)(const void *)pixel_at(in, part->first);
    for (int64_t c = 0; c < t->n_channels; c += CHANNELS)
        sum_steps(x, in->pitch / 2, t->weights + STEP * c, STEP * t->width, in->n_steps,
                  t->acc_init + c, &part->sums[0][c], pixels);
}

static void sum_part_packed(struct part *part)
{
    switch (part->n) {
    case 1: sum_packed_pixels(part, 1); break;
    case 2: sum_packed_pixels(part, 2); break;
    case 3: sum_packed_pixels(part, 3); break;
    case 4: sum_packed_pixels(part, 4); break;
    case 5: sum_packed_pixels(part, 5); break;
    default: sum_packed_pixels(part, PIXELS); break;
    }
}

/* Not in one function with compute_limited(): gcc 12 keeps pointers in memory then. */
static __attribute__((noinline)) void compute_wide(const struct tare_u8_conv_tile *t)
{
    const struct inputs *in = t->state;
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t n = ceil_div(t->n_rows, PIXELS);
    struct part part;
    for (int64_t i = 0; i < n; i++) {
        begin_part(&part, t, i, n);
        if (in->weights.form == WIDENED)
            sum_part_widened(&part);
        else
            sum_part_packed(&part);
        store_pixels(t, &finish, part.sums[0], part.begin, part.n);
    }
}

static void compute_block(const struct tare_u8_conv_tile *t)
{
    struct inputs *in = t->state;
    take_weights(in, t);
    if (in->limit.depth > 0)
        compute_limited(t);
    else
        compute_wide(t);
}

/* The units [begin, end), which are some blocks of channels, for all pixels: these are
 * taken once for all blocks, and each block is read once for all pixels. */
static void compute_channels(struct inputs *in, const struct tare_u8_conv_plan *plan,
                             const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, int64_t begin,
                             int64_t end)
{
    const int64_t n = plan->n_pixel_blocks * plan->n_splits;
    const int64_t first = plan->n_blocks * begin / n, last = plan->n_blocks * end / n;
    if (first == last) return;
    const struct source source = {.x = d->x,
                                  .stride =
                                      plan->window.stride_w * plan->window.in_pitch,
                                  .n_segments = 1,
                                  .segment_bytes = STEP * in->n_steps,
                                  .n = plan->n_pixels};
    take_inputs(in, &source);
    for (int64_t block = first; block < last; block++) {
        struct tare_u8_conv_tile tile = tare_u8_conv_tile_of_block(plan, p, d, block);
        tile.weights = d->weights + tare_u8_conv_block_offset(plan, 0, block);
        tile.n_rows = plan->n_pixels;
        tile.n_steps = in->n_steps;
        tile.state = in;
        const bool is_last = block + 1 == plan->n_blocks;
        in->next = is_last ? d->next : (const char *)tile.weights + plan->block_bytes;
        in->next_bytes = is_last ? (int64_t)d->next_bytes : plan->block_bytes;
        compute_block(&tile);
    }
}

void tare_u8_conv__avx2_4x16(const struct tare_u8_conv *p,
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
    struct inputs inputs = {
        .pixels = (uint8_t *)at,
        .pitch = spare.pitch,
        .n_steps = plan.n_segments * plan.n_steps,
        .n_channels = plan.group_out,
        .limit = limit_of(p->in_zero_point),
        .starts = (int32_t *)(void *)(at + spare.starts),
        .firsts = (int64_t *)(void *)(at + spare.firsts),
        .rests = {(struct tare_u8_conv_rest *)(void *)(at + spare.rests), 0,
                  spare.most_rests},
        .slots = at + spare.slots,
        .slot_bytes = spare.slot_bytes,
        .n_slots = spare.n_slots};
    if (spare.by_blocks) {
        compute_channels(&inputs, &plan, p, d, begin, end);
        return;
    }
    const struct tare_u8_conv_style style = {.prepare = take_tile,
                                             .compute = compute_block,
                                             .state = &inputs,
                                             .at_once = TARE_U8_CONV_TILES};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
