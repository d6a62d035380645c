/* kernels/f32_conv/f32_conv_product.h - products of some rows by blocks of packed
 * weights, for the float32 convolutions: the walk over register tiles. The chains are
 * cut into stretches, whose weights stay in the first-level cache for all rows, and
 * whose inputs stay in the second-level cache for all blocks. */
#ifndef TARE_KERNELS_F32_CONV_PRODUCT_H
#define TARE_KERNELS_F32_CONV_PRODUCT_H

#include "kernels/f32_conv/f32_conv_tile.h"

#define STRETCH INT64_C(192)
#define LINE    (INT64_C(64) / (int64_t)sizeof(float)) /* of a cache */

struct product {
    const float *const *inputs; /* [runs][table_rows] */
    int64_t table_rows, n_rows;
    int64_t runs, run_length;
    const float *weights; /* [block][runs][run_length][width of the block] */
    int64_t n_columns;    /* TARE_F32_CONV_BLOCK a block; the last may have 16 */
    const float *next;    /* read after these: weights of another product, */
    int64_t n_next;       /* so many floats */
    float *sums;          /* [n_rows][sums_stride] */
    int64_t sums_stride;
    const struct lanes_tile *y; /* where outputs go; NULL: the sums are the result */
    const struct tare_f32_epilogue *epilogue;
};

/* A part of all chains: a part of a run, or whole ones. */
struct stretch {
    int64_t run, runs, first, length;
    bool is_first, is_last;
};

/* Parts that a run is cut into, or runs that are taken together. */
static int64_t run_parts(const struct product *p)
{
    return p->n_rows <= TILE_ROWS ? 1 : (p->run_length + STRETCH - 1) / STRETCH;
}

static int64_t stretch_runs(const struct product *p)
{
    if (p->n_rows <= TILE_ROWS) return p->runs;
    return p->run_length < STRETCH ? STRETCH / p->run_length : 1;
}

static int64_t stretch_count(const struct product *p)
{
    const int64_t runs = stretch_runs(p);
    return (p->runs + runs - 1) / runs * run_parts(p);
}

static struct stretch stretch_at(const struct product *p, int64_t i)
{
    const int64_t parts = run_parts(p), runs = stretch_runs(p);
    const int64_t run = i / parts * runs, part = i % parts;
    const int64_t first = p->run_length * part / parts;
    return (struct stretch){.run = run,
                            .runs = p->runs - run < runs ? p->runs - run : runs,
                            .first = first,
                            .length = p->run_length * (part + 1) / parts - first,
                            .is_first = i == 0,
                            .is_last = run + runs >= p->runs && part + 1 == parts};
}

/* Products of a chain in front of a stretch. */
static int64_t stretch_begin(const struct product *p, const struct stretch *s)
{
    return s->run * p->run_length + s->first;
}

static int64_t block_width(const struct product *p, int64_t block)
{
    const int64_t left = p->n_columns - block * TARE_F32_CONV_BLOCK;
    return left < TARE_F32_CONV_BLOCK ? left : TARE_F32_CONV_BLOCK;
}

static const float *block_weights(const struct product *p, int64_t block)
{
    return p->weights + block * TARE_F32_CONV_BLOCK * p->runs * p->run_length;
}

/* Weights that are fetched while others are multiplied: so many lines before each
 * tile. All at once they would hold up the loads of its own. */
struct ahead {
    const float *at, *end;
    int64_t lines;
};

static void fetch(struct ahead *ahead)
{
    for (int64_t i = 0; i < ahead->lines && ahead->at < ahead->end; i++) {
        __builtin_prefetch(ahead->at, 0, 2);
        ahead->at += LINE;
    }
}

/* What follows stretch `i` of a block: that of the next block, the next stretch of the
 * first, or the next product; during `n_tiles` tiles. */
static struct ahead plan_ahead(const struct product *p, int64_t i, int64_t block,
                               int64_t n_tiles)
{
    const bool is_last_block = (block + 1) * TARE_F32_CONV_BLOCK >= p->n_columns;
    const float *at = p->next;
    int64_t n = p->n_next;
    if (!is_last_block || i + 1 < stretch_count(p)) {
        const struct stretch s = stretch_at(p, is_last_block ? i + 1 : i);
        const int64_t next = is_last_block ? 0 : block + 1;
        const int64_t width = block_width(p, next);
        at = block_weights(p, next) + stretch_begin(p, &s) * width;
        n = s.runs * s.length * width;
    }
    if (n == 0) return (struct ahead){0}; /* `at` may be NULL */
    return (struct ahead){.at = at, .end = at + n, .lines = n / LINE / n_tiles + 1};
}

