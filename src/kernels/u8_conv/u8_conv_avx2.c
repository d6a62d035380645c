/* AVX2, in tiles of u8_conv_sums_avx2.h. A pixel block's pixels are widened once, for
 * all its channels; so are weights, if there are pixels enough, as many blocks of them
 * as there are slots for. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_avx2_few.h"
#include "kernels/u8_conv/u8_conv_sums_avx2.h"
#include "kernels/u8_conv/u8_conv_winograd_avx2.h"
#include "kernels/whole.h"

/* What is widened: the pixels of a pixel block, all segments behind each other, and
 * blocks of channels. */
struct wide {
    const uint8_t *const *rows; /* the pixels come from this table */
    int64_t pitch;              /* from one pixel to the next */
    int16_t *pixels;
    int64_t n_steps; /* of all segments */
    int16_t *weights;
    int64_t n_slots;                       /* 0: weights are not widened ahead */
    int64_t held[TARE_U8_CONV_MOST_SLOTS]; /* the block in each slot, or -1 */
};

/* The pixels of a tile that are computed together. */
struct part {
    const struct tare_u8_conv_tile *tile;
    int64_t first, n; /* pixels */
    const int16_t *x; /* of the first one, where the tile's segments begin */
    int64_t pitch, n_steps;
    const int16_t *weights; /* NULL: the tile's */
    int64_t group;          /* of 16 channels: how many weights */
    _Alignas(32) int32_t sums[PIXELS][TARE_U8_CONV_BLOCK];
};

