/* AVX-512, 16 elements a step. */
#include <immintrin.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_epilogue_vnni.h"

static inline __m128i quantize16(const struct tare_f32_u8_quantize *p, const float *src)
{
    const struct tare_finish_vnni finish =
        tare_finish_vnni(1.0f, p->lower, p->upper, p->zero_point);
    const __m512 v = _mm512_div_ps(_mm512_loadu_ps(src), _mm512_set1_ps(p->scale));
    return tare_bytes16_vnni(&finish, _mm512_max_ps(v, finish.lower)); /* for NaN */
}

#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

void tare_f32_u8_quantize__vnni_u16(const struct tare_f32_u8_quantize *p,
                                    const float *src, uint8_t *dst, int64_t begin,
                                    int64_t end)
{
    const struct tare_f32_u8_quantize copy = *p; /* stores to dst cannot change it */
    quantize_any_layout(&copy, src, dst, begin, end);
}
