/* AMX-INT8: two tiles of pixels x two of 16 channels. Four tile registers hold the
 * sums, two the pixels and two the weights; a step is 64 bytes of each pixel. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_vnni.h"

enum { STEPS = 16 }; /* of 4 bytes: the rows of a tile register of weights */

/* The operand of LDTILECFG. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Registers 0 to 3 are the sums, two for each tile of pixels, 4 and 5 the pixels, 6 and
 * 7 the weights. Setting a configuration is dear: the state is what is set. */
static void configure(const struct tare_u8_conv_tile *t)
{
    struct tile_config *set = t->state;
    const int64_t second = t->n_rows - t->first_rows;
    const uint8_t rows[] = {(uint8_t)t->first_rows, (uint8_t)(second ? second : 1)};
    if (set->rows[0] == rows[0] && set->rows[2] == rows[1]) return;
    *set = (struct tile_config){.palette = 1};
    for (int i = 0; i < 8; i++) {
        set->row_bytes[i] = 64;
        set->rows[i] = i < 4 ? rows[i / 2] : i < 6 ? rows[i - 4] : STEPS;
    }
    _tile_loadconfig(set);
}

/* A tile's rows of one segment. */
struct rows {
    const uint8_t *first;
    int64_t distance;
};

static struct rows rows_of(const uint8_t *const *rows, int64_t n, int64_t offset)
{
    return (struct rows){rows[0] + offset, n > 1 ? rows[1] - rows[0] : 0};
}

/* Add a step: the pixels' bytes from `k` on with STEPS rows of weights. */
TARE_ALWAYS_INLINE void multiply(const struct rows tile[2], int64_t k,
                                 const int8_t *weights, int64_t weights_distance,
                                 bool two_tiles, bool two_columns)
{
    _tile_loadd(6, weights, weights_distance);
    _tile_loadd(4, tile[0].first + k, tile[0].distance);
    _tile_dpbusd(0, 4, 6);
    if (two_tiles) {
        _tile_loadd(5, tile[1].first + k, tile[1].distance);
        _tile_dpbusd(2, 5, 6);
    }
    if (two_columns) {
        _tile_loadd(7, weights + 64, weights_distance);
        _tile_dpbusd(1, 4, 7);
        if (two_tiles) _tile_dpbusd(3, 5, 7);
    }
}

TARE_ALWAYS_INLINE void accumulate(const struct tare_u8_conv_tile *t, bool two_tiles,
                                   bool two_columns)
{
    const int64_t step_bytes = 4 * t->width;
    const int8_t *weights = t->weights;
    const char *fetched = t->fetch;
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *rows = t->rows + s * TARE_U8_CONV_PITCH;
        const struct rows tile[2] = {rows_of(rows, t->first_rows, t->row_offset),
                                     two_tiles ? rows_of(rows + t->first_rows,
                                                         t->n_rows - t->first_rows,
                                                         t->row_offset)
                                               : (struct rows){0}};
        int64_t step = 0;
        for (; step + STEPS <= t->n_steps; step += STEPS) {
            for (int64_t i = 0; t->fetch_step && i < STEPS; i++) {
                _mm_prefetch(fetched, _MM_HINT_T1);
                fetched += t->fetch_step;
            }
            multiply(tile, 4 * step, weights, step_bytes, two_tiles, two_columns);
            weights += STEPS * step_bytes;
        }
        if (step == t->n_steps) continue;
        /* what follows a segment's weights is the next one's: zeros instead */
        _Alignas(64) int8_t rest[STEPS * 4 * TARE_U8_CONV_BLOCK] = {0};
        memcpy(rest, weights, (size_t)((t->n_steps - step) * step_bytes));
        multiply(tile, 4 * step, rest, step_bytes, two_tiles, two_columns);
        weights += (t->n_steps - step) * step_bytes;
    }
}

TARE_ALWAYS_INLINE void compute(const struct tare_u8_conv_tile *t, bool two_tiles,
                                bool two_columns)
{
    __m512i sums[2 * TARE_U8_CONV_ROWS][2];
    const int64_t distance = sizeof sums[0];
    configure(t);
    _tile_loadd(0, t->acc_init, 0); /* the same 16 channels for every pixel */
    if (two_columns) _tile_loadd(1, t->acc_init + 16, 0);
    if (two_tiles) _tile_loadd(2, t->acc_init, 0);
    if (two_tiles && two_columns) _tile_loadd(3, t->acc_init + 16, 0);
    accumulate(t, two_tiles, two_columns);
    _tile_stored(0, &sums[0][0], distance);
    if (two_columns) _tile_stored(1, &sums[0][1], distance);
    if (two_tiles) _tile_stored(2, &sums[t->first_rows][0], distance);
    if (two_tiles && two_columns) _tile_stored(3, &sums[t->first_rows][1], distance);
    store_rows(t, output_of(t), route_of(t), (const __m512i(*)[2])sums);
}

static void compute_tiles(const struct tare_u8_conv_tile *t)
{
    const bool two_columns = t->width != TARE_U8_CONV_NARROW;
    if (t->n_rows > t->first_rows) {
        if (two_columns)
            compute(t, true, true);
        else
            compute(t, true, false);
    } else {
        if (two_columns)
            compute(t, false, true);
        else
            compute(t, false, false);
    }
}

/* Layers whose pixels do not line up go another way, and those whose steps would be
 * mostly zeros. */
void tare_u8_conv__amx_28x32(const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, void *scratch,
                             int64_t begin, int64_t end)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    if (!tare_u8_conv_has_even_rows(&plan) || plan.n_steps < STEPS) {
        tare_u8_conv__vnni_14x32(p, d, scratch, begin, end);
        return;
    }
    struct tile_config none = {0};
    const struct tare_u8_conv_style style = {.compute = compute_tiles,
                                             .state = &none,
                                             .at_once = 2,
                                             .fetch_tiles = 2,
                                             .even_rows = true};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
    _tile_release();
}
