/* entropy.c - the range that keeps most of the histogram's information (S. Migacz,
 * "8-bit inference with TensorRT", GTC 2017): TensorRT's IInt8EntropyCalibrator2 and,
 * on the tensors that fusion leaves, its IInt8EntropyCalibrator, as far as they are
 * published. Every candidate from 128 bins up is tried; the threshold lies half a bin
 * beyond the last bin that is kept, as TensorRT's caches show, so a tensor that is not
 * clipped gets 2048.5 / 2048 of its largest magnitude from 2048 bins.
 *
 * Exact zeros are not in the histogram. They are half of many tensors (ReLU), every
 * range represents them without error, and with them in bin 0 the divergence rewards
 * ranges that leave bin 0 a level of its own: networks collapse.
 *
 * Kept as published, though a judge by squared error would not: folding the tail into a
 * bin that holds much is cheap, so a threshold may settle at a spike (the constant
 * background of images); and a candidate that ends at an empty bin is infinite, so a
 * lone outlier behind a gap is either kept whole or clipped to the gap's near end. */
#include <float.h>
#include <math.h>

#include "calibrators/calibrator.h"
#include "calibrators/kl.h"
#include "calibrators/observer.h"

enum { LEVELS = 128 };

enum tare_status tare_threshold_entropy(const struct tare_seen *seen,
                                        const struct tare_calibrator_options *options,
                                        struct tare_threshold *threshold,
                                        struct tare_error *err)
{
    double divergence[TARE_OBSERVER_BINS + 1];
    (void)options;
    const enum tare_status st =
        tare_kl_curve(seen->bins, seen->n_bins, LEVELS, divergence, err);
    if (st != TARE_OK) return st;
    const struct tare_kl_choice best = tare_kl_choose(divergence, seen->n_bins);
    const double amax = ((double)best.index + 0.5) * seen->width;
    threshold->amax = (float)fmin(amax, (double)FLT_MAX);
    threshold->kl = best.divergence;
    return TARE_OK;
}
