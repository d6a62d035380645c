/* entropy2.c - the range that keeps most of the histogram's information: TensorRT's
 * IInt8EntropyCalibrator2 as far as it is published.
 *
 * Exact zeros are not in the histogram. They are half of many tensors (ReLU), every
 * range represents them without error, and with them in bin 0 the divergence rewards
 * ranges that leave bin 0 a level of its own: networks collapse. */
#include <float.h>
#include <math.h>

#include "calibrators/calibrator.h"
#include "calibrators/kl.h"

enum { LEVELS = 128 };

enum tare_status tare_threshold_entropy2(const struct tare_observer *observer,
                                         struct tare_threshold *threshold,
                                         struct tare_error *err)
{
    double divergence[TARE_OBSERVER_BINS + 1];
    const enum tare_status st =
        tare_kl_curve(observer->bins, TARE_OBSERVER_BINS, LEVELS, divergence, err);
    if (st != TARE_OK) return st;
    const struct tare_kl_choice best = tare_kl_choose(divergence, TARE_OBSERVER_BINS);
    const double amax = ((double)best.index + 0.5) * tare_observer_width(observer);
    threshold->amax = (float)fmin(amax, (double)FLT_MAX);
    threshold->kl = best.divergence;
    return TARE_OK;
}
