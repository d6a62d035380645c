#include "kernels/u8_conv/u8_conv_scratch.h"

#include <assert.h>

#include "base/mem.h"
#include "kernels/u8_conv/u8_conv_rows.h"
#include "kernels/u8_conv/u8_conv_winograd.h"
#include "kernels/whole.h"

/* Weights in another form, in bytes, that leave room for pixels in a second-level
 * cache. */
#define SLOTS_IN_CACHE (INT64_C(512) * 1024)
/* Widened pixels, in bytes, that are worth being held for all blocks. */
#define HELD_PIXELS (INT64_C(4) * 1024 * 1024)

enum {
    LINE = 64,
    REST_STEPS = 4, /* for each entry of the list there may be */
    ROOM = 64       /* entries, so that small layers have a list */
};

static int64_t spare_pitch(const struct tare_u8_conv_plan *plan)
{
    const int64_t bytes = 2 * (4 * plan->n_segments * plan->n_steps + 16);
    return (ceil_div(bytes, LINE) | 1) * LINE; /* odd: few share a cache's set */
}

static bool spare_by_blocks(const struct tare_u8_conv_plan *plan)
{
    return plan->pixels_inside && plan->window.groups == 1 &&
           plan->n_pixels <= HELD_PIXELS / spare_pitch(plan);
}

static int64_t slot_bytes(const struct tare_u8_conv_plan *plan)
{
    return 2 * plan->block_bytes + TARE_U8_CONV_BLOCK * (int64_t)sizeof(int32_t);
}

/* One where each block is read once, by all pixels, else as many as stay in a
 * second-level cache. */
static int64_t spare_slots(const struct tare_u8_conv_plan *plan)
{
    const int64_t most = spare_by_blocks(plan) ? 1 : SLOTS_IN_CACHE / slot_bytes(plan);
    return clamp_i64(most, 1, min_i64(plan->n_blocks, TARE_U8_CONV_MOST_SLOTS));
}

/* Pixels that there is room for. */
static int64_t spare_held(const struct tare_u8_conv_plan *plan)
{
    return spare_by_blocks(plan) ? plan->n_pixels
                                 : min_i64(plan->n_pixels, TARE_U8_CONV_PITCH);
}

static int64_t spare_rests(const struct tare_u8_conv_plan *plan, int64_t n_pixels)
{
    return plan->n_segments * plan->n_steps * n_pixels / REST_STEPS + ROOM;
}

/* What a variant takes: its pixels, or Winograd's parts. */
static bool spare_bytes(const struct tare_u8_conv_plan *plan,
                        struct tare_u8_conv_scratch *out)
{
    struct tare_u8_winograd winograd = {0};
    const bool patches = tare_u8_winograd(&plan->window, &winograd);
    const int64_t n_pixels = spare_held(plan);
    const bool fits =
        tare_mul_size((size_t)spare_pitch(plan), (size_t)n_pixels,
                      &out->spare_pixels) &&
        tare_align_size((size_t)n_pixels * sizeof(int32_t), &out->spare_starts) &&
        tare_align_size(((size_t)n_pixels + 1) * sizeof(int64_t), &out->spare_firsts) &&
        tare_mul_size((size_t)spare_rests(plan, n_pixels),
                      sizeof(struct tare_u8_conv_rest), &out->spare_rests) &&
        tare_align_size(out->spare_rests, &out->spare_rests) &&
        tare_add_size(out->spare_pixels, out->spare_starts, &out->spare_bytes) &&
        tare_add_size(out->spare_bytes, out->spare_firsts, &out->spare_bytes) &&
        tare_add_size(out->spare_bytes, out->spare_rests, &out->spare_bytes) &&
        tare_add_size(out->spare_bytes, (size_t)(spare_slots(plan) * slot_bytes(plan)),
                      &out->spare_bytes);
    if (fits && patches && winograd.bytes > out->spare_bytes)
        out->spare_bytes = winograd.bytes;
    return fits;
}

bool tare_u8_conv_scratch(const struct tare_u8_conv_plan *plan,
                          struct tare_u8_conv_scratch *out)
{
    const int64_t padding =
        plan->segment_taps > 1 ? plan->segment_bytes : plan->window.in_c;
    const bool copies =
        (plan->segment_taps > 1 && tare_u8_conv_touches_padding(&plan->window)) ||
        (tare_u8_conv_has_even_rows(plan) && !tare_u8_conv_is_one_row(&plan->window));
    *out = (struct tare_u8_conv_scratch){0};
    return tare_align_size((size_t)padding + 3, &out->padding_bytes) &&
           tare_mul_size((size_t)plan->n_segments,
                         TARE_U8_CONV_PITCH * sizeof(uint8_t *), &out->table_bytes) &&
           tare_align_size(out->table_bytes, &out->table_bytes) &&
           (!copies || tare_align_size((size_t)plan->segment_bytes +
                                           (plan->gathers ? TARE_U8_CONV_GATHERED : 3),
                                       &out->copy_bytes)) &&
           tare_mul_size(out->copy_bytes, (size_t)plan->n_segments * TARE_U8_CONV_PITCH,
                         &out->copies_bytes) &&
           spare_bytes(plan, out);
}

bool tare_u8_conv_scratch_bytes(const struct tare_u8_conv *p, size_t *out)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    struct tare_u8_conv_scratch layout;
    size_t total;
    if (!tare_u8_conv_scratch(&plan, &layout) ||
        !tare_add_size(layout.padding_bytes, layout.table_bytes, &total) ||
        !tare_add_size(total, layout.copies_bytes, &total) ||
        !tare_add_size(total, layout.spare_bytes, &total))
        return false;
    *out = total;
    return true;
}

struct tare_u8_conv_spare tare_u8_conv_spare(const struct tare_u8_conv_plan *plan)
{
    struct tare_u8_conv_scratch layout;
    const bool fits = tare_u8_conv_scratch(plan, &layout);
    assert(fits);
    (void)fits;
    return (struct tare_u8_conv_spare){
        .offset = layout.padding_bytes + layout.table_bytes + layout.copies_bytes,
        .pitch = spare_pitch(plan),
        .by_blocks = spare_by_blocks(plan),
        .starts = layout.spare_pixels,
        .firsts = layout.spare_pixels + layout.spare_starts,
        .rests = layout.spare_pixels + layout.spare_starts + layout.spare_firsts,
        .slots = layout.spare_pixels + layout.spare_starts + layout.spare_firsts +
                 layout.spare_rests,
        .slot_bytes = slot_bytes(plan),
        .n_slots = spare_slots(plan),
        .most_rests = spare_rests(plan, spare_held(plan)),
    };
}
