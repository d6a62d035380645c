/* kernels/u8_bytes_sse.h - the transpose of 16 x 16 bytes, for the x86 kernels that go
 * between pixel-major and channel-major order. */
#ifndef TARE_KERNELS_U8_BYTES_SSE_H
#define TARE_KERNELS_U8_BYTES_SSE_H

#include <emmintrin.h>
#include <stdint.h>

/** row[i] byte j becomes row[j] byte i. Each round interleaves rows eight apart, which
 *  rotates the 8 bits of the address of a byte by one; four rounds swap its halves. */
static inline void tare_transpose16_sse(__m128i row[16])
{
    for (int64_t round = 0; round < 4; round++) {
        __m128i next[16];
        for (int64_t i = 0; i < 8; i++) {
            next[2 * i] = _mm_unpacklo_epi8(row[i], row[i + 8]);
            next[2 * i + 1] = _mm_unpackhi_epi8(row[i], row[i + 8]);
        }
        for (int64_t i = 0; i < 16; i++)
            row[i] = next[i];
    }
}

#endif /* TARE_KERNELS_U8_BYTES_SSE_H */
