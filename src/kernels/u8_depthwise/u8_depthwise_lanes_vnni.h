/* kernels/u8_depthwise/u8_depthwise_lanes_vnni.h - 32 channels' bytes as lanes of 32
 * bits, for files built with the flags of TARE_CPU_VNNI. Private to this folder. */
#ifndef TARE_KERNELS_U8_DEPTHWISE_LANES_VNNI_H
#define TARE_KERNELS_U8_DEPTHWISE_LANES_VNNI_H

#include <immintrin.h>

#include "kernels/u8_depthwise/u8_depthwise_walk.h"
#include "kernels/u8_epilogue_vnni.h"
#include "kernels/unroll.h"

enum { BLOCK = TARE_U8_DEPTHWISE_BLOCK, QUAD_BYTES = 4 * BLOCK };

struct pair {
    __m512i low, high; /* channels 0 to 15 and 16 to 31 */
};

/* Byte c of each of four as lane c. */
TARE_ALWAYS_INLINE struct pair interleave(const uint8_t *x0, const uint8_t *x1,
                                          const uint8_t *x2, const uint8_t *x3)
{
    const __m512i channels = _mm512_set_epi32(
        0x6f4f2f0f, 0x6e4e2e0e, 0x6d4d2d0d, 0x6c4c2c0c, 0x6b4b2b0b, 0x6a4a2a0a,
        0x69492909, 0x68482808, 0x67472707, 0x66462606, 0x65452505, 0x64442404,
        0x63432303, 0x62422202, 0x61412101, 0x60402000);
    const __m512i next = _mm512_add_epi8(channels, _mm512_set1_epi8(16));
    const __m256i t0 = _mm256_loadu_si256((const void *)x0);
    const __m256i t1 = _mm256_loadu_si256((const void *)x1);
    const __m256i t2 = _mm256_loadu_si256((const void *)x2);
    const __m256i t3 = _mm256_loadu_si256((const void *)x3);
    const __m512i a = _mm512_inserti64x4(_mm512_castsi256_si512(t0), t1, 1);
    const __m512i b = _mm512_inserti64x4(_mm512_castsi256_si512(t2), t3, 1);
    return (struct pair){_mm512_permutex2var_epi8(a, channels, b),
                         _mm512_permutex2var_epi8(a, next, b)};
}

/* As above with one: the other three bytes are zero. */
TARE_ALWAYS_INLINE __m512i widen16(const uint8_t *x)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)x));
}

TARE_ALWAYS_INLINE struct pair widen(const uint8_t *x)
{
    return (struct pair){widen16(x), widen16(x + 16)};
}

TARE_ALWAYS_INLINE struct pair load_pair(const void *weights)
{
    return (struct pair){_mm512_loadu_si512(weights),
                         _mm512_loadu_si512((const char *)weights + 64)};
}

TARE_ALWAYS_INLINE struct pair dot(struct pair acc, struct pair x, struct pair w)
{
    return (struct pair){_mm512_dpbusd_epi32(acc.low, x.low, w.low),
                         _mm512_dpbusd_epi32(acc.high, x.high, w.high)};
}

#endif /* TARE_KERNELS_U8_DEPTHWISE_LANES_VNNI_H */
