/* kernels/f32_conv/f32_conv_tile.h - sums of products in registers, for the float32
 * convolutions. Up to TILE_ROWS rows by some vectors of columns stay in registers
 * through the whole chain: 12 x 2 of AVX-512's 32 registers, 6 x 2 of AVX2's 16. One
 * row or two have a whole block of four vectors in the latter, as many chains as hide
 * the latency of one: products of a vector by a matrix. NEON's vectors are 6 x 4 of 32
 * registers. */
#ifndef TARE_KERNELS_F32_CONV_TILE_H
#define TARE_KERNELS_F32_CONV_TILE_H

#include "kernels/f32_conv/f32_conv_plan.h"
#include "kernels/lanes.h"
#include "kernels/repeat.h"

/* Weights that are fetched while others are multiplied: so many lines before each
 * tile. All at once they would hold up the loads of its own. */
struct ahead {
    const float *at, *end;
    int64_t lines;
};

/* The inputs of some rows of a tile, the weights of some columns of a block. */
struct operands {
    const float *const *inputs;      /* [runs][TARE_F32_CONV_ROWS] */
    int64_t runs, first, run_length; /* [first, first + run_length) of each input */
    const float *weights;            /* [runs][run_length][width] */
    int64_t width;
    const float *before; /* sums to go on from, or zeros */
    struct ahead *ahead;
};

/* sums[row * TARE_F32_CONV_BLOCK + column]. */
typedef void tile_fn(const struct operands *in, float *sums);

#define START_1(i) lanes a##i = lanes_load(before + (i)*TARE_F32_CONV_BLOCK);
#define START_2(i)                                                                     \
    START_1(i) lanes b##i = lanes_load(before + (i)*TARE_F32_CONV_BLOCK + LANES);
#define START_4(i)                                                                     \
    START_2(i)                                                                         \
    lanes c##i = lanes_load(before + (i)*TARE_F32_CONV_BLOCK + 2 * LANES),             \
          d##i = lanes_load(before + (i)*TARE_F32_CONV_BLOCK + 3 * LANES);
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
#define FINISH_1(i) lanes_store(sums + (i)*TARE_F32_CONV_BLOCK, a##i);
#define FINISH_2(i)                                                                    \
    FINISH_1(i) lanes_store(sums + (i)*TARE_F32_CONV_BLOCK + LANES, b##i);
#define FINISH_4(i)                                                                    \
    FINISH_2(i)                                                                        \
    lanes_store(sums + (i)*TARE_F32_CONV_BLOCK + 2 * LANES, c##i);                     \
    lanes_store(sums + (i)*TARE_F32_CONV_BLOCK + 3 * LANES, d##i);
#define WEIGHTS_1 const lanes w0 = lanes_load(w);
#define WEIGHTS_2 WEIGHTS_1 const lanes w1 = lanes_load(w + LANES);
#define WEIGHTS_4                                                                      \
    WEIGHTS_2 const lanes w2 = lanes_load(w + 2 * LANES),                              \
                          w3 = lanes_load(w + 3 * LANES);

#define TILE(rows, vectors)                                                            \
    static void tile_##rows##x##vectors(const struct operands *in, float *sums)        \
    {                                                                                  \
        const float *const *inputs = in->inputs;                                       \
        const float *w = in->weights, *before = in->before;                            \
        REPEAT_##rows(START_##vectors);                                                \
        for (int64_t run = 0; run < in->runs; run++) {                                 \
            REPEAT_##rows(POINT);                                                      \
            for (int64_t c = 0; c < in->run_length; c++) {                             \
                WEIGHTS_##vectors;                                                     \
                REPEAT_##rows(STEP_##vectors);                                         \
                w += TILE_STRIDE(vectors);                                             \
            }                                                                          \
            inputs += TARE_F32_CONV_ROWS;                                              \
        }                                                                              \
        REPEAT_##rows(FINISH_##vectors);                                               \
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

/* Products of a sum that are added before the next rows' turn: their weights stay in
 * the first-level cache for all rows. */
#define STRETCH INT64_C(192)
#define LINE    (INT64_C(64) / (int64_t)sizeof(float)) /* of a cache */

/* Fetch at[0] … at[n - 1] during the sums of `n_rows` rows of `depth` products. */
static struct ahead plan_ahead(const float *at, int64_t n, int64_t n_rows,
                               int64_t depth)
{
    const int64_t n_tiles =
        (n_rows + TILE_ROWS - 1) / TILE_ROWS * ((depth + STRETCH - 1) / STRETCH);
    return (struct ahead){.at = at, .end = at + n, .lines = n / LINE / n_tiles + 1};
}

static void fetch(struct ahead *ahead)
{
    for (int64_t i = 0; i < ahead->lines && ahead->at < ahead->end; i++) {
        __builtin_prefetch(ahead->at, 0, 2);
        ahead->at += LINE;
    }
}

/* Some columns of all rows, in register tiles, from zero or from the sums so far. */
static void column_sums(int64_t n_rows, struct operands in, bool from_zero,
                        int64_t vectors, float *sums)
{
    static const float zeros[TILE_ROWS * TARE_F32_CONV_BLOCK];
    const int64_t parts = (n_rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t rows = (n_rows + parts - 1 - part) / parts;
        in.before = from_zero ? zeros : sums;
        fetch(in.ahead);
        tiles[vectors][rows - 1](&in, sums);
        in.inputs += rows;
        sums += rows * TARE_F32_CONV_BLOCK;
    }
}

/* The same, a stretch of the sums at a time: a part of a run, or whole ones. */
static void stretch_sums(int64_t n_rows, struct operands in, int64_t vectors,
                         float *sums)
{
    const struct operands all = in;
    const int64_t parts =
        n_rows <= TILE_ROWS ? 1 : (all.run_length + STRETCH - 1) / STRETCH;
    const int64_t runs = n_rows <= TILE_ROWS        ? all.runs
                         : all.run_length < STRETCH ? STRETCH / all.run_length
                                                    : 1;
    for (int64_t run = 0; run < all.runs; run += runs) {
        in.runs = all.runs - run < runs ? all.runs - run : runs;
        in.inputs = all.inputs + run * TARE_F32_CONV_ROWS;
        for (int64_t part = 0; part < parts; part++) {
            in.first = all.run_length * part / parts;
            in.run_length = all.run_length * (part + 1) / parts - in.first;
            in.weights = all.weights + (run * all.run_length + in.first) * in.width;
            column_sums(n_rows, in, run + part == 0, vectors, sums);
        }
    }
}

/* sums[row * TARE_F32_CONV_BLOCK + column] of `n_rows` rows by a block of in.width
 * columns. */
static void block_sums(int64_t n_rows, struct operands in, float *sums)
{
    const int64_t vectors = tile_vectors(n_rows, in.width);
    const float *weights = in.weights;
    for (int64_t column = 0; column < in.width; column += vectors * LANES) {
        in.weights = weights + column;
        stretch_sums(n_rows, in, vectors, sums + column);
    }
}

#endif /* TARE_KERNELS_F32_CONV_TILE_H */
