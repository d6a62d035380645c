/* kernels/f32_reduce/f32_reduce_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define REDUCE_NAME. */
#include <math.h>

#include "kernels/f32_reduce/f32_reduce.h"
#include "kernels/lanes_fold.h"

/* lanes_max(x, m) is x > m ? x : m. */
static inline lanes sum_step(lanes m, lanes x)
{
    return lanes_add(m, x);
}

static inline lanes max_step(lanes m, lanes x)
{
    return lanes_max(x, m);
}

static inline lanes min_step(lanes m, lanes x)
{
    return lanes_min(x, m);
}

/* A row of n neighbours, and `width` columns of n elements each. */
#define REDUCTION(name, first)                                                         \
    static float name##_row(const float *x, int64_t n)                                 \
    {                                                                                  \
        const lanes start = lanes_set1(first);                                         \
        lanes m[FOLD_VECTORS];                                                         \
        float s[TARE_FOLD];                                                            \
        for (int k = 0; k < FOLD_VECTORS; k++)                                         \
            m[k] = start;                                                              \
        int64_t i = 0;                                                                 \
        for (; i + TARE_FOLD <= n; i += TARE_FOLD)                                     \
            for (int k = 0; k < FOLD_VECTORS; k++)                                     \
                m[k] = name##_step(m[k], lanes_load(x + i + k * LANES));               \
        for (int k = 0; k < FOLD_VECTORS; k++) {                                       \
            m[k] = name##_step(m[k], lanes_fold_load(x + i, k, n - i, start));         \
            lanes_store(s + k * LANES, m[k]);                                          \
        }                                                                              \
        return tare_fold_##name(s);                                                    \
    }                                                                                  \
    static void name##_columns(const float *x, int64_t n, int64_t inner,               \
                               int64_t width, lanes *m)                                \
    {                                                                                  \
        for (int64_t c = 0; c < width; c += LANES)                                     \
            m[c / LANES] = lanes_set1(first);                                          \
        for (int64_t i = 0; i < n; i++, x += inner)                                    \
            for (int64_t c = 0; c < width; c += LANES)                                 \
                m[c / LANES] =                                                         \
                    name##_step(m[c / LANES], lanes_load_upto(x + c, width - c));      \
    }
REDUCTION(sum, 0.0f)
REDUCTION(max, -INFINITY)
REDUCTION(min, INFINITY)

typedef float row_fn(const float *x, int64_t n);
typedef void columns_fn(const float *x, int64_t n, int64_t inner, int64_t width,
                        lanes *m);

static const struct {
    row_fn *row;
    columns_fn *columns;
} reductions[] = {[TARE_REDUCE_MEAN] = {sum_row, sum_columns},
                  [TARE_REDUCE_SUM] = {sum_row, sum_columns},
                  [TARE_REDUCE_MAX] = {max_row, max_columns},
                  [TARE_REDUCE_MIN] = {min_row, min_columns}};

void REDUCE_NAME(const struct tare_f32_reduce *reduce, const float *x, float *y,
                 int64_t begin, int64_t end)
{
    const int64_t n = reduce->n, inner = reduce->inner;
    const int64_t pieces = (inner + TARE_REDUCE_INNER - 1) / TARE_REDUCE_INNER;
    const float divisor = reduce->mode == TARE_REDUCE_MEAN ? (float)n : 1.0f;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t outer = unit / pieces;
        const float *from = x + outer * n * inner;
        if (inner == 1) {
            y[outer] = reductions[reduce->mode].row(from, n) / divisor;
            continue;
        }
        const int64_t first = unit % pieces * TARE_REDUCE_INNER, left = inner - first;
        const int64_t width = left < TARE_REDUCE_INNER ? left : TARE_REDUCE_INNER;
        lanes m[TARE_REDUCE_INNER / LANES];
        reductions[reduce->mode].columns(from + first, n, inner, width, m);
        for (int64_t c = 0; c < width; c += LANES)
            lanes_store_upto(y + outer * inner + first + c,
                             lanes_div(m[c / LANES], lanes_set1(divisor)), width - c);
    }
}
