#include "recovery/gram.h"

#include "base/mem.h"

enum tare_status tare_gram_create(struct tare_gram *g, size_t n_groups, size_t k,
                                  size_t n_outputs, struct tare_error *err)
{
    size_t n_x, n_xx, n_xy;
    *g = (struct tare_gram){.n_groups = n_groups, .k = k, .n_outputs = n_outputs};
    if (tare_mul_size(n_groups, k, &n_x) && tare_mul_size(n_x, k, &n_xx) &&
        tare_mul_size(n_outputs, k, &n_xy)) {
        g->xx = tare_alloc_array(n_xx, sizeof *g->xx);
        g->xy = tare_alloc_array(n_xy, sizeof *g->xy);
        g->x = tare_alloc_array(n_x, sizeof *g->x);
        g->y = tare_alloc_array(n_outputs, sizeof *g->y);
    }
    TARE_FAIL_IF(!g->xx || !g->xy || !g->x || !g->y, err, TARE_E_NOMEM,
                 "recovery: no memory for %zu x %zu moments", k, k);
    return TARE_OK;
}

void tare_gram_release(struct tare_gram *g)
{
    tare_free(g->xx);
    tare_free(g->xy);
    tare_free(g->x);
    tare_free(g->y);
    *g = (struct tare_gram){0};
}

/* 256 products of at most 255 * 255 fit an int32. */
static int32_t dot_integers(const int16_t *a, const int16_t *b)
{
    int32_t sum = 0;
    for (int i = 0; i < TARE_GRAM_ROWS; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Lanes fix the order of additions, whatever the compiler makes of them. */
static double dot_mixed(const float *a, const int16_t *b)
{
    enum { LANES = 16 };
    float lanes[LANES] = {0};
    for (int i = 0; i < TARE_GRAM_ROWS; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] += a[i + lane] * (float)b[i + lane];
    double sum = 0.0;
    for (int lane = 0; lane < LANES; lane++)
        sum += (double)lanes[lane];
    return sum;
}

struct rows {
    struct tare_gram *g;
    const int16_t *x;
    const float *y;
};

/* Unit u < n_groups * k is a row of xx, the others are rows of xy. */
static void add_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct rows *rows = arg;
    struct tare_gram *g = rows->g;
    const size_t n_x = g->n_groups * g->k;
    (void)worker;
    for (size_t u = (size_t)begin; u < (size_t)end; u++) {
        if (u < n_x) {
            const int16_t *x = rows->x + u * TARE_GRAM_ROWS;
            const size_t row = u % g->k;
            const int16_t *other = x - row * TARE_GRAM_ROWS;
            for (size_t j = 0; j <= row; j++)
                g->xx[u * g->k + j] +=
                    (double)dot_integers(x, other + j * TARE_GRAM_ROWS);
            for (int i = 0; i < TARE_GRAM_ROWS; i++)
                g->x[u] += (double)x[i];
            continue;
        }
        const size_t o = u - n_x;
        const size_t group = o / (g->n_outputs / g->n_groups);
        const float *y = rows->y + o * TARE_GRAM_ROWS;
        const int16_t *x = rows->x + group * g->k * TARE_GRAM_ROWS;
        for (size_t j = 0; j < g->k; j++)
            g->xy[o * g->k + j] += dot_mixed(y, x + j * TARE_GRAM_ROWS);
        for (int i = 0; i < TARE_GRAM_ROWS; i++)
            g->y[o] += (double)y[i];
    }
}

void tare_gram_add(struct tare_gram *g, struct tare_pool *pool, const int16_t *x,
                   const float *y, size_t n_rows)
{
    struct rows rows = {g, x, y};
    tare_pool_run(pool, (int64_t)(g->n_groups * g->k + g->n_outputs), 8, add_units,
                  &rows);
    g->n_rows += n_rows;
}

void tare_gram_finish(struct tare_gram *g)
{
    const double n = (double)g->n_rows;
    const size_t k = g->k, n_x = g->n_groups * k;
    for (size_t i = 0; i < n_x; i++)
        g->x[i] /= n;
    for (size_t o = 0; o < g->n_outputs; o++) {
        const double *x = g->x + o / (g->n_outputs / g->n_groups) * k;
        g->y[o] /= n;
        for (size_t j = 0; j < k; j++)
            g->xy[o * k + j] = g->xy[o * k + j] / n - g->y[o] * x[j];
    }
    for (size_t i = 0; i < n_x; i++) {
        const size_t row = i % k, group = i - row;
        for (size_t j = 0; j <= row; j++) {
            const double v = g->xx[i * k + j] / n - g->x[i] * g->x[group + j];
            g->xx[i * k + j] = v;
            g->xx[(group + j) * k + row] = v;
        }
    }
}
