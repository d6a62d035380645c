/* AVX2, 16 elements a step. */
#include <immintrin.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_epilogue_avx2.h"

static inline __m128i quantize16(const struct tare_f32_u8_quantize *p, const float *src)
{
    const struct tare_finish_avx2 finish =
        tare_finish_avx2(1.0f, p->lower, p->upper, p->zero_point);
    const __m256 scale = _mm256_set1_ps(p->scale);
    const __m256 v0 = _mm256_div_ps(_mm256_loadu_ps(src), scale);
    const __m256 v1 = _mm256_div_ps(_mm256_loadu_ps(src + 8), scale);
    return tare_bytes16_avx2(&finish, v0, v1);
}

#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

void tare_f32_u8_quantize__avx2_u16(const struct tare_f32_u8_quantize *p,
                                    const float *src, uint8_t *dst, int64_t begin,
                                    int64_t end)
{
    const struct tare_f32_u8_quantize copy = *p; /* stores to dst cannot change it */
    quantize_any_layout(&copy, src, dst, begin, end);
}
