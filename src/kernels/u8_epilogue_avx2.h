/* kernels/u8_epilogue_avx2.h - the epilogue on 8 values, for files built with the flags
 * of TARE_CPU_AVX2. */
#ifndef TARE_KERNELS_U8_EPILOGUE_AVX2_H
#define TARE_KERNELS_U8_EPILOGUE_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels/u8_epilogue.h"
#include "kernels/unroll.h"

/** struct tare_u8_epilogue from negative_slope on. */
struct tare_finish_avx2 {
    __m256 slope, lower, upper;
    __m256i zero_point;
    __m256i zero_point_words, lowest; /* see tare_bytes32_avx2() */
};

static inline struct tare_finish_avx2
tare_finish_avx2(float negative_slope, float lower, float upper, int32_t out_zero_point)
{
    return (struct tare_finish_avx2){
        .slope = _mm256_set1_ps(negative_slope),
        .lower = _mm256_set1_ps(lower),
        .upper = _mm256_set1_ps(upper),
        .zero_point = _mm256_set1_epi32(out_zero_point),
        .zero_point_words = _mm256_set1_epi16((int16_t)out_zero_point),
        .lowest = _mm256_set1_epi8(
            (char)(_mm_cvtss_si32(_mm_set_ss(lower > -255.0f ? lower : -255.0f)) +
                   out_zero_point)),
    };
}

static inline __m256 tare_slope_avx2(const struct tare_finish_avx2 *f, __m256 v)
{
    const __m256 negative = _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_blendv_ps(v, _mm256_mul_ps(v, f->slope), negative);
}

/** NaN gives lower. */
static inline __m256 tare_clamp_avx2(const struct tare_finish_avx2 *f, __m256 v)
{
    return _mm256_min_ps(_mm256_max_ps(v, f->lower), f->upper);
}

static inline __m256i tare_finish_lanes_avx2(const struct tare_finish_avx2 *f, __m256 v)
{
    return _mm256_add_epi32(_mm256_cvtps_epi32(tare_clamp_avx2(f, v)), f->zero_point);
}

/** 16 values to bytes: clamp, round, add the zero point. */
static inline __m128i tare_bytes16_avx2(const struct tare_finish_avx2 *f, __m256 v0,
                                        __m256 v1)
{
    const __m256i words = _mm256_packs_epi32(tare_finish_lanes_avx2(f, v0),
                                             tare_finish_lanes_avx2(f, v1));
    const __m256i in_order = _mm256_permute4x64_epi64(words, _MM_SHUFFLE(3, 1, 2, 0));
    return _mm_packus_epi16(_mm256_castsi256_si128(in_order),
                            _mm256_extracti128_si256(in_order, 1));
}

/** 32 values to bytes, by conversions that saturate, so that the lower bound may be
 * that of the bytes. Not for NaN. */
static inline __m256i tare_bytes32_avx2(const struct tare_finish_avx2 *f,
                                        const __m256 v[4])
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i levels[4];
    EACH_OF(4, i) levels[i] = _mm256_cvtps_epi32(_mm256_min_ps(v[i], f->upper));
    const __m256i low = _mm256_adds_epi16(_mm256_packs_epi32(levels[0], levels[1]),
                                          f->zero_point_words);
    const __m256i high = _mm256_adds_epi16(_mm256_packs_epi32(levels[2], levels[3]),
                                           f->zero_point_words);
    const __m256i bytes = _mm256_max_epu8(_mm256_packus_epi16(low, high), f->lowest);
    return _mm256_permutevar8x32_epi32(bytes, order); /* a lane has four of each */
}

/** What is read of a residual, `from`, for `width` channels, of which n are: where they
 * are fewer it is read no further, since another thread may be at what lies behind, and
 * `copy`, of `width` bytes, has them. NULL of NULL. */
static inline const uint8_t *tare_residual_avx2(const uint8_t *from, int64_t n,
                                                int64_t width, uint8_t *copy)
{
    if (!from || n >= width) return from;
    memset(copy, 0, (size_t)width);
    memcpy(copy, from, (size_t)n);
    return copy;
}

/** 8 bytes as floats, less a zero point. */
static inline __m256 tare_real8_avx2(const uint8_t *x, __m256i zero_point)
{
    int64_t bytes;
    memcpy(&bytes, x, sizeof bytes);
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes));
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, zero_point));
}

/** Store the first `n` of 16 bytes; n >= 16 stores all of them. */
static inline void tare_store16_avx2(uint8_t *y, __m128i bytes, int64_t n)
{
    if (n >= 16) {
        _mm_storeu_si128((__m128i *)(void *)y, bytes);
        return;
    }
    uint8_t all[16];
    _mm_storeu_si128((__m128i *)(void *)all, bytes);
    memcpy(y, all, (size_t)n);
}

/** Finish and store the first `n` of 16 values, to the one of `y_u8` and `y_f32` that
 * is not NULL. */
static inline void tare_finish16_avx2(const struct tare_finish_avx2 *f, __m256 v0,
                                      __m256 v1, uint8_t *y_u8, float *y_f32,
                                      int64_t at, int64_t n)
{
    if (y_u8) {
        tare_store16_avx2(y_u8 + at, tare_bytes16_avx2(f, v0, v1), n);
    } else if (n >= 16) {
        _mm256_storeu_ps(y_f32 + at, tare_clamp_avx2(f, v0));
        _mm256_storeu_ps(y_f32 + at + 8, tare_clamp_avx2(f, v1));
    } else {
        float all[16];
        _mm256_storeu_ps(all, tare_clamp_avx2(f, v0));
        _mm256_storeu_ps(all + 8, tare_clamp_avx2(f, v1));
        memcpy(y_f32 + at, all, (size_t)n * sizeof *all);
    }
}

#endif /* TARE_KERNELS_U8_EPILOGUE_AVX2_H */
