#include "graph/weight_grid.h"

#include <math.h>

/* How far from a multiple of the step a weight on a grid may lie, in steps: float32
 * keeps 127 steps to 127 * 2^-24, and folding another factor in costs as much again. */
#define GRID_TOLERANCE 1e-4

struct weights {
    const float *w;
    size_t n, run, stride;
};

static double weight_at(const struct weights *of, size_t i)
{
    return (double)of->w[i / of->run * of->stride + i % of->run];
}

static bool is_on_grid(const struct weights *of, double scale)
{
    for (size_t i = 0; i < of->n; i++) {
        const double v = weight_at(of, i) / scale;
        if (fabs(v - rint(v)) > GRID_TOLERANCE) return false;
    }
    return true;
}

/* @param[out] least, most  0 where there is none below, or above. */
static void find_bounds(const struct weights *of, double *least, double *most)
{
    *least = *most = 0.0;
    for (size_t i = 0; i < of->n; i++) {
        *least = fmin(*least, weight_at(of, i));
        *most = fmax(*most, weight_at(of, i));
    }
}

bool tare_weight_grid(const float *w, size_t n, size_t run, size_t stride,
                      double *scale)
{
    const struct weights weights = {w, n, run, stride};
    double least, most;
    find_bounds(&weights, &least, &most);
    const double largest = fmax(-least, most);
    if (!(largest > 0.0)) {
        *scale = 1.0;
        return true;
    }
    /* -128 is a byte, 128 is none. */
    for (int levels = most < largest * 127.5 / 128.0 ? 128 : 127; levels > 0; levels--)
        if (is_on_grid(&weights, largest / levels)) {
            *scale = largest / levels;
            return true;
        }
    return false;
}

double tare_weight_scale(const float *w, size_t n)
{
    const struct weights weights = {w, n, n, 0};
    double least, most, scale;
    if (tare_weight_grid(w, n, n, 0, &scale)) return scale;
    find_bounds(&weights, &least, &most);
    return fmax(-least, most) / 127.0;
}
