/* NEON, 16 elements a step. */
#include "kernels/bytes16.h"
#include "kernels/u8_epilogue_neon.h"
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

static inline void dequantize4(const struct tare_u8_f32_dequantize *p, uint16x4_t q,
                               float *dst)
{
    const int32x4_t zero_point = vdupq_n_s32(p->zero_point);
    vst1q_f32(dst, vmulq_n_f32(tare_real4_neon(q, zero_point), p->scale));
}

static inline void dequantize16(const struct tare_u8_f32_dequantize *p, bytes16 bytes,
                                float *dst)
{
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    dequantize4(p, vget_low_u16(low), dst);
    dequantize4(p, vget_high_u16(low), dst + 4);
    dequantize4(p, vget_low_u16(high), dst + 8);
    dequantize4(p, vget_high_u16(high), dst + 12);
}

#include "kernels/u8_f32_dequantize/u8_f32_dequantize_simd.h"

void tare_u8_f32_dequantize__neon_u16(const struct tare_u8_f32_dequantize *p,
                                      const uint8_t *src, float *dst, int64_t begin,
                                      int64_t end)
{
    const struct tare_u8_f32_dequantize copy = *p; /* stores to dst cannot change it */
    dequantize_any_layout(&copy, src, dst, begin, end);
}
