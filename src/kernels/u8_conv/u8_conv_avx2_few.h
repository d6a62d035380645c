/* kernels/u8_conv/u8_conv_avx2_few.h - segments of a few bytes, as grouped convolutions
 * have them, for which it does not pay to widen pixels ahead. Private to
 * u8_conv_avx2.c. The bytes of a step are taken apart in registers: the even and the
 * odd ones of pixels and of weights become 16-bit lanes. */
#ifndef TARE_KERNELS_U8_CONV_AVX2_FEW_H
#define TARE_KERNELS_U8_CONV_AVX2_FEW_H

#include "kernels/u8_conv/u8_conv_store_avx2.h"

enum { FEW_ROWS = 4, FEW_STEPS = 4 };

/* The sums of the pixels [first, first + rows), a constant number, for the 16 channels
 * from `channel` on. */
TARE_ALWAYS_INLINE void few_sums(const struct tare_u8_conv_tile *t, int64_t first,
                                 const int64_t rows, int64_t channel,
                                 __m256i sums[FEW_ROWS][2])
{
    const __m256i low_bytes = _mm256_set1_epi16(0x00ff);
    __m256i acc[FEW_ROWS][2];
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

static void compute_few(const struct tare_u8_conv_tile *t)
{
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t parts = (t->n_rows + FEW_ROWS - 1) / FEW_ROWS;
    for (int64_t channel = 0; channel < t->n_channels; channel += 16) {
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = t->n_rows * part / parts;
            const int64_t rows = t->n_rows * (part + 1) / parts - first;
            __m256i sums[FEW_ROWS][2];
            switch (rows) {
            case 1: few_sums(t, first, 1, channel, sums); break;
            case 2: few_sums(t, first, 2, channel, sums); break;
            case 3: few_sums(t, first, 3, channel, sums); break;
            default: few_sums(t, first, 4, channel, sums); break;
            }
            for (int64_t i = 0; i < rows; i++)
                store_row(t, &finish, sums[i][0], sums[i][1], first + i, channel);
        }
    }
}

#endif /* TARE_KERNELS_U8_CONV_AVX2_FEW_H */
