/* kernels/u8_epilogue_vnni.h - the epilogue on 16 values, for files built with the
 * flags of TARE_CPU_VNNI. */
#ifndef TARE_KERNELS_U8_EPILOGUE_VNNI_H
#define TARE_KERNELS_U8_EPILOGUE_VNNI_H

#include <immintrin.h>

#include "kernels/u8_epilogue.h"

/** struct tare_u8_epilogue from negative_slope on. */
struct tare_finish_vnni {
    __m512 slope, lower, upper;
    __m512i lowest, highest; /* the bounds, see tare_finish_lanes_vnni() */
    __m256i zero_point;
};

#define TARE_ROUND_VNNI 12582912.0f /* 1.5 * 2^23 */

static inline struct tare_finish_vnni
tare_finish_vnni(float negative_slope, float lower, float upper, int32_t out_zero_point)
{
    const __m512 round = _mm512_set1_ps(TARE_ROUND_VNNI);
    const __m512 low = _mm512_set1_ps(lower), high = _mm512_set1_ps(upper);
    return (struct tare_finish_vnni){
        .slope = _mm512_set1_ps(negative_slope),
        .lower = low,
        .upper = high,
        .lowest = _mm512_castps_si512(_mm512_add_ps(low, round)),
        .highest = _mm512_castps_si512(_mm512_add_ps(high, round)),
        .zero_point = _mm256_set1_epi8((char)out_zero_point),
    };
}

static inline __m512 tare_slope_vnni(const struct tare_finish_vnni *f, __m512 v)
{
    const __mmask16 negative = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_mul_ps(v, negative, v, f->slope);
}

/** For float outputs. */
static inline __m512 tare_clamp_vnni(const struct tare_finish_vnni *f, __m512 v)
{
    return _mm512_min_ps(_mm512_max_ps(v, f->lower), f->upper);
}

/* Round and clamp; the result, modulo 256, is the lowest byte of each lane. Between
 * 2^23 and 2^24 floats are the whole numbers, so adding 1.5 * 2^23 rounds to nearest,
 * ties to even; the zero point is added to the bytes afterwards, since an odd one would
 * change the ties. Floats are ordered as their bits are, so the bounds, rounded the
 * same way, may be applied after: v beyond 2^22 has been pushed out of that range, but
 * to the right side. */
static inline __m512i tare_finish_lanes_vnni(const struct tare_finish_vnni *f, __m512 v)
{
    const __m512 rounded = _mm512_add_ps(v, _mm512_set1_ps(TARE_ROUND_VNNI));
    const __m512i bits = _mm512_castps_si512(rounded);
    return _mm512_min_epi32(_mm512_max_epi32(bits, f->lowest), f->highest);
}

/** Values to bytes: clamp, round, add the zero point. Not for NaN. */
static inline __m128i tare_bytes16_vnni(const struct tare_finish_vnni *f, __m512 v)
{
    return _mm_add_epi8(_mm512_cvtepi32_epi8(tare_finish_lanes_vnni(f, v)),
                        _mm256_castsi256_si128(f->zero_point));
}

static inline __m256i tare_bytes32_vnni(const struct tare_finish_vnni *f, __m512 v0,
                                        __m512 v1)
{
    const __m512i every_fourth = _mm512_set_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 124, 120, 116, 112, 108, 104, 100, 96, 92, 88, 84, 80, 76, 72,
        68, 64, 60, 56, 52, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0);
    const __m512i bytes = _mm512_permutex2var_epi8(
        tare_finish_lanes_vnni(f, v0), every_fourth, tare_finish_lanes_vnni(f, v1));
    return _mm256_add_epi8(_mm512_castsi512_si256(bytes), f->zero_point);
}

#endif /* TARE_KERNELS_U8_EPILOGUE_VNNI_H */
