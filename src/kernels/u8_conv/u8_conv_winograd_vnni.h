/* kernels/u8_conv/u8_conv_winograd_vnni.h - see u8_conv_winograd_simd.h, for files
 * built with the flags of TARE_CPU_VNNI. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_WINOGRAD_VNNI_H
#define TARE_KERNELS_U8_CONV_WINOGRAD_VNNI_H

#include <string.h>

#include "kernels/u8_conv/u8_conv_store_vnni.h"
#include "kernels/u8_conv/u8_conv_winograd.h"
#include "kernels/whole.h"

typedef __m512i ints;

enum { INTS = 16, GROUP = 2 * INTS, TILE = 9 /* patches, at most */ };

static const struct tare_u8_winograd_costs winograd_costs = {
    .direct = 7, .weight = 300, .input = 490, .output = 640};

#define ints_load         _mm512_loadu_si512
#define ints_store        _mm512_storeu_si512
#define ints_set16(v)     _mm512_set1_epi16(v)
#define ints_set32(v)     _mm512_set1_epi32(v)
#define ints_add16        _mm512_add_epi16
#define ints_sub16        _mm512_sub_epi16
#define ints_shl16        _mm512_slli_epi16
#define ints_add32        _mm512_add_epi32
#define ints_sub32        _mm512_sub_epi32
#define ints_mul32        _mm512_mullo_epi32
#define ints_sar32(v, n)  _mm512_srai_epi32(v, (unsigned)(n))
#define ints_dot(s, a, b) _mm512_dpwssd_epi32(s, a, b)

TARE_ALWAYS_INLINE ints ints_load_bytes(const uint8_t *p, int64_t n)
{
    if (n == 2 * INTS) return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)p));
    const __mmask32 exist = UINT32_MAX >> (2 * INTS - n);
    return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(exist, p));
}

TARE_ALWAYS_INLINE void ints_store_n(int16_t *p, ints v, int64_t n)
{
    if (n == 2 * INTS)
        _mm512_storeu_si512(p, v);
    else
        _mm512_mask_storeu_epi16(p, UINT32_MAX >> (2 * INTS - n), v);
}

TARE_ALWAYS_INLINE ints ints_load_pair(const int8_t *p, const int j)
{
    const __m256i even =
        _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29, 32,
                         33, 36, 37, 40, 41, 44, 45, 48, 49, 52, 53, 56, 57, 60, 61);
    const __m256i order = _mm256_add_epi8(even, _mm256_set1_epi8((char)(2 * j)));
    const __m512i pairs =
        _mm512_permutexvar_epi8(_mm512_castsi256_si512(order), _mm512_loadu_si512(p));
    return _mm512_cvtepi8_epi16(_mm512_castsi512_si256(pairs));
}

/* As dot() has it, for words. */
TARE_ALWAYS_INLINE __m512i dot_words(__m512i acc, __m512i x, __m512i w)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
}

TARE_ALWAYS_INLINE void sum_words(const int16_t *x, int64_t pitch,
                                  const int16_t *weights, int64_t n_channels,
                                  int32_t *sums, const int64_t patches,
                                  const int64_t vectors)
{
    __m512i acc[TILE][2];
    TARE_UNROLL
    for (int64_t i = 0; i < patches; i++)
        acc[i][0] = acc[i][1] = _mm512_setzero_si512();
    for (int64_t c = 0; c < n_channels; c += 2, weights += 2 * GROUP) {
        __m512i w[2];
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            w[j] = _mm512_loadu_si512(weights + 2 * INTS * j);
        TARE_UNROLL
        for (int64_t i = 0; i < patches; i++) {
            int32_t pair;
            memcpy(&pair, x + i * pitch + c, sizeof pair);
            const __m512i both = _mm512_set1_epi32(pair);
            TARE_UNROLL
            for (int64_t j = 0; j < vectors; j++)
                acc[i][j] = dot_words(acc[i][j], both, w[j]);
        }
    }
    TARE_UNROLL
    for (int64_t i = 0; i < patches; i++) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            _mm512_storeu_si512(sums + i * TARE_U8_CONV_BLOCK + INTS * j, acc[i][j]);
    }
}

TARE_ALWAYS_INLINE void sum_tile(const int16_t *x, int64_t pitch,
                                 const int16_t *weights, int64_t n_channels,
                                 int32_t *sums, int64_t patches, const int64_t vectors)
{
    switch (patches) {
    case 1: sum_words(x, pitch, weights, n_channels, sums, 1, vectors); break;
    case 2: sum_words(x, pitch, weights, n_channels, sums, 2, vectors); break;
    case 3: sum_words(x, pitch, weights, n_channels, sums, 3, vectors); break;
    case 4: sum_words(x, pitch, weights, n_channels, sums, 4, vectors); break;
    case 5: sum_words(x, pitch, weights, n_channels, sums, 5, vectors); break;
    case 6: sum_words(x, pitch, weights, n_channels, sums, 6, vectors); break;
    case 7: sum_words(x, pitch, weights, n_channels, sums, 7, vectors); break;
    case 8: sum_words(x, pitch, weights, n_channels, sums, 8, vectors); break;
    default: sum_words(x, pitch, weights, n_channels, sums, TILE, vectors); break;
    }
}

/* The products of `n` patches with the weights of GROUP channels, or of the `width`
 * that there are. */
static inline void winograd_products(const int16_t *x, int64_t pitch, int64_t n,
                                     const int16_t *weights, int64_t n_channels,
                                     int64_t width, int32_t *sums)
{
    const int64_t parts = ceil_div(n, TILE);
    for (int64_t part = 0; part < parts; part++) {
        const int64_t at = n * part / parts, n_here = n * (part + 1) / parts - at;
        int32_t *to = sums + at * TARE_U8_CONV_BLOCK;
        if (width == TARE_U8_CONV_NARROW)
            sum_tile(x + at * pitch, pitch, weights, n_channels, to, n_here, 1);
        else
            sum_tile(x + at * pitch, pitch, weights, n_channels, to, n_here, 2);
    }
}

/* `n` pixels from their sums to memory. */
static void winograd_store(const struct tare_u8_conv_tile *t, int32_t *sums,
                           int64_t pixel, int64_t n)
{
    struct output out = {.n_rows = n};
    if (t->residual) out.residual = t->residual + pixel * t->residual_stride;
    if (t->y_f32)
        out.y_f32 = t->y_f32 + pixel * t->pixel_stride;
    else
        out.y_u8 = t->y_u8 + pixel * t->pixel_stride;
    store_rows(t, out, route_of(t), (const __m512i(*)[2])(void *)sums);
}

#include "kernels/u8_conv/u8_conv_winograd_simd.h"

#endif /* TARE_KERNELS_U8_CONV_WINOGRAD_VNNI_H */