static void widen_pixels(const struct tare_u8_conv_tile *t)
{
    struct wide *wide = t->state;
    const int64_t segment_bytes = STEP * t->n_steps;
    wide->rows = t->rows;
    for (int64_t i = 0; i < t->n_rows; i++) {
        int16_t *to = wide->pixels + i * wide->pitch;
        for (int64_t s = 0; s < t->n_segments; s++, to += segment_bytes) {
            const uint8_t *x = t->rows[s * TARE_U8_CONV_PITCH + i] + t->row_offset;
            for (int64_t k = 0; k < segment_bytes; k += 16)
                store(to + k, _mm256_cvtepu8_epi16(load16(x + k)));
        }
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

/* The widened weights of a tile, `skipped` steps of which come before it. */
static const int16_t *weights_of(struct wide *wide, const struct tare_u8_conv_tile *t,
                                 int64_t skipped)
{
    if (wide->n_slots == 0) return NULL;
    const int64_t slot = t->block % wide->n_slots;
    int16_t *weights = wide->weights + slot * wide->n_steps * STEP * TARE_U8_CONV_BLOCK;
    if (wide->held[slot] != t->block)
        widen_block(t->weights - skipped * STEP * t->width, t->width, wide->n_steps,
                    weights);
    wide->held[slot] = t->block;
    return weights + skipped * STEP * GROUP;
}

/* The sums of a part, of `rows` pixels, a constant. */
TARE_ALWAYS_INLINE void sum_wide(struct part *part, const int64_t rows)
{
    const struct tare_u8_conv_tile *t = part->tile;
    const int16_t *w = part->weights;
    for (int64_t c = 0; c < t->n_channels; c += GROUP, w += part->group) {
        if (t->n_channels - c > CHANNELS)
            sum_pairs(part->x, part->pitch, w, 2 * part->n_steps, t->acc_init + c,
                      &part->sums[0][c], TARE_U8_CONV_BLOCK, rows, 2);
        else
            sum_pairs(part->x, part->pitch, w, 2 * part->n_steps, t->acc_init + c,
                      &part->sums[0][c], TARE_U8_CONV_BLOCK, rows, 1);
    }
}

TARE_ALWAYS_INLINE void sum_bytes(struct part *part, const int64_t rows)
{
    const struct tare_u8_conv_tile *t = part->tile;
    for (int64_t c = 0; c < t->n_channels; c += CHANNELS)
        sum_steps(part->x, part->pitch, t->weights + STEP * c, STEP * t->width,
                  part->n_steps, t->acc_init + c, &part->sums[0][c], rows);
}

TARE_ALWAYS_INLINE void sum_up(struct part *part, const int64_t rows)
{
    if (part->weights)
        sum_wide(part, rows);
    else
        sum_bytes(part, rows);
}

/* The bytes of a part's pixels, 8 * `vectors` channels each, of which n_channels are
 * stored. */
TARE_ALWAYS_INLINE void store_bytes(const struct part *part,
                                    const struct tare_finish_avx2 *finish,
                                    const int vectors)
{
    /* stores to y cannot change copies */
    const struct tare_u8_conv_tile t = *part->tile;
    const struct tare_finish_avx2 f = *finish;
    uint8_t *y = t.y_u8 + part->first * t.pixel_stride;
    for (int64_t i = 0; i < part->n; i++, y += t.pixel_stride) {
        const __m256i bytes =
            bytes_of_row(&t, &f, part->sums[i], part->first + i, vectors);
        if (t.n_channels == 8 * vectors && vectors == 4) {
            store(y, bytes);
        } else if (t.n_channels == 8 * vectors) {
            _mm_storeu_si128((__m128i *)(void *)y, _mm256_castsi256_si128(bytes));
        } else {
            uint8_t all[TARE_U8_CONV_BLOCK];
            store(all, bytes);
            memcpy(y, all, (size_t)t.n_channels);
        }
    }
}

static void store_part(const struct part *part, const struct tare_finish_avx2 *finish)
{
    const struct tare_u8_conv_tile *t = part->tile;
    if (t->y_u8 && t->width == TARE_U8_CONV_NARROW) {
        store_bytes(part, finish, 2);
    } else if (t->y_u8) {
        store_bytes(part, finish, 4);
    } else {
        for (int64_t i = 0; i < part->n; i++)
            for (int64_t c = 0; c < t->n_channels; c += 16)
                store_row(t, finish, load(&part->sums[i][c]),
                          load(&part->sums[i][c + 8]), part->first + i, c);
    }
}

static void compute_block(const struct tare_u8_conv_tile *t)
{
    struct wide *wide = t->state;
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t skipped = t->rows - wide->rows; /* segments and pixels */
    const int64_t steps = skipped / TARE_U8_CONV_PITCH * t->n_steps;
    const int16_t *x = wide->pixels + skipped % TARE_U8_CONV_PITCH * wide->pitch;
    struct part part; /* all but the sums: */
    part.tile = t;
    part.pitch = wide->pitch;
    part.n_steps = t->n_segments * t->n_steps;
    part.weights = weights_of(wide, t, steps);
    part.group = wide->n_steps * STEP * GROUP;
    const int64_t parts = ceil_div(t->n_rows, PIXELS);
    for (int64_t i = 0; i < parts; i++) {
        part.first = t->n_rows * i / parts;
        part.n = t->n_rows * (i + 1) / parts - part.first;
        part.x = x + part.first * wide->pitch + STEP * steps;
        switch (part.n) {
        case 1: sum_up(&part, 1); break;
        case 2: sum_up(&part, 2); break;
        case 3: sum_up(&part, 3); break;
        case 4: sum_up(&part, 4); break;
        case 5: sum_up(&part, 5); break;
        default: sum_up(&part, 6); break;
        }
        store_part(&part, &finish);
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
    const struct tare_u8_conv_spare spare = tare_u8_conv_spare(&plan);
    char *const at = (char *)scratch + spare.offset;
    struct tare_u8_winograd winograd;
    if (tare_u8_winograd(&p->window, &winograd)) {
        compute_patches(&(struct winograd_call){&winograd, &plan, p, d, at}, begin,
                        end);
        return;
    }
    struct wide wide = {.pitch = spare.pitch,
                        .pixels = (int16_t *)(void *)at,
                        .n_steps = plan.n_segments * plan.n_steps,
                        .weights = (int16_t *)(void *)(at + spare.weights),
                        .n_slots = spare.n_slots};
    for (int64_t i = 0; i < spare.n_slots; i++)
        wide.held[i] = -1;
    const struct tare_u8_conv_style style = {.prepare = widen_pixels,
                                             .compute = compute_block,
                                             .state = &wide,
                                             .at_once = TARE_U8_CONV_TILES};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
