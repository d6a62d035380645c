/* AVX2, 4 pixels x 16 channels. VPMADDUBSW would saturate, so the bytes of a step are
 * taken apart: the even and the odd ones of activations and of weights become 16-bit
 * lanes, and VPMADDWD multiplies and adds them in pairs without loss. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_avx2.h"
#include "kernels/unroll.h"

enum { ROWS = 4, COLUMNS = 16 };

TARE_ALWAYS_INLINE __m256i broadcast4(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

TARE_ALWAYS_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* The sums of the pixels [first, first + rows), a constant number, for the 16 channels
 * from `channel` on. */
TARE_ALWAYS_INLINE void accumulate(const struct tare_u8_conv_tile *t, int64_t first,
                                   const int64_t rows, int64_t channel,
                                   __m256i sums[ROWS][2])
{
    const __m256i low_bytes = _mm256_set1_epi16(0x00ff);
    __m256i acc[ROWS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        acc[i][0] = load(t->acc_init + channel);
        acc[i][1] = load(t->acc_init + channel + 8);
    }
    const int8_t *weights = t->weights + 4 * channel;
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *row = t->rows + s * TARE_U8_CONV_PITCH + first;
        const int64_t end = t->row_offset + 4 * t->n_steps;
        for (int64_t k = t->row_offset; k < end; k += 4, weights += 4 * t->width) {
            const __m256i w0 = load(weights), w1 = load(weights + 32);
            const __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(w0, 8), 8);
            const __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(w1, 8), 8);
            const __m256i odd0 = _mm256_srai_epi16(w0, 8);
            const __m256i odd1 = _mm256_srai_epi16(w1, 8);
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                const __m256i x = broadcast4(row[i] + k);
                const __m256i even = _mm256_and_si256(x, low_bytes);
                const __m256i odd = _mm256_srli_epi16(x, 8);
                acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(even, even0));
                acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(even, even1));
                acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(odd, odd0));
                acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(odd, odd1));
            }
        }
    }
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        sums[i][0] = acc[i][0];
        sums[i][1] = acc[i][1];
    }
}

/* The epilogue of 8 channels of one pixel, up to the clamp. */
static inline __m256 scale8(const struct tare_u8_conv_tile *t, __m256i acc,
                            int64_t pixel, int64_t channel)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    const __m256 v = _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc),
                                     _mm256_loadu_ps(t->multiplier + channel),
                                     _mm256_loadu_ps(t->bias + channel));
    if (!t->residual) return v;
    const __m256i zero_point = _mm256_set1_epi32(e->residual_zero_point);
    const uint8_t *residual = t->residual + pixel * t->residual_stride + channel;
    return _mm256_fmadd_ps(tare_real8_avx2(residual, zero_point),
                           _mm256_set1_ps(e->residual_scale), v);
}

/* 16 channels of one pixel from their sums to memory. */
static inline void store_row(const struct tare_u8_conv_tile *t,
                             const struct tare_finish_avx2 *finish,
                             const __m256i acc[2], int64_t pixel, int64_t channel)
{
    const int64_t at = pixel * t->pixel_stride + channel;
    __m256 v0 = scale8(t, acc[0], pixel, channel);
    __m256 v1 = scale8(t, acc[1], pixel, channel + 8);
    if (t->epilogue->negative_slope != 1.0f) {
        v0 = tare_slope_avx2(finish, v0);
        v1 = tare_slope_avx2(finish, v1);
    }
    tare_finish16_avx2(finish, v0, v1, t->y_u8, t->y_f32, at, t->n_channels - channel);
}

static void compute_tile(const struct tare_u8_conv_tile *t)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    const struct tare_finish_avx2 finish =
        tare_finish_avx2(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const int64_t parts = (t->n_rows + ROWS - 1) / ROWS;
    for (int64_t channel = 0; channel < t->n_channels; channel += COLUMNS) {
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = t->n_rows * part / parts;
            const int64_t rows = t->n_rows * (part + 1) / parts - first;
            __m256i sums[ROWS][2];
            switch (rows) {
            case 1: accumulate(t, first, 1, channel, sums); break;
            case 2: accumulate(t, first, 2, channel, sums); break;
            case 3: accumulate(t, first, 3, channel, sums); break;
            default: accumulate(t, first, 4, channel, sums); break;
            }
            for (int64_t i = 0; i < rows; i++)
                store_row(t, &finish, sums[i], first + i, channel);
        }
    }
}

void tare_u8_conv__avx2_4x16(const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, void *scratch,
                             int64_t begin, int64_t end)
{
    tare_u8_conv_walk(p, d, scratch, begin, end, compute_tile);
}
