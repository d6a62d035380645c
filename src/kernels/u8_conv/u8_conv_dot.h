/* kernels/u8_conv/u8_conv_dot.h - the body of the dotprod and i8mm files, 7 pixels x 8
 * channels: 16 bytes of each pixel are four steps, whose dot products with four
 * channels' weights an instruction by lane takes, one step at a time. The including
 * file defines
 *
 *     CONV_NAME                    the variant
 *     dot(acc, weights, x, lane)   acc += products of 4 channels and step `lane` of x
 *     IS_SIGNED                    true when it takes activations less 128
 */
#include <string.h>

#include "kernels/u8_conv/u8_conv_neon.h"

enum { ROWS = 7 };

TARE_ALWAYS_INLINE uint8x16_t activations(uint8x16_t x)
{
    return IS_SIGNED ? veorq_u8(x, vdupq_n_u8(0x80)) : x;
}

/* A register tile. */
struct tile {
    struct sums sums[ROWS];
    struct sums missing;
};

/* One step: `lane` of every pixel's x. All of it is constant but for the data. */
#define STEP(tile, weights, x, lane, rows, adds_missing)                               \
    do {                                                                               \
        const int8x16_t w0_ = vld1q_s8(weights), w1_ = vld1q_s8((weights) + 16);       \
        TARE_UNROLL                                                                    \
        for (int64_t i_ = 0; i_ < (rows); i_++) {                                      \
            (tile).sums[i_].low = dot((tile).sums[i_].low, w0_, (x)[i_], lane);        \
            (tile).sums[i_].high = dot((tile).sums[i_].high, w1_, (x)[i_], lane);      \
        }                                                                              \
        if (adds_missing) {                                                            \
            const uint8x16_t minus_128_ = vdupq_n_u8(0x80);                            \
            (tile).missing.low = dot((tile).missing.low, w0_, minus_128_, 0);          \
            (tile).missing.high = dot((tile).missing.high, w1_, minus_128_, 0);        \
        }                                                                              \
    } while (0)

/* Where the weights of a step, and of the next, are. */
struct weights {
    const int8_t *at;
    int64_t step;
};

/* The steps of one segment: four at a time, and the rest. */
TARE_ALWAYS_INLINE struct weights segment(struct tile *tile, const uint8_t *const *row,
                                          int64_t offset, int64_t n_steps,
                                          struct weights w, const int64_t rows,
                                          const bool adds_missing)
{
    uint8x16_t x[ROWS];
    int64_t k = 0;
    for (; k + 4 <= n_steps; k += 4, w.at += 4 * w.step) {
        TARE_UNROLL
        for (int64_t i = 0; i < rows; i++)
            x[i] = activations(vld1q_u8(row[i] + offset + 4 * k));
        STEP(*tile, w.at, x, 0, rows, adds_missing);
        STEP(*tile, w.at + w.step, x, 1, rows, adds_missing);
        STEP(*tile, w.at + 2 * w.step, x, 2, rows, adds_missing);
        STEP(*tile, w.at + 3 * w.step, x, 3, rows, adds_missing);
    }
    for (; k < n_steps; k++, w.at += w.step) {
        TARE_UNROLL
        for (int64_t i = 0; i < rows; i++) {
            uint32_t four;
            memcpy(&four, row[i] + offset + 4 * k, sizeof four);
            x[i] = activations(vreinterpretq_u8_u32(vdupq_n_u32(four)));
        }
        STEP(*tile, w.at, x, 0, rows, adds_missing);
    }
    return w;
}

TARE_ALWAYS_INLINE void accumulate(const struct tare_u8_conv_tile *t, int64_t first,
                                   int64_t channel, struct sums *sums,
                                   struct sums *missing, const int64_t rows,
                                   const bool adds_missing)
{
    struct tile tile = {.missing = {vdupq_n_s32(0), vdupq_n_s32(0)}};
    struct weights w = {t->weights + 4 * channel, 4 * t->width};
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++)
        tile.sums[i] = (struct sums){vld1q_s32(t->acc_init + channel),
                                     vld1q_s32(t->acc_init + channel + 4)};
    for (int64_t s = 0; s < t->n_segments; s++)
        w = segment(&tile, t->rows + s * TARE_U8_CONV_PITCH + first, t->row_offset,
                    t->n_steps, w, rows, adds_missing);
    if (adds_missing) *missing = tile.missing;
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        sums[i] = tile.sums[i];
        if (!IS_SIGNED) continue;
        sums[i].low = sub_wrapping(sums[i].low, missing->low);
        sums[i].high = sub_wrapping(sums[i].high, missing->high);
    }
}

#define ACCUMULATE(n)                                                                  \
    static void first_##n(const struct tare_u8_conv_tile *t, int64_t first,            \
                          int64_t channel, struct sums *sums, struct sums *missing)    \
    {                                                                                  \
        accumulate(t, first, channel, sums, missing, n, IS_SIGNED);                    \
    }                                                                                  \
    static void next_##n(const struct tare_u8_conv_tile *t, int64_t first,             \
                         int64_t channel, struct sums *sums, struct sums *missing)     \
    {                                                                                  \
        accumulate(t, first, channel, sums, missing, n, false);                        \
    }
ACCUMULATE(1)
ACCUMULATE(2)
ACCUMULATE(3)
ACCUMULATE(4)
ACCUMULATE(5)
ACCUMULATE(6)
ACCUMULATE(7)

static void compute_tile(const struct tare_u8_conv_tile *t)
{
    static accumulate_fn *const by_rows[ROWS][2] = {
        {first_1, next_1}, {first_2, next_2}, {first_3, next_3}, {first_4, next_4},
        {first_5, next_5}, {first_6, next_6}, {first_7, next_7}};
    compute_parts(t, by_rows, ROWS);
}

void CONV_NAME(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
               void *scratch, int64_t begin, int64_t end)
{
    const struct tare_u8_conv_style style = {.compute = compute_tile};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
