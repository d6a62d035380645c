/* AVX2, 16 elements a step. */
#include <immintrin.h>

#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

static inline __m256 dequantize8(const struct tare_u8_f32_dequantize *p, __m128i bytes)
{
    const __m256i zero_point = _mm256_set1_epi32(p->zero_point);
    const __m256i q = _mm256_sub_epi32(_mm256_cvtepu8_epi32(bytes), zero_point);
    return _mm256_mul_ps(_mm256_cvtepi32_ps(q), _mm256_set1_ps(p->scale));
}

static inline void dequantize16(const struct tare_u8_f32_dequantize *p, __m128i bytes,
                                float *dst)
{
    _mm256_storeu_ps(dst, dequantize8(p, bytes));
    _mm256_storeu_ps(dst + 8, dequantize8(p, _mm_srli_si128(bytes, 8)));
}

#include "kernels/u8_f32_dequantize/u8_f32_dequantize_simd.h"

void tare_u8_f32_dequantize__avx2_u16(const struct tare_u8_f32_dequantize *p,
                                      const uint8_t *src, float *dst, int64_t begin,
                                      int64_t end)
{
    const struct tare_u8_f32_dequantize copy = *p; /* stores to dst cannot change it */
    dequantize_any_layout(&copy, src, dst, begin, end);
}
