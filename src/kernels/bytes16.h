/* kernels/bytes16.h - a vector of 16 bytes, the same on x86-64 and aarch64, for kernels
 * that move bytes. Like lanes.h, private to the file that includes it. */
#ifndef TARE_KERNELS_BYTES16_H
#define TARE_KERNELS_BYTES16_H

#include <stdint.h>

#if defined(__aarch64__)

#include <arm_neon.h>

typedef uint8x16_t bytes16;

static inline bytes16 bytes16_load(const void *p)
{
    return vld1q_u8(p);
}

static inline void bytes16_store(void *p, bytes16 v)
{
    vst1q_u8(p, v);
}

static inline bytes16 bytes16_zero(void)
{
    return vdupq_n_u8(0);
}

/** The first 8 bytes of a and b, by turns. */
static inline bytes16 bytes16_zip_low(bytes16 a, bytes16 b)
{
    return vzip1q_u8(a, b);
}

/** The last 8 bytes of a and b, by turns. */
static inline bytes16 bytes16_zip_high(bytes16 a, bytes16 b)
{
    return vzip2q_u8(a, b);
}

/** Words of 4 bytes instead. */
static inline bytes16 bytes16_zip4_low(bytes16 a, bytes16 b)
{
    return vreinterpretq_u8_u32(
        vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}

static inline bytes16 bytes16_zip4_high(bytes16 a, bytes16 b)
{
    return vreinterpretq_u8_u32(
        vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}

/** Byte i of the result is byte order[i] of v, order[i] < 16. */
static inline bytes16 bytes16_reorder(bytes16 v, bytes16 order)
{
    return vqtbl1q_u8(v, order);
}

#else

#include <immintrin.h>

typedef __m128i bytes16;

static inline bytes16 bytes16_load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void bytes16_store(void *p, bytes16 v)
{
    _mm_storeu_si128((__m128i *)p, v);
}

static inline bytes16 bytes16_zero(void)
{
    return _mm_setzero_si128();
}

static inline bytes16 bytes16_zip_low(bytes16 a, bytes16 b)
{
    return _mm_unpacklo_epi8(a, b);
}

static inline bytes16 bytes16_zip_high(bytes16 a, bytes16 b)
{
    return _mm_unpackhi_epi8(a, b);
}

static inline bytes16 bytes16_zip4_low(bytes16 a, bytes16 b)
{
    return _mm_unpacklo_epi32(a, b);
}

static inline bytes16 bytes16_zip4_high(bytes16 a, bytes16 b)
{
    return _mm_unpackhi_epi32(a, b);
}

#if defined(__SSSE3__) /* not in the files for every x86-64 */
static inline bytes16 bytes16_reorder(bytes16 v, bytes16 order)
{
    return _mm_shuffle_epi8(v, order);
}
#endif

#endif

/** row[i] byte j becomes row[j] byte i. Each round interleaves rows eight apart, which
 *  rotates the 8 bits of the address of a byte by one; four rounds swap its halves. */
static inline void bytes16_transpose(bytes16 row[16])
{
    for (int64_t round = 0; round < 4; round++) {
        bytes16 next[16];
        for (int64_t i = 0; i < 8; i++) {
            next[2 * i] = bytes16_zip_low(row[i], row[i + 8]);
            next[2 * i + 1] = bytes16_zip_high(row[i], row[i + 8]);
        }
        for (int64_t i = 0; i < 16; i++)
            row[i] = next[i];
    }
}

/** The same for 4 x 4 words of 4 bytes. */
static inline void bytes16_transpose_4x4(bytes16 row[4])
{
    for (int64_t round = 0; round < 2; round++) {
        const bytes16 low0 = bytes16_zip4_low(row[0], row[2]);
        const bytes16 high0 = bytes16_zip4_high(row[0], row[2]);
        const bytes16 low1 = bytes16_zip4_low(row[1], row[3]);
        const bytes16 high1 = bytes16_zip4_high(row[1], row[3]);
        row[0] = low0;
        row[1] = high0;
        row[2] = low1;
        row[3] = high1;
    }
}

#endif /* TARE_KERNELS_BYTES16_H */
