/* NEON: 8 values at a time; zeros, which come in runs, are squeezed out by hand. */
#include <arm_neon.h>

#include "kernels/f32_observe/f32_observe.h"
#include "kernels/f32_observe/f32_observe_tally.h"

/* The extremes of n values, a multiple of 4. */
static void find_extremes(const float *x, size_t n,
                          struct tare_observe_extremes *extremes)
{
    int32x4_t low = vdupq_n_s32(INT32_MAX), high = vdupq_n_s32(INT32_MIN);
    for (size_t i = 0; i < n; i += 4) {
        const int32x4_t bits = vreinterpretq_s32_f32(vld1q_f32(x + i));
        const uint32x4_t magnitude = vshrq_n_u32(
            vreinterpretq_u32_s32(vshrq_n_s32(bits, 31)), 1); /* of negatives */
        const int32x4_t ordinal = veorq_s32(bits, vreinterpretq_s32_u32(magnitude));
        low = vminq_s32(low, ordinal);
        high = vmaxq_s32(high, ordinal);
    }
    extremes->low = vminvq_s32(low);
    extremes->high = vmaxvq_s32(high);
}

/* The scale in vectors. */
struct parts {
    float32x4_t cut, boost, negative, lower, upper;
};

/* The bins of 4 values, each with its part's base. */
static inline uint16x4_t make_indexes(const struct parts *p, float32x4_t x)
{
    const uint32x4_t below = vcltzq_f32(x), above = vcgeq_f32(x, p->cut);
    const uint32x4_t lower =
        vdupq_n_u32((uint32_t)TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS);
    const uint32x4_t upper =
        vdupq_n_u32((uint32_t)TARE_OBSERVE_UPPER * TARE_OBSERVE_BINS);
    const float32x4_t factor =
        vbslq_f32(above, p->upper, vbslq_f32(below, p->negative, p->lower));
    const uint32x4_t base = vbslq_u32(above, upper, vbicq_u32(lower, below));
    const float32x4_t bin = vmulq_f32(vmulq_f32(vabsq_f32(x), factor), p->boost);
    return vmovn_u32(vaddq_u32(vcvtq_u32_f32(bin), base));
}

/* The indexes of the 8 values at x but for zeros; returns how many. */
static inline size_t squeeze(uint16_t *out, const struct parts *p, const float *x)
{
    const float32x4_t x0 = vld1q_f32(x), x1 = vld1q_f32(x + 4);
    const uint16x8_t index = vcombine_u16(make_indexes(p, x0), make_indexes(p, x1));
    const uint16x8_t zeros =
        vcombine_u16(vmovn_u32(vceqzq_f32(x0)), vmovn_u32(vceqzq_f32(x1)));
    vst1q_u16(out, index);
    if (vmaxvq_u16(zeros) == 0) return 8;
    uint16_t all[8], is_zero[8];
    size_t n = 0;
    vst1q_u16(all, index);
    vst1q_u16(is_zero, zeros);
    for (size_t i = 0; i < 8; i++) {
        out[n] = all[i];
        n += is_zero[i] == 0;
    }
    return n;
}

static bool observe_block(const float *x, size_t n,
                          const struct tare_observe_scale *scale, uint32_t *counts,
                          struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    const size_t whole = n / 8 * 8;
    float rest[8];
    for (size_t i = 0; i < 8; i++) /* repeats the first value: harmless to extremes */
        rest[i] = whole + i < n ? x[whole + i] : x[0];
    struct tare_observe_extremes of_rest;
    find_extremes(x, whole, extremes);
    find_extremes(rest, 8, &of_rest);
    if (of_rest.low < extremes->low) extremes->low = of_rest.low;
    if (of_rest.high > extremes->high) extremes->high = of_rest.high;
    if (extremes->low < scale->low || extremes->high > scale->high) return false;

    const struct parts p = {vdupq_n_f32(scale->cut), vdupq_n_f32(scale->boost),
                            vdupq_n_f32(scale->factor[TARE_OBSERVE_NEGATIVE]),
                            vdupq_n_f32(scale->factor[TARE_OBSERVE_LOWER]),
                            vdupq_n_f32(scale->factor[TARE_OBSERVE_UPPER])};
    *n_zeros = 0;
    for (size_t i = 0; i < whole; i += TALLY_VALUES) {
        const size_t end = whole - i < TALLY_VALUES ? whole : i + TALLY_VALUES;
        uint16_t indexes[TALLY_VALUES + TALLY_SLACK];
        size_t m = 0;
        for (size_t k = i; k < end; k += 8)
            m += squeeze(indexes + m, &p, x + k);
        *n_zeros += end - i - m;
        tally(indexes, m, counts);
    }
    if (whole == n) return true;
    (void)tare_f32_observe__ref(x + whole, n - whole, scale, counts, &of_rest, n_zeros);
    return true;
}

size_t tare_f32_observe__neon_u8(const float *x, size_t n,
                                 const struct tare_observe_scale *scale,
                                 uint32_t *counts,
                                 struct tare_observe_extremes *extremes,
                                 size_t *n_zeros)
{
    return observe_blocks(observe_block, x, n, scale, counts, extremes, n_zeros);
}
