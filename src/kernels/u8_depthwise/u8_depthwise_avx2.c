/* AVX2, 16 channels: taps are widened to 16 bits and taken in pairs by VPMADDWD. Packed
 * weights hold four taps a channel, so the pairs are taps 0 and 2, and taps 1 and 3.
 * Usual windows go over whole rows instead, see u8_depthwise_rows_avx2.h. */
#include <immintrin.h>

#include "kernels/u8_depthwise/u8_depthwise_rows_avx2.h"

enum { LANES = 16 };

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* 16 lanes of packed weights as words, in the order that unpacking makes of
 * activations: [n_quads][low even, low odd, high even, high odd][16]. */
static void expand_weights(const struct tare_u8_depthwise_run *r, int64_t lane)
{
    const int8_t *weights =
        r->weights +
        lane / TARE_U8_DEPTHWISE_BLOCK * TARE_U8_DEPTHWISE_BLOCK * 4 * r->n_quads +
        lane % TARE_U8_DEPTHWISE_BLOCK * 4;
    for (int64_t q = 0; q < r->n_quads; q++) {
        const __m256i w0 = load(weights), w1 = load(weights + 32);
        const __m256i low = _mm256_permute2x128_si256(w0, w1, 0x20);
        const __m256i high = _mm256_permute2x128_si256(w0, w1, 0x31);
        __m256i *words = (__m256i *)(void *)(r->expanded + 64 * q);
        words[0] = _mm256_srai_epi16(_mm256_slli_epi16(low, 8), 8);
        words[1] = _mm256_srai_epi16(low, 8);
        words[2] = _mm256_srai_epi16(_mm256_slli_epi16(high, 8), 8);
        words[3] = _mm256_srai_epi16(high, 8);
        weights += INT64_C(4) * TARE_U8_DEPTHWISE_BLOCK;
    }
}

static inline __m256i widen(const uint8_t *x)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)x));
}

/* The sums of 16 lanes, in two vectors of 8. */
static inline void sum_taps(const struct tare_u8_depthwise_run *r, int64_t at,
                            __m256i sums[2])
{
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int64_t q = 0; q < r->n_quads; q++) {
        const uint8_t *const *taps = r->taps + 4 * q;
        const __m256i *words = (const __m256i *)(const void *)(r->expanded + 64 * q);
        const __m256i t0 = widen(taps[0] + at), t1 = widen(taps[1] + at);
        const __m256i t2 = widen(taps[2] + at), t3 = widen(taps[3] + at);
        const __m256i low_even =
            _mm256_madd_epi16(_mm256_unpacklo_epi16(t0, t2), words[0]);
        const __m256i low_odd =
            _mm256_madd_epi16(_mm256_unpacklo_epi16(t1, t3), words[1]);
        const __m256i high_even =
            _mm256_madd_epi16(_mm256_unpackhi_epi16(t0, t2), words[2]);
        const __m256i high_odd =
            _mm256_madd_epi16(_mm256_unpackhi_epi16(t1, t3), words[3]);
        low = _mm256_add_epi32(low, _mm256_add_epi32(low_even, low_odd));
        high = _mm256_add_epi32(high, _mm256_add_epi32(high_even, high_odd));
    }
    sums[0] = _mm256_permute2x128_si256(low, high, 0x20);
    sums[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

/* The epilogue of 8 lanes of one pixel, up to the clamp; `residual` is theirs, or NULL.
 */
static inline __m256 scale8(const struct tare_u8_depthwise_run *r, __m256i sum,
                            int64_t lane, const uint8_t *residual)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const __m256i acc = _mm256_add_epi32(sum, load(r->acc_init + lane));
    const __m256 v =
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(r->multiplier + lane),
                        _mm256_loadu_ps(r->bias + lane));
    if (!residual) return v;
    const __m256i zero_point = _mm256_set1_epi32(e->residual_zero_point);
    return _mm256_fmadd_ps(tare_real8_avx2(residual, zero_point),
                           _mm256_set1_ps(e->residual_scale), v);
}

