/* kernels/u8_depthwise/u8_depthwise_dot.h - the body of the dotprod and i8mm files, 16
 * channels: four taps are interleaved, so that each 32-bit lane holds one channel's
 * four bytes, whose dot product with its weights is one instruction. The including file
 * defines
 *
 *     DEPTHWISE_NAME       the variant
 *     dot(acc, x, weights) acc += products of 4 channels
 *     IS_SIGNED            true when it takes activations less 128
 */
#include "kernels/u8_depthwise/u8_depthwise_neon.h"

enum { QUAD_BYTES = 4 * TARE_U8_DEPTHWISE_BLOCK, MOST_QUADS = 3 };

/* The weights of four taps of 16 channels. */
TARE_ALWAYS_INLINE int8x16x4_t load_weights(const int8_t *weights)
{
    return (int8x16x4_t){{vld1q_s8(weights), vld1q_s8(weights + 16),
                          vld1q_s8(weights + 32), vld1q_s8(weights + 48)}};
}

TARE_ALWAYS_INLINE uint8x16_t load_tap(const uint8_t *x)
{
    const uint8x16_t v = vld1q_u8(x);
    return IS_SIGNED ? veorq_u8(v, vdupq_n_u8(0x80)) : v;
}

TARE_ALWAYS_INLINE uint8x16_t zip_pairs_low(uint8x16_t a, uint8x16_t b)
{
    return vreinterpretq_u8_u16(
        vzip1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
}

TARE_ALWAYS_INLINE uint8x16_t zip_pairs_high(uint8x16_t a, uint8x16_t b)
{
    return vreinterpretq_u8_u16(
        vzip2q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
}

/* Four taps of 16 channels onto their sums. */
TARE_ALWAYS_INLINE void add_quad(int32x4_t sums[4], const uint8_t *const *taps,
                                 int64_t at, int8x16x4_t w)
{
    const uint8x16_t t0 = load_tap(taps[0] + at), t1 = load_tap(taps[1] + at);
    const uint8x16_t t2 = load_tap(taps[2] + at), t3 = load_tap(taps[3] + at);
    const uint8x16_t low01 = vzip1q_u8(t0, t1), high01 = vzip2q_u8(t0, t1);
    const uint8x16_t low23 = vzip1q_u8(t2, t3), high23 = vzip2q_u8(t2, t3);
    sums[0] = dot(sums[0], zip_pairs_low(low01, low23), w.val[0]);
    sums[1] = dot(sums[1], zip_pairs_high(low01, low23), w.val[1]);
    sums[2] = dot(sums[2], zip_pairs_low(high01, high23), w.val[2]);
    sums[3] = dot(sums[3], zip_pairs_high(high01, high23), w.val[3]);
}

/* What the sums start from. Activations less 128 lack 128 times the weights' sum. */
static inline void start_sums(const struct tare_u8_depthwise_run *r, int64_t lane,
                              int32x4_t start[4])
{
    const uint8x16_t minus_128 = vdupq_n_u8(0x80);
    const int8_t *weights = weights_of(r, lane);
    for (int64_t k = 0; k < 4; k++) {
        int32x4_t missing = vdupq_n_s32(0);
        for (int64_t q = 0; IS_SIGNED && q < r->n_quads; q++)
            missing =
                dot(missing, minus_128, vld1q_s8(weights + QUAD_BYTES * q + 16 * k));
        const uint32x4_t init =
            vreinterpretq_u32_s32(vld1q_s32(r->acc_init + lane + 4 * k));
        start[k] =
            vreinterpretq_s32_u32(vsubq_u32(init, vreinterpretq_u32_s32(missing)));
    }
}

/* @param n_quads  a constant, with all weights in registers; or 0: any number. */
TARE_ALWAYS_INLINE void compute_quads(const struct tare_u8_depthwise_run *r,
                                      const int64_t n_quads)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_neon finish =
        tare_finish_neon(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    for (int64_t lane = 0; lane < r->lanes; lane += LANES) {
        const int8_t *weights = weights_of(r, lane);
        int32x4_t start[4];
        int8x16x4_t w[MOST_QUADS];
        start_sums(r, lane, start);
        TARE_UNROLL
        for (int64_t q = 0; q < n_quads; q++)
            w[q] = load_weights(weights + QUAD_BYTES * q);
        for (int64_t i = 0; i < r->n_pixels; i++) {
            const int64_t at = i * r->in_step + lane;
            int32x4_t sums[4] = {start[0], start[1], start[2], start[3]};
            TARE_UNROLL
            for (int64_t q = 0; q < n_quads; q++)
                add_quad(sums, r->taps + 4 * q, at, w[q]);
            for (int64_t q = n_quads; q < r->n_quads; q++)
                add_quad(sums, r->taps + 4 * q, at,
                         load_weights(weights + QUAD_BYTES * q));
            store_pixel(r, &finish, sums, i, lane);
        }
    }
}

static void compute_run(const struct tare_u8_depthwise_run *r)
{
    if (r->n_quads == MOST_QUADS)
        compute_quads(r, MOST_QUADS);
    else
        compute_quads(r, 0);
}

void DEPTHWISE_NAME(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
                    void *scratch, int64_t begin, int64_t end)
{
    tare_u8_depthwise_walk(p, d, scratch, begin, end, compute_run);
}
