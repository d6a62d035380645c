/* kernels/u8_lanes.h - bytes as the lanes of lanes.h and back, so that an INT8 kernel's
 * loop can be written once for AVX2, AVX-512 and NEON. Like lanes.h, private to the
 * file that includes it. */
#ifndef TARE_KERNELS_U8_LANES_H
#define TARE_KERNELS_U8_LANES_H

#include <math.h>

#include "kernels/lanes.h"
#include "kernels/unroll.h"

#if defined(__AVX512F__)

#include "kernels/u8_epilogue_vnni.h"
#include "kernels/u8_levels_avx512.h"

struct u8_finish {
    struct tare_finish_vnni all;
    struct tare_levels_avx512 levels;
};

static inline struct u8_finish u8_finish_of(float lower, float upper,
                                            int32_t zero_point)
{
    return (struct u8_finish){
        .all = tare_finish_vnni(1.0f, lower, upper, zero_point),
        .levels = tare_levels_avx512(rintf(lower), rintf(upper), zero_point),
    };
}

/** The first n bytes, n <= 0 being none, as floats. May read LANES of them, or
 *  8 where that is more. */
static inline lanes u8_read(const uint8_t *x, int64_t n)
{
    const int64_t idle = n <= 0 ? LANES : LANES - n;
    const __m128i bytes = n >= LANES
                              ? _mm_loadu_si128((const void *)x)
                              : _mm_maskz_loadu_epi8((__mmask16)(0xffff >> idle), x);
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

/** Clamp and round the first n of 2 * LANES values, add the zero point, store. */
static inline void u8_write(const struct u8_finish *finish, uint8_t *y, lanes v0,
                            lanes v1, int64_t n)
{
    const __m256i bytes = tare_bytes32_vnni(&finish->all, v0, v1);
    if (n >= 2 * LANES)
        _mm256_storeu_si256((void *)y, bytes);
    else
        _mm256_mask_storeu_epi8(y, (__mmask32)((UINT64_C(1) << n) - 1), bytes);
}

/** The same of 4 * LANES values that an int32 holds, to memory as they are. */
static inline void u8_write_many(const struct u8_finish *finish, uint8_t *y,
                                 const lanes v[4])
{
    __m512i levels[4];
    EACH_OF(4, k) levels[k] = _mm512_cvtps_epi32(v[k]);
    _mm512_storeu_si512(y, tare_bytes64_avx512(&finish->levels, levels));
}

#elif defined(__aarch64__)

#include "kernels/u8_epilogue_neon.h"

struct u8_finish {
    struct tare_finish_neon all;
};

static inline struct u8_finish u8_finish_of(float lower, float upper,
                                            int32_t zero_point)
{
    return (struct u8_finish){tare_finish_neon(1.0f, lower, upper, zero_point)};
}

static inline lanes u8_read(const uint8_t *x, int64_t n)
{
    (void)n;
    return tare_real4_neon(vget_low_u16(vmovl_u8(vld1_u8(x))), vdupq_n_s32(0));
}

static inline void u8_write(const struct u8_finish *finish, uint8_t *y, lanes v0,
                            lanes v1, int64_t n)
{
    tare_store8_neon(y, tare_bytes8_neon(&finish->all, v0, v1), n);
}

#else

#include "kernels/u8_epilogue_avx2.h"

struct u8_finish {
    struct tare_finish_avx2 all;
};

static inline struct u8_finish u8_finish_of(float lower, float upper,
                                            int32_t zero_point)
{
    return (struct u8_finish){tare_finish_avx2(1.0f, lower, upper, zero_point)};
}

static inline lanes u8_read(const uint8_t *x, int64_t n)
{
    (void)n;
    return tare_real8_avx2(x, _mm256_setzero_si256());
}

static inline void u8_write(const struct u8_finish *finish, uint8_t *y, lanes v0,
                            lanes v1, int64_t n)
{
    tare_store16_avx2(y, tare_bytes16_avx2(&finish->all, v0, v1), n);
}

#endif

#if !defined(__AVX512F__)
static inline void u8_write_many(const struct u8_finish *finish, uint8_t *y,
                                 const lanes v[4])
{
    u8_write(finish, y, v[0], v[1], 2 * LANES);
    u8_write(finish, y + 2 * LANES, v[2], v[3], 2 * LANES);
}
#endif

#endif /* TARE_KERNELS_U8_LANES_H */
