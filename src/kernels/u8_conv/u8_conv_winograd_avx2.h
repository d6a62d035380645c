/* kernels/u8_conv/u8_conv_winograd_avx2.h - see u8_conv_winograd_simd.h, for files
 * built with the flags of TARE_CPU_AVX2 or TARE_CPU_AVXVNNI. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_WINOGRAD_AVX2_H
#define TARE_KERNELS_U8_CONV_WINOGRAD_AVX2_H

#include "kernels/u8_conv/u8_conv_sums_avx2.h"
#include "kernels/u8_conv/u8_conv_winograd.h"

typedef __m256i ints;

enum { INTS = CHANNELS };

static const struct tare_u8_winograd_costs winograd_costs =
#if defined(__AVXVNNI__)
    {.direct = 8, .weight = 280, .input = 450, .output = 1050};
#else
    {.direct = 11, .weight = 140, .input = 225, .output = 525};
#endif

#define ints_load     load
#define ints_store    store
#define ints_set16(v) _mm256_set1_epi16(v)
#define ints_set32(v) _mm256_set1_epi32(v)
#define ints_add16    _mm256_add_epi16
#define ints_sub16    _mm256_sub_epi16
#define ints_shl16    _mm256_slli_epi16
#define ints_add32    _mm256_add_epi32
#define ints_sub32    _mm256_sub_epi32
#define ints_mul32    _mm256_mullo_epi32
#define ints_sar32    _mm256_srai_epi32
#define ints_dot      add_products

TARE_ALWAYS_INLINE ints ints_load_bytes(const uint8_t *p, int64_t n)
{
    (void)n; /* all exist: a pixel has a multiple of them */
    return _mm256_cvtepu8_epi16(load_half(p));
}

TARE_ALWAYS_INLINE void ints_store_n(int16_t *p, ints v, int64_t n)
{
    (void)n;
    store(p, v);
}

TARE_ALWAYS_INLINE ints ints_load_pair(const int8_t *p, const int j)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    const __m256i pairs = _mm256_shuffle_epi8(load(p), order);
    const __m256i low = j == 0 ? _mm256_permute4x64_epi64(pairs, 0x08)
                               : _mm256_permute4x64_epi64(pairs, 0x0D);
    return _mm256_cvtepi8_epi16(_mm256_castsi256_si128(low));
}

/* The products of `n` patches with the weights of GROUP channels, or of the `width`
 * that there are. */
static inline void winograd_products(const int16_t *x, int64_t pitch, int64_t n,
                                     const int16_t *weights, int64_t n_channels,
                                     int64_t width, int32_t *sums)
{
    static const int32_t zeros[GROUP];
    const int64_t parts = ceil_div(n, PIXELS);
    struct wide_sums s = {.pitch = pitch,
                          .weights = weights,
                          .n_steps = n_channels / STEP,
                          .init = zeros,
                          .stride = TARE_U8_CONV_BLOCK};
    (void)width; /* a multiple of GROUP */
    for (int64_t part = 0; part < parts; part++) {
        const int64_t at = n * part / parts;
        s.x = x + at * pitch;
        s.sums = sums + at * TARE_U8_CONV_BLOCK;
        sum_wide(&s, n * (part + 1) / parts - at, 2);
    }
}

/* `n` pixels from their sums to memory. */
static void winograd_store(const struct tare_u8_conv_tile *t, const int32_t *sums,
                           int64_t pixel, int64_t n)
{
    const struct tare_finish_avx2 finish = finish_of(t);
    store_pixels(t, &finish, sums, pixel, n);
}

#include "kernels/u8_conv/u8_conv_winograd_simd.h"

#endif /* TARE_KERNELS_U8_CONV_WINOGRAD_AVX2_H */
