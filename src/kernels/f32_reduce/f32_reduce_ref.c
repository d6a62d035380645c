/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_fold.h"
#include "kernels/f32_reduce/f32_reduce.h"

static float start(enum tare_reduce_mode mode)
{
    if (mode == TARE_REDUCE_MAX) return -INFINITY;
    return mode == TARE_REDUCE_MIN ? INFINITY : 0.0f;
}

static float step(enum tare_reduce_mode mode, float m, float x)
{
    if (mode == TARE_REDUCE_MAX) return tare_fold_larger(m, x);
    return mode == TARE_REDUCE_MIN ? tare_fold_smaller(m, x) : m + x;
}

static float finish(const struct tare_f32_reduce *reduce, float v)
{
    return reduce->mode == TARE_REDUCE_MEAN ? v / (float)reduce->n : v;
}

static float reduce_row(const struct tare_f32_reduce *reduce, const float *x)
{
    const enum tare_reduce_mode mode = (enum tare_reduce_mode)reduce->mode;
    float s[TARE_FOLD];
    for (int j = 0; j < TARE_FOLD; j++)
        s[j] = start(mode);
    for (int64_t i = 0; i < reduce->n; i++)
        s[i % TARE_FOLD] = step(mode, s[i % TARE_FOLD], x[i]);
    if (mode == TARE_REDUCE_MAX) return tare_fold_max(s);
    if (mode == TARE_REDUCE_MIN) return tare_fold_min(s);
    return finish(reduce, tare_fold_sum(s));
}

static float reduce_column(const struct tare_f32_reduce *reduce, const float *x)
{
    const enum tare_reduce_mode mode = (enum tare_reduce_mode)reduce->mode;
    float v = start(mode);
    for (int64_t i = 0; i < reduce->n; i++)
        v = step(mode, v, x[i * reduce->inner]);
    return finish(reduce, v);
}

void tare_f32_reduce__ref(const struct tare_f32_reduce *reduce, const float *x,
                          float *y, int64_t begin, int64_t end)
{
    const int64_t inner = reduce->inner;
    const int64_t pieces = (inner + TARE_REDUCE_INNER - 1) / TARE_REDUCE_INNER;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t outer = unit / pieces;
        const int64_t first = unit % pieces * TARE_REDUCE_INNER;
        const float *from = x + outer * reduce->n * inner;
        if (inner == 1) y[outer] = reduce_row(reduce, from);
        for (int64_t i = first; inner > 1 && i < inner && i < first + TARE_REDUCE_INNER;
             i++)
            y[outer * inner + i] = reduce_column(reduce, from + i);
    }
}
