/* base/half.h - 16-bit floats widened to 32 bits, which is exact, and back: to the
 * nearest, ties to even, what is too large to infinity. A NaN becomes a quiet one with
 * the upper bits of its fraction, as processors do it; bfloat16's bits widen as they
 * are.
 */
#ifndef TARE_BASE_HALF_H
#define TARE_BASE_HALF_H

#include <stdint.h>

static inline float tare_float_from_bits(uint32_t bits)
{
    const union {
        uint32_t bits;
        float value;
    } as = {.bits = bits};
    return as.value;
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
    const uint32_t quiet = exponent == 31 && fraction ? 1u << 22 : 0;
    return tare_float_from_bits(sign | wide << 23 | fraction << 13 | quiet);
}

/** bfloat16: the upper half of a float. */
static inline float tare_bfloat16_to_float(uint16_t bfloat16)
{
    return tare_float_from_bits((uint32_t)bfloat16 << 16);
}

static inline uint32_t tare_float_bits(float value)
{
    const union {
        float value;
        uint32_t bits;
    } as = {.value = value};
    return as.bits;
}

static inline uint16_t tare_half_from_float(float value)
{
    const uint32_t bits = tare_float_bits(value);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t half = bits & 0x7fffffffu;
    if (half > 0x7f800000u) /* NaN */
        half = 0x7e00u | (half >> 13 & 0x3ffu);
    else if (half >= 0x47800000u) /* 65536 and more */
        half = 0x7c00u;
    else if (half < 0x38800000u) /* below 2^-14: in 0.5's last bits are 2^-24 */
        half = tare_float_bits(tare_float_from_bits(half) + 0.5f) - 0x3f000000u;
    else
        half = (half - (112u << 23) + 0xfffu + ((half >> 13) & 1u)) >> 13;
    return (uint16_t)(sign | half);
}

static inline uint16_t tare_bfloat16_from_float(float value)
{
    const uint32_t bits = tare_float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#endif /* TARE_BASE_HALF_H */
