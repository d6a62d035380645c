/* NEON, 16 elements a step. */
#include "kernels/bytes16.h"
#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_epilogue_neon.h"

static inline bytes16 quantize16(const struct tare_f32_u8_quantize *p, const float *src)
{
    const struct tare_finish_neon finish =
        tare_finish_neon(1.0f, p->lower, p->upper, p->zero_point);
    const float32x4_t scale = vdupq_n_f32(p->scale);
    float32x4_t v[4];
    for (int64_t i = 0; i < 4; i++)
        v[i] = vdivq_f32(vld1q_f32(src + 4 * i), scale);
    return tare_bytes16_neon(&finish, v);
}

#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

void tare_f32_u8_quantize__neon_u16(const struct tare_f32_u8_quantize *p,
                                    const float *src, uint8_t *dst, int64_t begin,
                                    int64_t end)
{
    const struct tare_f32_u8_quantize copy = *p; /* stores to dst cannot change it */
    quantize_any_layout(&copy, src, dst, begin, end);
}
