/* kernels/f32_conv/f32_conv_tile.h - sums of products in registers, for the float32
 * convolutions. Up to TILE_ROWS rows by some vectors of columns stay in registers
 * through a stretch of the chain: 12 x 2 of AVX-512's 32 registers, 6 x 2 of AVX2's 16.
 * One row or two have a whole block of four vectors in the latter, as many chains as
 * hide the latency of one: products of a vector by a matrix. NEON's vectors are 6 x 4
 * of 32 registers. */
#ifndef TARE_KERNELS_F32_CONV_TILE_H
#define TARE_KERNELS_F32_CONV_TILE_H

#include "kernels/f32_conv/f32_conv_plan.h"
#include "kernels/lanes_tile.h"
#include "kernels/repeat.h"

/* The inputs of some rows, the weights of some columns of a block, and what becomes of
 * the sums. Strides in floats from a row to the next. */
struct operands {
    const float *const *inputs; /* [runs][table_rows] */
    int64_t table_rows;
    int64_t runs, first, run_length; /* [first, first + run_length) of each input */
    const float *weights;            /* [runs][run_length][width] */
    int64_t width;
    const float *before; /* sums to go on from, or zeros */
    int64_t before_stride;
    float *out; /* sums, or outputs when there is a bias */
    int64_t out_stride;
    const float *bias;     /* of the columns, or NULL: nothing follows the sums */
    const float *residual; /* or NULL: none */
    int64_t residual_stride;
    lanes lower, upper;
};

typedef void tile_fn(const struct operands *in);

#define START_1(i) lanes a##i = lanes_load(before + (i)*before_stride);
#define START_2(i)                                                                     \
    START_1(i) lanes b##i = lanes_load(before + (i)*before_stride + LANES);
#define START_4(i)                                                                     \
    START_2(i)                                                                         \
    lanes c##i = lanes_load(before + (i)*before_stride + 2 * LANES),                   \
          d##i = lanes_load(before + (i)*before_stride + 3 * LANES);
