/* kernels/half_conv/half_conv_tiles.h - patch_sums() of half_conv_walk.h from tile(),
 * which the including file defines: a function a size. A vector has HALF_COLUMNS
 * columns, of which the block may not have the last. */

#if !defined(HALF_COLUMNS)
#define HALF_COLUMNS LANES
#endif

typedef void tile_fn(const struct half_block *b, const HALF_PATCH *patch,
                     int64_t column, float *sums);

#define TILE(rows, vectors)                                                            \
    static void tile_##rows##x##vectors(const struct half_block *b,                    \
                                        const HALF_PATCH *patch, int64_t column,       \
                                        float *sums)                                   \
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
        const int64_t left = (b->width - column + HALF_COLUMNS - 1) / HALF_COLUMNS;
        const int64_t vectors = left < TILE_VECTORS ? left : TILE_VECTORS;
        int64_t row = 0;
        for (int64_t part = 0; part < parts; part++) {
            const int64_t rows = (b->n_rows + parts - 1 - part) / parts;
            tiles[vectors][rows - 1](b, b->patch + row * TARE_HALF_CONV_STRETCH, column,
                                     sums + row * TARE_HALF_CONV_BLOCK + column);
            row += rows;
        }
        column += vectors * HALF_COLUMNS;
    }
}
