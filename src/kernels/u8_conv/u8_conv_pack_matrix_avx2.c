/* AVX2: 32 bytes of 8 columns, which are 8 steps of them. */
#include <immintrin.h>

#include "kernels/u8_conv/u8_conv_pack_matrix.h"
#include "kernels/unroll.h"

enum { STEPS = TARE_U8_CONV_PACK_ROWS / 4, COLUMNS = TARE_U8_CONV_PACK_COLUMNS };
_Static_assert(STEPS == 8 && COLUMNS == 8, "the words of a vector");

/* Word i of vector k becomes word k of vector i. */
TARE_ALWAYS_INLINE void transpose(__m256i v[8])
{
    __m256i pairs[8], fours[8];
    EACH_OF(4, i)
    {
        pairs[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    EACH_OF(2, i)
    EACH_OF(2, j)
    {
        const __m256i low = pairs[4 * i + j], high = pairs[4 * i + j + 2];
        fours[4 * i + 2 * j] = _mm256_unpacklo_epi64(low, high);
        fours[4 * i + 2 * j + 1] = _mm256_unpackhi_epi64(low, high);
    }
    EACH_OF(4, i)
    {
        v[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
    }
}

void tare_u8_conv_pack_columns__avx2(const uint8_t *b, int64_t stride, int64_t n_rows,
                                     int64_t width, int8_t *packed, int32_t *sums)
{
    const __m256i zero_point = _mm256_set1_epi8((char)TARE_U8_CONV_MATRIX_ZERO);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_loadu_si256((const void *)sums);
    for (int64_t i = 0; i < n_rows; i += TARE_U8_CONV_PACK_ROWS) {
        __m256i v[8], added = _mm256_setzero_si256();
        EACH_OF(COLUMNS, c)
        v[c] = _mm256_xor_si256(_mm256_loadu_si256((const void *)(b + c * stride + i)),
                                zero_point);
        transpose(v);
        EACH_OF(STEPS, k)
        {
            _mm256_storeu_si256((void *)(packed + (i + 4 * k) * width), v[k]);
            /* of 16 pairs in 16 bits, up to 8 * 2 * 128 */
            added = _mm256_add_epi16(added,
                                     _mm256_maddubs_epi16(_mm256_set1_epi8(1), v[k]));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(added, ones));
    }
    _mm256_storeu_si256((void *)sums, sum);
}
