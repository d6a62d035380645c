/* kernels/u8_depthwise/u8_depthwise_rows_vnni.h - 3x3 and 5x5 windows over whole rows,
 * for files built with the flags of TARE_CPU_VNNI. Private to this folder.
 *
 * A lane of 32 bits holds a channel's bytes of four input rows in one column, so that a
 * VPDPBUSD takes a column of the window. The columns stay in registers while the window
 * moves along; with the weights one byte further, the same columns are those of the
 * output row below. */
#ifndef TARE_KERNELS_U8_DEPTHWISE_ROWS_VNNI_H
#define TARE_KERNELS_U8_DEPTHWISE_ROWS_VNNI_H

#include <immintrin.h>

#include "kernels/u8_depthwise/u8_depthwise_lanes_vnni.h"
#include "kernels/u8_depthwise/u8_depthwise_walk.h"
#include "kernels/unroll.h"

/* What is a constant: the window's side, 3 or 5, the stride along the row, 1 or 2, the
 * output rows, 1 or 2, and the vectors of 16 channels, 1 or 2. */
struct rows_shape {
    int64_t side, stride, n_rows, vectors;
};

/* Byte c of each of four as lane c. */
TARE_ALWAYS_INLINE __m512i interleave16(const uint8_t *x0, const uint8_t *x1,
                                        const uint8_t *x2, const uint8_t *x3)
{
    const __m512i channels = _mm512_set_epi32(
        0x3f2f1f0f, 0x3e2e1e0e, 0x3d2d1d0d, 0x3c2c1c0c, 0x3b2b1b0b, 0x3a2a1a0a,
        0x39291909, 0x38281808, 0x37271707, 0x36261606, 0x35251505, 0x34241404,
        0x33231303, 0x32221202, 0x31211101, 0x30201000);
    __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const void *)x0));
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const void *)x1), 1);
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const void *)x2), 2);
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const void *)x3), 3);
    return _mm512_permutexvar_epi8(channels, x);
}

/* As above with two: the other two bytes are zero. */
TARE_ALWAYS_INLINE __m512i interleave16_of_two(const uint8_t *x0, const uint8_t *x1)
{
    const __m128i t0 = _mm_loadu_si128((const void *)x0);
    const __m128i t1 = _mm_loadu_si128((const void *)x1);
    const __m256i both =
        _mm256_set_m128i(_mm_unpackhi_epi8(t0, t1), _mm_unpacklo_epi8(t0, t1));
    return _mm512_cvtepu16_epi32(both);
}

/* The input rows 0 to 3, and 4 and 5. */
struct column {
    __m512i quad[2][2]; /* [quad][vector] */
};

/* Four taps of each of 16 channels, of the packed ones; those from `n_taps` on are
 * zero. */
TARE_ALWAYS_INLINE __m512i four_taps(const int8_t *quads, const int64_t *taps,
                                     const int64_t n_taps)
{
    const __m512i lanes = _mm512_set_epi32(
        0x3c3c3c3c, 0x38383838, 0x34343434, 0x30303030, 0x2c2c2c2c, 0x28282828,
        0x24242424, 0x20202020, 0x1c1c1c1c, 0x18181818, 0x14141414, 0x10101010,
        0x0c0c0c0c, 0x08080808, 0x04040404, 0x00000000);
    __m512i all = _mm512_setzero_si512();
    TARE_UNROLL
    for (int64_t i = 0; i < n_taps; i++) {
        const __m512i quad = _mm512_loadu_si512(quads + taps[i] / 4 * QUAD_BYTES);
        const __m512i at =
            _mm512_add_epi8(lanes, _mm512_set1_epi8((char)(taps[i] % 4)));
        all = _mm512_mask_permutexvar_epi8(all, 0x1111111111111111u << i, at, quad);
    }
    return all;
}

/* The weights of the window's column `kx` for the first output row, and for the one
 * below it: a byte further, from one quad to the next. */
TARE_ALWAYS_INLINE void load_weights(const int8_t *weights, int64_t kx,
                                     struct column w[2], const struct rows_shape shape)
{
    const int64_t side = shape.side;
    const int64_t taps[] = {kx, kx + side, kx + 2 * side, kx + 3 * side, kx + 4 * side};
    TARE_UNROLL
    for (int64_t j = 0; j < shape.vectors; j++) {
        const __m512i q0 = four_taps(weights + 64 * j, taps, side < 4 ? side : 4);
        const __m512i q1 = four_taps(weights + 64 * j, taps + 4, side - 4);
        w[0].quad[0][j] = q0;
        w[0].quad[1][j] = q1;
        w[1].quad[0][j] = _mm512_slli_epi32(q0, 8);
        w[1].quad[1][j] =
            _mm512_or_si512(_mm512_slli_epi32(q1, 8), _mm512_srli_epi32(q0, 24));
    }
}

