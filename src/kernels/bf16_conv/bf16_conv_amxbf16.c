/* AMX-BF16: two tiles of 16 pixels by two of 16 outputs, 32 products of each sum a
 * step. TDPBF16PS rounds as VDPBF16PS does, with the same bound: see
 * bf16_conv_avx512bf16.c.
 */
#define HALF_PATCH uint16_t
#define HALF_STEP  32
#define HALF_LOAD  lanes_load_bf16
#define HALF_STORE lanes_store_bf16
#include "kernels/bf16_conv/bf16_conv.h"
#include "kernels/half_conv/half_conv_walk.h"
#include "kernels/unroll.h"

enum { TILE = 16 }; /* rows of a tile register, each of 64 bytes */

/* The operand of LDTILECFG. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static void patch_copy(uint16_t *to, const uint16_t *from, int64_t n)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

/* A step. Registers 0 to 3 are the sums, two for each tile of pixels, 4 and 5 the
 * pixels, 6 and 7 the weights. Rows of pixels that are not there add to sums that
 * nobody reads. */
TARE_ALWAYS_INLINE void multiply(const uint16_t *patch, const uint16_t *weights,
                                 int64_t row_bytes, bool two_tiles, bool two_columns)
{
    enum { PATCH_BYTES = TARE_HALF_CONV_STRETCH * sizeof(uint16_t) };
    _tile_loadd(6, weights, row_bytes);
    _tile_loadd(4, patch, PATCH_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    if (two_tiles) {
        _tile_loadd(5, patch + TILE * TARE_HALF_CONV_STRETCH, PATCH_BYTES);
        _tile_dpbf16ps(2, 5, 6);
    }
    if (two_columns) {
        _tile_loadd(7, weights + 2 * TILE, row_bytes);
        _tile_dpbf16ps(1, 4, 7);
        if (two_tiles) _tile_dpbf16ps(3, 5, 7);
    }
}

/* The weights of the last products: what follows them is other blocks'. */
static void copy_rest(uint16_t *rest, const uint16_t *weights, int64_t width,
                      int64_t n_pairs, int64_t n_columns)
{
    memset(rest, 0, TILE * 4 * TILE * sizeof *rest);
    for (int64_t i = 0; i < n_pairs; i++)
        memcpy(rest + i * 4 * TILE, weights + i * 2 * width,
               (size_t)(2 * n_columns) * sizeof *rest);
}

TARE_ALWAYS_INLINE void columns_sums(const struct half_block *b, int64_t column,
                                     float *sums, bool two_tiles, bool two_columns)
{
    enum { SUMS_BYTES = TARE_HALF_CONV_BLOCK * sizeof(float) };
    const uint16_t *weights = b->weights + 2 * column;
    float *second = sums + TILE * TARE_HALF_CONV_BLOCK;
    if (b->is_first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, SUMS_BYTES);
        if (two_columns) _tile_loadd(1, sums + TILE, SUMS_BYTES);
        if (two_tiles) _tile_loadd(2, second, SUMS_BYTES);
        if (two_tiles && two_columns) _tile_loadd(3, second + TILE, SUMS_BYTES);
    }
    int64_t k = 0;
    for (; k + HALF_STEP <= b->n_packed; k += HALF_STEP)
        multiply(b->patch + k, weights + k * b->width,
                 2 * b->width * (int64_t)sizeof *weights, two_tiles, two_columns);
    if (k < b->n_packed) {
        _Alignas(64) uint16_t rest[TILE * 4 * TILE];
        copy_rest(rest, weights + k * b->width, b->width, (b->n_packed - k) / 2,
                  two_columns ? 2 * TILE : TILE);
        multiply(b->patch + k, rest, 4 * TILE * sizeof *rest, two_tiles, two_columns);
    }
    _tile_stored(0, sums, SUMS_BYTES);
    if (two_columns) _tile_stored(1, sums + TILE, SUMS_BYTES);
    if (two_tiles) _tile_stored(2, second, SUMS_BYTES);
    if (two_tiles && two_columns) _tile_stored(3, second + TILE, SUMS_BYTES);
}

static void patch_sums(const struct half_block *b, float *sums)
{
    const bool two_tiles = b->n_rows > TILE;
    for (int64_t column = 0; column < b->width; column += 2 * TILE) {
        const bool two_columns = column + TILE < b->width;
        if (two_tiles && two_columns)
            columns_sums(b, column, sums + column, true, true);
        else if (two_tiles)
            columns_sums(b, column, sums + column, true, false);
        else if (two_columns)
            columns_sums(b, column, sums + column, false, true);
        else
            columns_sums(b, column, sums + column, false, false);
    }
}

void tare_bf16_conv__amxbf16(const struct tare_half_conv *conv,
                             const struct tare_half_conv_data *data, void *scratch,
                             int64_t begin, int64_t end)
{
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = TILE;
    }
    _tile_loadconfig(&config);
    half_walk(conv, data, scratch, begin, end);
    _tile_release();
}
