/* AVX-512-VNNI, 14 pixels x 32 channels: 28 accumulators, a step is two loads of
 * weights and, for each pixel, a broadcast of 4 bytes and two VPDPBUSD. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_walk.h"
#include "kernels/u8_epilogue_vnni.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* acc += the four products u8 x * s8 w of each lane. The intrinsic makes gcc 12 spill
 * accumulators when there are many. */
ALWAYS_INLINE __m512i dot(__m512i acc, __m512i x, __m512i w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
}

ALWAYS_INLINE __m512i broadcast4(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The parameters of a block's channels, 16 a vector. */
struct columns {
    __m512 multiplier[2], bias[2];
    __mmask16 valid[2];
};

/* The epilogue of vector `j` of a pixel, up to the clamp. */
ALWAYS_INLINE __m512 scale(const struct tare_u8_epilogue *e, const struct columns *c,
                           const int32_t *acc, const uint8_t *residual, const int j,
                           const bool has_residual)
{
    const __m512 v =
        _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(acc + 16 * j)),
                        c->multiplier[j], c->bias[j]);
    if (!has_residual) return v;
    const __m512i r =
        _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(c->valid[j], residual + 16 * j));
    const __m512i zero_point = _mm512_set1_epi32(e->residual_zero_point);
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(r, zero_point)),
                           _mm512_set1_ps(e->residual_scale), v);
}

/* From the accumulators acc[n_rows][16 * vectors] to y. The constants vectors, residual
 * and slope make one tight loop each for the frequent epilogues. */
ALWAYS_INLINE void store_rows(const struct tare_u8_conv_tile *t, const int32_t *acc,
                              const int vectors, const bool has_residual,
                              const bool has_slope)
{
    const struct tare_u8_epilogue *e = t->epilogue;
    const struct tare_finish_vnni finish =
        tare_finish_vnni(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const uint32_t valid = UINT32_MAX >> (32 - t->n_channels);
    struct columns columns;
    UNROLL
    for (int j = 0; j < vectors; j++) {
        columns.multiplier[j] = _mm512_loadu_ps(t->multiplier + 16 * j);
        columns.bias[j] = _mm512_loadu_ps(t->bias + 16 * j);
        columns.valid[j] = (__mmask16)(valid >> (16 * j));
    }
    const int64_t n_rows = t->n_rows, stride = t->pixel_stride;
    for (int64_t i = 0; i < n_rows; i++, acc += 16 * vectors) {
        const uint8_t *residual = has_residual ? t->residual + i * stride : NULL;
        __m512 v[2];
        UNROLL
        for (int j = 0; j < vectors; j++)
            v[j] = tare_clamp_vnni(
                &finish, scale(e, &columns, acc, residual, j, has_residual), has_slope);
        if (t->y_f32) {
            UNROLL
            for (int j = 0; j < vectors; j++)
                _mm512_mask_storeu_ps(t->y_f32 + i * stride + 16 * j, columns.valid[j],
                                      v[j]);
        } else if (vectors == 2) {
            _mm256_mask_storeu_epi8(t->y_u8 + i * stride, valid,
                                    tare_round32_vnni(&finish, v[0], v[1]));
        } else {
            _mm_mask_storeu_epi8(t->y_u8 + i * stride, columns.valid[0],
                                 tare_round16_vnni(&finish, v[0]));
        }
    }
}

ALWAYS_INLINE void store_tile(const struct tare_u8_conv_tile *t, const int32_t *acc,
                              const int vectors)
{
    const bool has_slope = t->epilogue->negative_slope != 1.0f;
    if (has_slope)
        store_rows(t, acc, vectors, t->residual != NULL, true);
    else if (t->residual)
        store_rows(t, acc, vectors, true, false);
    else
        store_rows(t, acc, vectors, false, false);
}

/* The accumulators of `rows` pixels x 16 * `vectors` channels, both constants. */
ALWAYS_INLINE void accumulate(const struct tare_u8_conv_tile *t, const int rows,
                              const int vectors, int32_t *sums)
{
    __m512i acc[TARE_U8_CONV_ROWS][2];
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vectors; j++)
            acc[i][j] = _mm512_loadu_si512(t->acc_init + 16 * j);
    }
    const int8_t *weights = t->weights;
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *row = t->rows + s * TARE_U8_CONV_PITCH;
        const int64_t end = t->row_offset + 4 * t->n_steps;
        for (int64_t k = t->row_offset; k < end; k += 4) {
            __m512i w[2];
            UNROLL
            for (int j = 0; j < vectors; j++)
                w[j] = _mm512_loadu_si512(weights + 64 * j);
            weights += 64 * vectors;
            UNROLL
            for (int i = 0; i < rows; i++) {
                const __m512i x = broadcast4(row[i] + k);
                UNROLL
                for (int j = 0; j < vectors; j++)
                    acc[i][j] = dot(acc[i][j], x, w[j]);
            }
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vectors; j++)
            _mm512_store_si512(sums + 16 * (i * vectors + j), acc[i][j]);
    }
}

static void compute_tile(const struct tare_u8_conv_tile *t)
{
    _Alignas(64) int32_t sums[TARE_U8_CONV_ROWS * TARE_U8_CONV_BLOCK];
    const bool narrow = t->width == TARE_U8_CONV_NARROW;
#define ROWS(n)                                                                        \
    case n:                                                                            \
        if (narrow)                                                                    \
            accumulate(t, n, 1, sums);                                                 \
        else                                                                           \
            accumulate(t, n, 2, sums);                                                 \
        break;
    switch (t->n_rows) {
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
        ROWS(5)
        ROWS(6)
        ROWS(7)
        ROWS(8)
        ROWS(9)
        ROWS(10)
        ROWS(11)
        ROWS(12)
        ROWS(13)
        ROWS(14)
    default: return;
    }
#undef ROWS
    if (narrow)
        store_tile(t, sums, 1);
    else
        store_tile(t, sums, 2);
}

void tare_u8_conv__vnni_14x32(const struct tare_u8_conv *p,
                              const struct tare_u8_conv_data *d, void *scratch,
                              int64_t begin, int64_t end)
{
    tare_u8_conv_walk(p, d, scratch, begin, end, compute_tile);
}
