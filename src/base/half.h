/* base/half.h - 16-bit floats widened to 32 bits; every value is exact. */
#ifndef TARE_BASE_HALF_H
#define TARE_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float tare_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/** IEEE 754 binary16. */
static inline float tare_half_to_float(uint16_t half)
{
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t fraction = half & 0x3ffu;
    if (exponent == 0) { /* zero, or a multiple of the least subnormal */
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    const uint32_t wide = exponent == 31 ? 255 : exponent + (127 - 15);
    return tare_float_from_bits(sign | wide << 23 | fraction << 13);
}

/** bfloat16: the upper half of a float. */
static inline float tare_bfloat16_to_float(uint16_t bfloat16)
{
    return tare_float_from_bits((uint32_t)bfloat16 << 16);
}

#endif /* TARE_BASE_HALF_H */
