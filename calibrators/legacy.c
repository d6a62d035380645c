/* legacy.c - a range from a quantile of the histogram and a regression over its tail,
 * in the manner of TensorRT's IInt8LegacyCalibrator. Of that one only the parameters
 * are published: getQuantile(), "to select the region maximum", and
 * getRegressionCutoff(), "the fraction of the maximum used to define the regression
 * cutoff". The fit is not, so thresholds are not TensorRT's. Ours:
 *
 *   1. The region maximum R is the `quantile` of the magnitudes that are not zero.
 *   2. With a cutoff of 1 there is no regression: the range is R. (BERT's samples use
 *      0.9999 and 1.)
 *   3. Else a line ln h = a + b * x is fitted to the bins from cutoff * R to R that
 * hold something, by least squares weighted with the counts h.
 *   4. The range is where that exponential falls to one value a bin, x = -a / b, but at
 *      least R and at most the largest magnitude; which it also is when fewer than two
 *      bins could be fitted or the line does not fall. */
#include <math.h>

#include "calibrators/calibrator.h"

struct line {
    double weight, x, y; /* sum of the weights; weighted means */
    double xx, xy;       /* weighted sums of squares and products about them */
};

/* One more point (Welford): nothing cancels. */
static void add_point(struct line *l, double x, double y, double weight)
{
    l->weight += weight;
    const double dx = x - l->x;
    l->x += dx * weight / l->weight;
    l->y += (y - l->y) * weight / l->weight;
    l->xx += weight * dx * (x - l->x);
    l->xy += weight * dx * (y - l->y);
}

enum tare_status tare_threshold_legacy(const struct tare_seen *seen,
                                       const struct tare_calibrator_options *options,
                                       struct tare_threshold *threshold,
                                       struct tare_error *err)
{
    (void)err;
    const double region = (double)tare_seen_quantile(seen, options->quantile, 0);
    threshold->amax = (float)region;
    if (options->cutoff >= 1.0) return TARE_OK;

    struct line l = {0};
    for (size_t k = 0; k < seen->n_bins; k++) {
        const double centre = ((double)k + 0.5) * seen->width;
        const double h = (double)seen->bins[k];
        if (h > 0.0 && centre >= options->cutoff * region && centre <= region)
            add_point(&l, centre, log(h), h);
    }
    threshold->amax = seen->amax;
    if (!(l.xy < 0.0)) return TARE_OK; /* one point, or a tail that does not fall */
    const double end = l.x - l.y * l.xx / l.xy;
    threshold->amax = (float)fmin(fmax(end, region), (double)seen->amax);
    return TARE_OK;
}
