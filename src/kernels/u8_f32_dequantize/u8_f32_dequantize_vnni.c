/* AVX-512, 16 elements a step. */
#include <immintrin.h>

#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

static inline void dequantize16(const struct tare_u8_f32_dequantize *p, __m128i bytes,
                                float *dst)
{
    const __m512i zero_point = _mm512_set1_epi32(p->zero_point);
    const __m512i q = _mm512_sub_epi32(_mm512_cvtepu8_epi32(bytes), zero_point);
    _mm512_storeu_ps(dst,
                     _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(p->scale)));
}

#include "kernels/u8_f32_dequantize/u8_f32_dequantize_simd.h"

void tare_u8_f32_dequantize__vnni_u16(const struct tare_u8_f32_dequantize *p,
                                      const uint8_t *src, float *dst, int64_t begin,
                                      int64_t end)
{
    const struct tare_u8_f32_dequantize copy = *p; /* stores to dst cannot change it */
    dequantize_any_layout(&copy, src, dst, begin, end);
}
