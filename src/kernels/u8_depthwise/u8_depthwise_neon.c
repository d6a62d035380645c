/* NEON, 16 channels: a tap's bytes are widened to words, and SMLAL multiplies them with
 * its weights, widened once for all pixels of a run. */
#include "kernels/u8_depthwise/u8_depthwise_neon.h"

/* 16 lanes of packed weights as words, tap by tap: [4 * n_quads][16]. */
static void expand_weights(const struct tare_u8_depthwise_run *r, int64_t lane)
{
    const int8_t *weights = weights_of(r, lane);
    int16_t *words = r->expanded;
    for (int64_t q = 0; q < r->n_quads; q++) {
        const int8x16x4_t taps = vld4q_s8(weights);
        for (int64_t i = 0; i < 4; i++, words += LANES) {
            vst1q_s16(words, vmovl_s8(vget_low_s8(taps.val[i])));
            vst1q_s16(words + 8, vmovl_high_s8(taps.val[i]));
        }
        weights += INT64_C(4) * TARE_U8_DEPTHWISE_BLOCK;
    }
}

/* The sums of 16 lanes. */
TARE_ALWAYS_INLINE void sum_taps(const struct tare_u8_depthwise_run *r, int64_t at,
                                 int32x4_t sums[4])
{
    const int16_t *words = r->expanded;
    for (int64_t t = 0; t < r->n_taps; t++, words += LANES) {
        const uint8x16_t x = vld1q_u8(r->taps[t] + at);
        const int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(x)));
        const int16x8_t high = vreinterpretq_s16_u16(vmovl_high_u8(x));
        const int16x8_t w0 = vld1q_s16(words), w1 = vld1q_s16(words + 8);
        sums[0] = vmlal_s16(sums[0], vget_low_s16(low), vget_low_s16(w0));
        sums[1] = vmlal_high_s16(sums[1], low, w0);
        sums[2] = vmlal_s16(sums[2], vget_low_s16(high), vget_low_s16(w1));
        sums[3] = vmlal_high_s16(sums[3], high, w1);
    }
}

static void compute_run(const struct tare_u8_depthwise_run *r)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_neon finish =
        tare_finish_neon(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    for (int64_t lane = 0; lane < r->lanes; lane += LANES) {
        expand_weights(r, lane);
        for (int64_t i = 0; i < r->n_pixels; i++) {
            int32x4_t sums[4];
            TARE_UNROLL
            for (int64_t k = 0; k < 4; k++)
                sums[k] = vld1q_s32(r->acc_init + lane + 4 * k);
            sum_taps(r, i * r->in_step + lane, sums);
            store_pixel(r, &finish, sums, i, lane);
        }
    }
}

void tare_u8_depthwise__neon_u16(const struct tare_u8_conv *p,
                                 const struct tare_u8_conv_data *d, void *scratch,
                                 int64_t begin, int64_t end)
{
    tare_u8_depthwise_walk(p, d, scratch, begin, end, compute_run);
}
