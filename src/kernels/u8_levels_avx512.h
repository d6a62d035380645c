/* kernels/u8_levels_avx512.h - values that are rounded to bytes, for files built with
 * the flags of TARE_CPU_AVX512 or more. */
#ifndef TARE_KERNELS_U8_LEVELS_AVX512_H
#define TARE_KERNELS_U8_LEVELS_AVX512_H

#include <immintrin.h>
#include <stdint.h>

/** Bounds and zero point of the bytes. */
struct tare_levels_avx512 {
    __m512i zero_point;      /* words */
    __m512i lowest, highest; /* bytes */
};

/** @param lower, upper  whole numbers that are bytes with the zero point. */
static inline struct tare_levels_avx512 tare_levels_avx512(float lower, float upper,
                                                           int32_t zero_point)
{
    return (struct tare_levels_avx512){
        .zero_point = _mm512_set1_epi16((int16_t)zero_point),
        .lowest = _mm512_set1_epi8((char)((int32_t)lower + zero_point)),
        .highest = _mm512_set1_epi8((char)((int32_t)upper + zero_point)),
    };
}

/** 64 of them to bytes, by conversions that saturate. */
static inline __m512i tare_bytes64_avx512(const struct tare_levels_avx512 *f,
                                          const __m512i levels[4])
{
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i low =
        _mm512_adds_epi16(_mm512_packs_epi32(levels[0], levels[1]), f->zero_point);
    const __m512i high =
        _mm512_adds_epi16(_mm512_packs_epi32(levels[2], levels[3]), f->zero_point);
    const __m512i bytes = _mm512_max_epu8(_mm512_packus_epi16(low, high), f->lowest);
    /* a lane has four of each vector */
    return _mm512_permutexvar_epi32(order, _mm512_min_epu8(bytes, f->highest));
}

#endif /* TARE_KERNELS_U8_LEVELS_AVX512_H */
