#include "graph/weight_grid.h"

#include <math.h>

/* How far from a multiple of the step a weight on a grid may lie, in steps: float32
 * keeps 127 steps to 127 * 2^-24, and folding another factor in costs as much again. */
#define GRID_TOLERANCE 1e-4

enum { LANES = 16 };

struct weights {
    const float *w;
    size_t n, run, stride;
};

/* Run `i`, and its length: the last may be shorter. */
static const float *run_at(const struct weights *of, size_t i, size_t *n)
{
    const size_t left = of->n - i * of->run;
    *n = left < of->run ? left : of->run;
    return of->w + i * of->stride;
}

static size_t n_runs(const struct weights *of)
{
    return of->n / of->run + (of->n % of->run != 0);
}

static bool is_run_on_grid(const float *w, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        const double v = (double)w[i] / scale;
        if (fabs(v - rint(v)) > GRID_TOLERANCE) return false;
    }
    return true;
}

static bool is_on_grid(const struct weights *of, double scale)
{
    for (size_t i = 0; i < n_runs(of); i++) {
        size_t n;
        const float *w = run_at(of, i, &n);
        if (!is_run_on_grid(w, n, scale)) return false;
    }
    return true;
}

/* Bounds that the compiler keeps in vectors. A NaN is in none of them. */
struct bounds {
    float least[LANES], most[LANES];
};

static void widen(struct bounds *b, const float *w, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            b->least[k] = w[i + k] < b->least[k] ? w[i + k] : b->least[k];
            b->most[k] = w[i + k] > b->most[k] ? w[i + k] : b->most[k];
        }
    for (size_t k = 0; i < n; i++, k++) {
        b->least[k] = w[i] < b->least[k] ? w[i] : b->least[k];
        b->most[k] = w[i] > b->most[k] ? w[i] : b->most[k];
    }
}

/* @param[out] least, most  0 where there is none below, or above. */
static void find_bounds(const struct weights *of, double *least, double *most)
{
    struct bounds b = {{0.0f}, {0.0f}};
    for (size_t i = 0; i < n_runs(of); i++) {
        size_t n;
        const float *w = run_at(of, i, &n);
        widen(&b, w, n);
    }
    *least = *most = 0.0;
    for (size_t k = 0; k < LANES; k++) {
        *least = fmin(*least, (double)b.least[k]);
        *most = fmax(*most, (double)b.most[k]);
    }
}

/* @param largest  of all magnitudes, `most` of the positive ones */
static bool find_step(const struct weights *of, double largest, double most,
                      double *scale)
{
    if (!(largest > 0.0)) {
        *scale = 1.0;
        return true;
    }
    /* -128 is a byte, 128 is none. */
    for (int levels = most < largest * 127.5 / 128.0 ? 128 : 127; levels > 0; levels--)
        if (is_on_grid(of, largest / levels)) {
            *scale = largest / levels;
            return true;
        }
    return false;
}

bool tare_weight_grid(const float *w, size_t n, size_t run, size_t stride,
                      double *scale)
{
    const struct weights weights = {w, n, run, stride};
    double least, most;
    find_bounds(&weights, &least, &most);
    return find_step(&weights, fmax(-least, most), most, scale);
}

double tare_weight_scale(const float *w, size_t n)
{
    const struct weights weights = {w, n, n, 0};
    double least, most, scale;
    find_bounds(&weights, &least, &most);
    const double largest = fmax(-least, most);
    return find_step(&weights, largest, most, &scale) ? scale : largest / 127.0;
}