/* Column `x` of the input, from lane `lane` on. */
TARE_ALWAYS_INLINE struct column load_column(const struct tare_u8_depthwise_rows *r,
                                             int64_t x, int64_t lane,
                                             const struct rows_shape shape)
{
    struct column c;
    if (x < 0 || x >= r->in_w) {
        const __m512i padding = _mm512_set1_epi8((char)r->in_zero_point);
        c.quad[0][0] = c.quad[0][1] = c.quad[1][0] = c.quad[1][1] = padding;
        return c;
    }
    const int64_t at = x * r->in_pitch + lane;
    const int64_t n = shape.side + shape.n_rows - 1;
    const uint8_t *in[TARE_U8_DEPTHWISE_ROWS];
    TARE_UNROLL
    for (int64_t i = 0; i < n; i++)
        in[i] = r->input[i] + at;
    const uint8_t *fourth = n > 3 ? in[3] : in[2];
    if (shape.vectors == 1) {
        c.quad[0][0] = interleave16(in[0], in[1], in[2], fourth);
        if (n == 5) c.quad[1][0] = widen16(in[4]);
        if (n == 6) c.quad[1][0] = interleave16_of_two(in[4], in[5]);
    } else {
        const struct pair four = interleave(in[0], in[1], in[2], fourth);
        c.quad[0][0] = four.low;
        c.quad[0][1] = four.high;
    }
    return c;
}

/* 16 channels of a pixel. Each quad has a sum of its own: one for both would be a chain
 * of ten. */
TARE_ALWAYS_INLINE __m512i sum_columns(const struct column *v,
                                       const struct column (*w)[2], int64_t row,
                                       int64_t j, __m512i init,
                                       const struct rows_shape shape)
{
    __m512i sum[2] = {init, _mm512_setzero_si512()};
    TARE_UNROLL
    for (int64_t kx = 0; kx < shape.side; kx++) {
        TARE_UNROLL
        for (int64_t q = 0; q < (shape.side + 3) / 4; q++)
            sum[q] =
                _mm512_dpbusd_epi32(sum[q], v[kx].quad[q][j], w[kx][row].quad[q][j]);
    }
    return shape.side > 4 ? _mm512_add_epi32(sum[0], sum[1]) : sum[0];
}

/* What a stretch of lanes has in common. */
struct stretch {
    int64_t lane;
    uint32_t valid;
    __m512i init[2];
    __m512 multiplier[2], bias[2];
    struct column w[5][2];
};

TARE_ALWAYS_INLINE struct stretch load_stretch(const struct tare_u8_depthwise_rows *r,
                                               int64_t lane,
                                               const struct rows_shape shape)
{
    const int64_t left = r->channels - lane;
    const int8_t *weights =
        r->weights + lane / BLOCK * QUAD_BYTES * r->n_quads + lane % BLOCK * 4;
    struct stretch s = {
        .lane = lane,
        .valid = left >= BLOCK ? UINT32_MAX : UINT32_MAX >> (BLOCK - left),
    };
    TARE_UNROLL
    for (int64_t j = 0; j < shape.vectors; j++) {
        s.init[j] = _mm512_loadu_si512(r->acc_init + lane + 16 * j);
        s.multiplier[j] = _mm512_loadu_ps(r->multiplier + lane + 16 * j);
        s.bias[j] = _mm512_loadu_ps(r->bias + lane + 16 * j);
    }
    TARE_UNROLL
    for (int64_t kx = 0; kx < shape.side; kx++)
        load_weights(weights, kx, s.w[kx], shape);
    return s;
}

/* A stretch of one pixel of an output row. */
TARE_ALWAYS_INLINE void compute_pixel(const struct stretch *s, const struct column *v,
                                      int64_t row,
                                      const struct tare_finish_vnni *finish, uint8_t *y,
                                      const struct rows_shape shape)
{
    __m512 value[2];
    TARE_UNROLL
    for (int64_t j = 0; j < shape.vectors; j++) {
        const __m512i sum = sum_columns(v, s->w, row, j, s->init[j], shape);
        value[j] =
            _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), s->multiplier[j], s->bias[j]);
    }
    if (shape.vectors == 2)
        _mm256_mask_storeu_epi8(y, s->valid,
                                tare_bytes32_vnni(finish, value[0], value[1]));
    else
        _mm_mask_storeu_epi8(y, (__mmask16)s->valid,
                             tare_bytes16_vnni(finish, value[0]));
}

/* The lanes from `lane` on that the shape has, of the rows. */
TARE_ALWAYS_INLINE void compute_lanes(const struct tare_u8_depthwise_rows *rows,
                                      int64_t lane,
                                      const struct tare_finish_vnni *finish,
                                      const struct rows_shape shape)
{
    const struct tare_u8_depthwise_rows r = *rows; /* stores to y cannot change it */
    const struct stretch s = load_stretch(&r, lane, shape);
    struct column v[5];
    int64_t x = -r.pad_left;
    TARE_UNROLL
    for (int64_t kx = shape.stride; kx < shape.side; kx++)
        v[kx] = load_column(&r, x++, lane, shape);
    uint8_t *y = r.y + lane;
    for (int64_t ox = 0; ox < r.out_w; ox++, y += r.out_pitch) {
        TARE_UNROLL
        for (int64_t kx = 0; kx < shape.side; kx++)
            v[kx] = kx + shape.stride < shape.side ? v[kx + shape.stride]
                                                   : load_column(&r, x++, lane, shape);
        TARE_UNROLL
        for (int64_t row = 0; row < shape.n_rows; row++)
            compute_pixel(&s, v, row, finish, y + row * r.row_step, shape);
    }
}

TARE_ALWAYS_INLINE void compute_shape(const struct tare_u8_depthwise_rows *r,
                                      const struct rows_shape shape)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_vnni finish =
        tare_finish_vnni(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    for (int64_t lane = 0; lane < r->channels; lane += 16 * shape.vectors)
        compute_lanes(r, lane, &finish, shape);
}

#endif /* TARE_KERNELS_U8_DEPTHWISE_ROWS_VNNI_H */