static void compute_run(const struct tare_u8_depthwise_run *r)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_avx2 finish =
        tare_finish_avx2(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const bool has_slope = e->negative_slope != 1.0f;
    for (int64_t lane = 0; lane < r->lanes; lane += LANES) {
        expand_weights(r, lane);
        for (int64_t i = 0; i < r->n_pixels; i++) {
            const int64_t at = i * r->out_step + lane;
            uint8_t copy[LANES];
            const uint8_t *residual =
                r->residual
                    ? tare_residual_avx2(r->residual + i * r->residual_step + lane,
                                         r->lanes - lane, LANES, copy)
                    : NULL;
            __m256i sums[2];
            sum_taps(r, i * r->in_step + lane, sums);
            __m256 v0 = scale8(r, sums[0], lane, residual);
            __m256 v1 = scale8(r, sums[1], lane + 8, residual ? residual + 8 : NULL);
            if (has_slope) {
                v0 = tare_slope_avx2(&finish, v0);
                v1 = tare_slope_avx2(&finish, v1);
            }
            tare_finish16_avx2(&finish, v0, v1, r->y_u8, r->y_f32, at, r->lanes - lane);
        }
    }
}

#define ROWS(side, stride)                                                             \
    static void compute_##side##_by_##stride(const struct tare_u8_depthwise_rows *r)   \
    {                                                                                  \
        compute_rows(r, (struct rows_shape){side, stride});                            \
    }                                                                                  \
    static void pair_##side##_by_##stride(const int8_t *weights, int64_t channels,     \
                                          int64_t block_bytes, int16_t *to)            \
    {                                                                                  \
        pair_weights(weights, channels, block_bytes, to,                               \
                     (struct rows_shape){side, stride});                               \
    }
ROWS(3, 1)
ROWS(3, 2)
ROWS(5, 1)
ROWS(5, 2)

/* How whole rows are computed. */
struct rows_kernel {
    int64_t side, stride;
    tare_u8_depthwise_rows_fn *compute;
    void (*pair_weights)(const int8_t *weights, int64_t channels, int64_t block_bytes,
                         int16_t *to);
};

/* NULL where they cannot be. */
static const struct rows_kernel *rows_kernel(const struct tare_u8_conv *p)
{
    static const struct rows_kernel kernels[] = {
        {3, 1, compute_3_by_1, pair_3_by_1},
        {3, 2, compute_3_by_2, pair_3_by_2},
        {5, 1, compute_5_by_1, pair_5_by_1},
        {5, 2, compute_5_by_2, pair_5_by_2},
    };
    const struct tare_window *w = &p->window;
    const struct tare_u8_epilogue *e = &p->epilogue;
    const bool plain = !e->has_residual && !e->out_f32 && e->negative_slope == 1.0f;
    if (!plain || w->kernel_h != w->kernel_w || w->dilation_h != 1 ||
        w->dilation_w != 1)
        return NULL;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i].side == w->kernel_w && kernels[i].stride == w->stride_w)
            return &kernels[i];
    return NULL;
}

void tare_u8_depthwise__avx2_u16(const struct tare_u8_conv *p,
                                 const struct tare_u8_conv_data *d, void *scratch,
                                 int64_t begin, int64_t end)
{
    const struct rows_kernel *rows = rows_kernel(p);
    if (!rows) {
        tare_u8_depthwise_walk(p, d, scratch, begin, end, compute_run);
        return;
    }
    const struct tare_u8_depthwise_plan plan = tare_u8_depthwise_plan(p);
    rows->pair_weights(d->weights, plan.channels, tare_u8_depthwise_block_bytes(&plan),
                       tare_u8_depthwise_wide(p, scratch).weights);
    tare_u8_depthwise_walk_rows(p, d, scratch, begin, end, rows->compute);
}