#define POINT(i)  const float *const x##i = inputs[i] + in->first;
#define STEP_1(i) a##i = lanes_fma(lanes_set1(x##i[c]), w0, a##i);
#define STEP_2(i)                                                                      \
    {                                                                                  \
        const lanes x = lanes_set1(x##i[c]);                                           \
        a##i = lanes_fma(x, w0, a##i);                                                 \
        b##i = lanes_fma(x, w1, b##i);                                                 \
    }
#define STEP_4(i)                                                                      \
    {                                                                                  \
        const lanes x = lanes_set1(x##i[c]);                                           \
        a##i = lanes_fma(x, w0, a##i);                                                 \
        b##i = lanes_fma(x, w1, b##i);                                                 \
        c##i = lanes_fma(x, w2, c##i);                                                 \
        d##i = lanes_fma(x, w3, d##i);                                                 \
    }
#define BIAS_1(i) a##i = lanes_add(a##i, bias0);
#define BIAS_2(i) BIAS_1(i) b##i = lanes_add(b##i, bias1);
#define BIAS_4(i)                                                                      \
    BIAS_2(i) c##i = lanes_add(c##i, bias2);                                           \
    d##i = lanes_add(d##i, bias3);
#define RESIDUAL_1(i)                                                                  \
    a##i = lanes_add(a##i, lanes_load(residual + (i)*residual_stride));
#define RESIDUAL_2(i)                                                                  \
    RESIDUAL_1(i)                                                                      \
    b##i = lanes_add(b##i, lanes_load(residual + (i)*residual_stride + LANES));
#define RESIDUAL_4(i)                                                                  \
    RESIDUAL_2(i)                                                                      \
    c##i = lanes_add(c##i, lanes_load(residual + (i)*residual_stride + 2 * LANES));    \
    d##i = lanes_add(d##i, lanes_load(residual + (i)*residual_stride + 3 * LANES));
#define CLAMP_1(i) a##i = lanes_min(upper, lanes_max(lower, a##i));
#define CLAMP_2(i) CLAMP_1(i) b##i = lanes_min(upper, lanes_max(lower, b##i));
#define CLAMP_4(i)                                                                     \
    CLAMP_2(i) c##i = lanes_min(upper, lanes_max(lower, c##i));                        \
    d##i = lanes_min(upper, lanes_max(lower, d##i));
#define STORE_1(i) lanes_store(out + (i)*out_stride, a##i);
#define STORE_2(i) STORE_1(i) lanes_store(out + (i)*out_stride + LANES, b##i);
#define STORE_4(i)                                                                     \
    STORE_2(i) lanes_store(out + (i)*out_stride + 2 * LANES, c##i);                    \
    lanes_store(out + (i)*out_stride + 3 * LANES, d##i);
#define LOAD_1(name, from) const lanes name##0 = lanes_load(from);
#define LOAD_2(name, from)                                                             \
    LOAD_1(name, from) const lanes name##1 = lanes_load((from) + LANES);
#define LOAD_4(name, from)                                                             \
    LOAD_2(name, from)                                                                 \
    const lanes name##2 = lanes_load((from) + 2 * LANES),                              \
                name##3 = lanes_load((from) + 3 * LANES);

#define TILE(rows, vectors)                                                            \
    static void tile_##rows##x##vectors(const struct operands *in)                     \
    {                                                                                  \
        const float *const *inputs = in->inputs;                                       \
        const float *w = in->weights, *before = in->before;                            \
        const int64_t before_stride = in->before_stride, out_stride = in->out_stride;  \
        float *const out = in->out;                                                    \
        REPEAT_##rows(START_##vectors);                                                \
        for (int64_t run = 0; run < in->runs; run++) {                                 \
            REPEAT_##rows(POINT);                                                      \
            for (int64_t c = 0; c < in->run_length; c++) {                             \
                LOAD_##vectors(w, w);                                                  \
                REPEAT_##rows(STEP_##vectors);                                         \
                w += TILE_STRIDE(vectors);                                             \
            }                                                                          \
            inputs += in->table_rows;                                                  \
        }                                                                              \
        if (in->bias) {                                                                \
            LOAD_##vectors(bias, in->bias);                                            \
            REPEAT_##rows(BIAS_##vectors);                                             \
            const float *const residual = in->residual;                                \
            const int64_t residual_stride = in->residual_stride;                       \
            if (residual) {                                                            \
                REPEAT_##rows(RESIDUAL_##vectors);                                     \
            }                                                                          \
            const lanes lower = in->lower, upper = in->upper;                          \
            REPEAT_##rows(CLAMP_##vectors);                                            \
        }                                                                              \
        REPEAT_##rows(STORE_##vectors);                                                \
    }
#define TILES_TO_6(vectors)                                                            \
    TILE(1, vectors)                                                                   \
    TILE(2, vectors) TILE(3, vectors) TILE(4, vectors) TILE(5, vectors) TILE(6, vectors)
#define NAMES_TO_6(vectors)                                                            \
    tile_1x##vectors, tile_2x##vectors, tile_3x##vectors, tile_4x##vectors,            \
        tile_5x##vectors, tile_6x##vectors

#if defined(__AVX512F__)
#define TILE_ROWS            INT64_C(12)
#define TILE_STRIDE(vectors) ((vectors)*LANES)
#define TILES_TO_12(vectors)                                                           \
    TILES_TO_6(vectors)                                                                \
    TILE(7, vectors)                                                                   \
    TILE(8, vectors)                                                                   \
    TILE(9, vectors) TILE(10, vectors) TILE(11, vectors) TILE(12, vectors)
#define NAMES_TO_12(vectors)                                                           \
    NAMES_TO_6(vectors), tile_7x##vectors, tile_8x##vectors, tile_9x##vectors,         \
        tile_10x##vectors, tile_11x##vectors, tile_12x##vectors
TILES_TO_12(1)
TILES_TO_12(2)
static tile_fn *const tiles[][TILE_ROWS] = {
    [1] = {NAMES_TO_12(1)}, [2] = {NAMES_TO_12(2)}};
/* Vectors of a tile's rows: a whole block. */
static int64_t tile_vectors(int64_t n_rows, int64_t width)
{
    (void)n_rows;
    return width / LANES;
}
#elif defined(__aarch64__)
#define TILE_ROWS            INT64_C(6)
#define TILE_STRIDE(vectors) in->width
TILES_TO_6(4)
static tile_fn *const tiles[][TILE_ROWS] = {[4] = {NAMES_TO_6(4)}};

static int64_t tile_vectors(int64_t n_rows, int64_t width)
{
    (void)n_rows;
    (void)width;
    return 4;
}
#else
#define TILE_ROWS            INT64_C(6)
#define TILE_STRIDE(vectors) in->width
TILES_TO_6(2)
TILE(1, 4)
TILE(2, 4)
static tile_fn *const tiles[][TILE_ROWS] = {
    [2] = {NAMES_TO_6(2)}, [4] = {tile_1x4, tile_2x4}};

static int64_t tile_vectors(int64_t n_rows, int64_t width)
{
    return n_rows <= 2 && width == 4 * LANES ? 4 : 2;
}
#endif

#endif /* TARE_KERNELS_F32_CONV_TILE_H */
