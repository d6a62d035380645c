/* kernels/half_conv/half_conv_simd.h - sums in float32 of AVX2, AVX-512 and NEON, for
 * files that define CONV_NAME, HALF_LOAD, HALF_STORE,
 * and HALF_WEIGHTS(pair, width, odd, v): vector v of the weights of a product, from the
 * weights of two. Inputs are widened when they are gathered, weights when they are
 * loaded. 12 x 2 vectors of sums stay in AVX-512's 32 registers, 6 x 2 in AVX2's 16,
 * and 6 x 4 in NEON's 32. */
#define HALF_PATCH float
#include "kernels/half_conv/half_conv_walk.h"
#include "kernels/unroll.h"

static void patch_copy(float *to, const uint16_t *from, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_store(to + i, HALF_LOAD(from + i));
    if (i < n)
        lanes_store_n(to + i, lanes_load_half_upto(HALF_LOAD, from + i, n - i), n - i);
}

#if defined(__AVX512F__)
enum { TILE_ROWS = 12, TILE_VECTORS = 2 };
#elif defined(__aarch64__)
enum { TILE_ROWS = 6, TILE_VECTORS = 4 };
#else
enum { TILE_ROWS = 6, TILE_VECTORS = 2 };
#endif

/* `rows` rows by `vectors` vectors of columns, both constant where it is inlined. */
TARE_ALWAYS_INLINE void tile(const struct half_block *b, const float *patch,
                             int64_t column, float *sums, int rows, int vectors)
{
    const uint16_t *const weights = b->weights;
    lanes acc[TILE_ROWS][TILE_VECTORS];
    TARE_UNROLL
    for (int i = 0; i < rows; i++)
        TARE_UNROLL
    for (int v = 0; v < vectors; v++)
        acc[i][v] = b->is_first
                        ? lanes_zero()
                        : lanes_load(sums + i * TARE_HALF_CONV_BLOCK + v * LANES);
    for (int64_t k = 0; k < b->n; k += 2) {
        const uint16_t *pair = weights + k * b->width;
        TARE_UNROLL
        for (int odd = 0; odd < 2; odd++) {
            lanes w[TILE_VECTORS];
            TARE_UNROLL
            for (int v = 0; v < vectors; v++)
                w[v] = HALF_WEIGHTS(pair, b->width, odd, column + v * LANES);
            TARE_UNROLL
            for (int i = 0; i < rows; i++) {
                const lanes x = lanes_set1(patch[i * TARE_HALF_CONV_STRETCH + k + odd]);
                TARE_UNROLL
                for (int v = 0; v < vectors; v++)
                    acc[i][v] = lanes_fma(x, w[v], acc[i][v]);
            }
        }
    }
    TARE_UNROLL
    for (int i = 0; i < rows; i++)
        TARE_UNROLL
    for (int v = 0; v < vectors; v++)
        lanes_store(sums + i * TARE_HALF_CONV_BLOCK + v * LANES, acc[i][v]);
}

typedef void tile_fn(const struct half_block *b, const float *patch, int64_t column,
                     float *sums);

#define TILE(rows, vectors)                                                            \
    static void tile_##rows##x##vectors(                                               \
        const struct half_block *b, const float *patch, int64_t column, float *sums)   \
    {                                                                                  \
        tile(b, patch, column, sums, rows, vectors);                                   \
    }
#define TILES_6(vectors)                                                               \
    TILE(1, vectors)                                                                   \
    TILE(2, vectors) TILE(3, vectors) TILE(4, vectors) TILE(5, vectors) TILE(6, vectors)
#define NAMES_6(vectors)                                                               \
    tile_1x##vectors, tile_2x##vectors, tile_3x##vectors, tile_4x##vectors,            \
        tile_5x##vectors, tile_6x##vectors

#if defined(__AVX512F__)
#define TILES_12(vectors)                                                              \
    TILES_6(vectors)                                                                   \
    TILE(7, vectors)                                                                   \
    TILE(8, vectors)                                                                   \
    TILE(9, vectors) TILE(10, vectors) TILE(11, vectors) TILE(12, vectors)
#define NAMES_12(vectors)                                                              \
    NAMES_6(vectors), tile_7x##vectors, tile_8x##vectors, tile_9x##vectors,            \
        tile_10x##vectors, tile_11x##vectors, tile_12x##vectors
TILES_12(1)
TILES_12(2)
static tile_fn *const tiles[][TILE_ROWS] = {[1] = {NAMES_12(1)}, [2] = {NAMES_12(2)}};
#elif defined(__aarch64__)
TILES_6(4)
static tile_fn *const tiles[][TILE_ROWS] = {[4] = {NAMES_6(4)}};
#else
TILES_6(2)
static tile_fn *const tiles[][TILE_ROWS] = {[2] = {NAMES_6(2)}};
#endif

static void patch_sums(const struct half_block *b, float *sums)
{
    const int64_t parts = (b->n_rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t column = 0; column < b->width;) {
        const int64_t left = (b->width - column) / LANES;
        const int64_t vectors = left < TILE_VECTORS ? left : TILE_VECTORS;
        int64_t row = 0;
        for (int64_t part = 0; part < parts; part++) {
            const int64_t rows = (b->n_rows + parts - 1 - part) / parts;
            tiles[vectors][rows - 1](b, b->patch + row * TARE_HALF_CONV_STRETCH, column,
                                     sums + row * TARE_HALF_CONV_BLOCK + column);
            row += rows;
        }
        column += vectors * LANES;
    }
}
