/* NEON without dot products, 4 pixels x 8 channels: SMULL multiplies the signed bytes
 * of two channels' steps to words, and SADALP adds these in pairs without loss. */
#include <string.h>

#include "kernels/u8_conv/u8_conv_neon.h"

enum { ROWS = 4 };

/* Sums of 8 channels that are still in two parts each. */
struct halves {
    int32x4_t part[4];
};

TARE_ALWAYS_INLINE void add_products(struct halves *acc, int8x16_t w0, int8x16_t w1,
                                     int8x8_t x)
{
    acc->part[0] = vpadalq_s16(acc->part[0], vmull_s8(vget_low_s8(w0), x));
    acc->part[1] = vpadalq_s16(acc->part[1], vmull_s8(vget_high_s8(w0), x));
    acc->part[2] = vpadalq_s16(acc->part[2], vmull_s8(vget_low_s8(w1), x));
    acc->part[3] = vpadalq_s16(acc->part[3], vmull_s8(vget_high_s8(w1), x));
}

TARE_ALWAYS_INLINE struct sums join(const struct halves *acc)
{
    return (struct sums){vpaddq_s32(acc->part[0], acc->part[1]),
                         vpaddq_s32(acc->part[2], acc->part[3])};
}

TARE_ALWAYS_INLINE void accumulate(const struct tare_u8_conv_tile *t, int64_t first,
                                   int64_t channel, struct sums *sums,
                                   struct sums *missing, const int64_t rows,
                                   const bool adds_missing)
{
    const uint32x2_t flip = vdup_n_u32(UINT32_C(0x80808080));
    const int8x8_t minus_128 = vreinterpret_s8_u32(flip);
    const struct halves zero = {
        {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}};
    struct halves acc[ROWS], of_weights = zero;
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++)
        acc[i] = zero;
    const int8_t *weights = t->weights + 4 * channel;
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *row = t->rows + s * TARE_U8_CONV_PITCH + first;
        const int64_t end = t->row_offset + 4 * t->n_steps;
        for (int64_t k = t->row_offset; k < end; k += 4, weights += 4 * t->width) {
            const int8x16_t w0 = vld1q_s8(weights), w1 = vld1q_s8(weights + 16);
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                uint32_t four;
                memcpy(&four, row[i] + k, sizeof four);
                const uint32x2_t x = veor_u32(vdup_n_u32(four), flip);
                add_products(&acc[i], w0, w1, vreinterpret_s8_u32(x));
            }
            if (adds_missing) add_products(&of_weights, w0, w1, minus_128);
        }
    }
    if (adds_missing) *missing = join(&of_weights);
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        const struct sums own = join(&acc[i]);
        const int32x4_t init0 = vld1q_s32(t->acc_init + channel);
        const int32x4_t init1 = vld1q_s32(t->acc_init + channel + 4);
        sums[i].low = add_wrapping(init0, sub_wrapping(own.low, missing->low));
        sums[i].high = add_wrapping(init1, sub_wrapping(own.high, missing->high));
    }
}

#define ACCUMULATE(n)                                                                  \
    static void first_##n(const struct tare_u8_conv_tile *t, int64_t first,            \
                          int64_t channel, struct sums *sums, struct sums *missing)    \
    {                                                                                  \
        accumulate(t, first, channel, sums, missing, n, true);                         \
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

static void compute_tile(const struct tare_u8_conv_tile *t)
{
    static accumulate_fn *const by_rows[ROWS][2] = {
        {first_1, next_1}, {first_2, next_2}, {first_3, next_3}, {first_4, next_4}};
    compute_parts(t, by_rows, ROWS);
}

void tare_u8_conv__neon_4x8(const struct tare_u8_conv *p,
                            const struct tare_u8_conv_data *d, void *scratch,
                            int64_t begin, int64_t end)
{
    const struct tare_u8_conv_style style = {.compute = compute_tile};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
