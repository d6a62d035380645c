/* AVX-512: four rows of 32 columns a step. */
#include <immintrin.h>

#include "kernels/u8_conv/u8_conv_pack_matrix.h"

static __m512i two_rows(const uint8_t *first, const uint8_t *second)
{
    const __m256i low = _mm256_loadu_si256((const void *)first);
    const __m256i high = _mm256_loadu_si256((const void *)second);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* A column's bytes lie 32 apart in two pairs of rows: 0 and 32, 64 and 96. */
static __m512i column_order(int first)
{
    const __m512i of_zero = _mm512_set1_epi32(0x60402000);
    const __m512i column = _mm512_add_epi32(
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
        _mm512_set1_epi32(first));
    return _mm512_add_epi8(of_zero,
                           _mm512_mullo_epi32(column, _mm512_set1_epi32(0x01010101)));
}

void tare_u8_conv_pack_steps__vnni(const uint8_t *b, int64_t stride, int64_t n_steps,
                                   int8_t *packed, int32_t *sums)
{
    const __m512i order[2] = {column_order(0), column_order(16)};
    const __m512i zero_point = _mm512_set1_epi8((char)TARE_U8_CONV_MATRIX_ZERO);
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum[2] = {_mm512_loadu_si512(sums), _mm512_loadu_si512(sums + 16)};
    for (int64_t i = 0; i < n_steps; i++) {
        const __m512i front = two_rows(b, b + stride);
        const __m512i back = two_rows(b + 2 * stride, b + 3 * stride);
        for (int j = 0; j < 2; j++) {
            const __m512i bytes = _mm512_xor_si512(
                _mm512_permutex2var_epi8(front, order[j], back), zero_point);
            _mm512_storeu_si512(packed + 64 * j, bytes);
            sum[j] = _mm512_dpbusd_epi32(sum[j], ones, bytes);
        }
        b += 4 * stride;
        packed += 4 * TARE_U8_CONV_BLOCK;
    }
    _mm512_storeu_si512(sums, sum[0]);
    _mm512_storeu_si512(sums + 16, sum[1]);
}