/* What the next tile adds and overwrites: rows that are far apart, which no processor
 * foresees. */
static void fetch_outputs(const struct product *p, int64_t row, int64_t column,
                          int64_t n_columns)
{
    const struct lanes_tile *y = p->y;
    const int64_t end = p->n_rows - row < TILE_ROWS ? p->n_rows : row + TILE_ROWS;
    for (; row < end; row++)
        for (int64_t c = column; c < column + n_columns; c += LINE) {
            if (y->residual)
                __builtin_prefetch(y->residual + row * y->residual_stride + c);
            __builtin_prefetch(y->y + row * y->y_stride + c, 1);
        }
}

/* Rows [row, row + rows) to outputs that need more than a tile's own steps, or are
 * fewer than its columns. */
static void store_outputs(const struct product *p, struct operands in, tile_fn *tile,
                          int64_t row, int64_t rows, int64_t column, int64_t n_columns)
{
    _Alignas(64) float sums[TILE_ROWS * TARE_F32_CONV_BLOCK];
    struct lanes_tile y = *p->y;
    in.out = sums;
    in.out_stride = TARE_F32_CONV_BLOCK;
    tile(&in);
    y.sums = sums;
    y.sums_stride = TARE_F32_CONV_BLOCK;
    y.rows = rows;
    y.columns = y.columns - column < n_columns ? y.columns - column : n_columns;
    y.y += row * y.y_stride + column;
    if (y.bias) y.bias += column;
    if (y.residual) y.residual += row * y.residual_stride + column;
    lanes_tile_store(p->epilogue, &y);
}

/* Some columns of all rows for a stretch; in.weights are theirs. */
static void column_products(const struct product *p, const struct stretch *s,
                            struct operands in, int64_t column, int64_t vectors,
                            struct ahead *ahead)
{
    static const float zeros[TARE_F32_CONV_BLOCK];
    const int64_t parts = (p->n_rows + TILE_ROWS - 1) / TILE_ROWS;
    const bool is_output = s->is_last && p->y;
    const bool in_tile = is_output && p->epilogue->negative_slope == 1.0f &&
                         column + vectors * LANES <= p->y->columns;
    if (in_tile) {
        in.bias = p->y->bias ? p->y->bias + column : zeros;
        in.lower = lanes_set1(p->epilogue->lower);
        in.upper = lanes_set1(p->epilogue->upper);
    }
    for (int64_t part = 0, row = 0, rows; part < parts; part++, row += rows) {
        rows = (p->n_rows + parts - 1 - part) / parts;
        tile_fn *const tile = tiles[vectors][rows - 1];
        float *const sums = p->sums + row * p->sums_stride + column;
        in.before = s->is_first ? zeros : sums;
        in.before_stride = s->is_first ? 0 : p->sums_stride;
        in.out = in_tile ? p->y->y + row * p->y->y_stride + column : sums;
        in.out_stride = in_tile ? p->y->y_stride : p->sums_stride;
        if (in_tile && p->y->residual)
            in.residual = p->y->residual + row * p->y->residual_stride + column;
        fetch(ahead);
        if (is_output) fetch_outputs(p, row + rows, column, vectors * LANES);
        if (is_output && !in_tile)
            store_outputs(p, in, tile, row, rows, column, vectors * LANES);
        else
            tile(&in);
        in.inputs += rows;
    }
}

static void product_run(const struct product *p)
{
    const int64_t n_stretches = stretch_count(p);
    for (int64_t i = 0; i < n_stretches; i++) {
        const struct stretch s = stretch_at(p, i);
        for (int64_t block = 0; block * TARE_F32_CONV_BLOCK < p->n_columns; block++) {
            const int64_t width = block_width(p, block);
            const int64_t vectors = tile_vectors(p->n_rows, width);
            const int64_t n_tiles =
                (p->n_rows + TILE_ROWS - 1) / TILE_ROWS * (width / (vectors * LANES));
            struct ahead ahead = plan_ahead(p, i, block, n_tiles);
            struct operands in = {.inputs = p->inputs + s.run * p->table_rows,
                                  .table_rows = p->table_rows,
                                  .runs = s.runs,
                                  .first = s.first,
                                  .run_length = s.length,
                                  .weights = block_weights(p, block) +
                                             stretch_begin(p, &s) * width,
                                  .width = width,
                                  .residual_stride = p->y ? p->y->residual_stride : 0};
            for (int64_t c = 0; c < width; c += vectors * LANES) {
                column_products(p, &s, in, block * TARE_F32_CONV_BLOCK + c, vectors,
                                &ahead);
                in.weights += vectors * LANES;
            }
        }
    }
}

#endif /* TARE_KERNELS_F32_CONV_PRODUCT_H */
