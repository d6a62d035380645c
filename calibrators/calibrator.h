/* calibrator.h - the calibrators: one line each in calibrators.inc, one file each. */
#ifndef TARE_CALIBRATOR_H
#define TARE_CALIBRATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tare/calibration.h"

/** A tensor as a calibrator sees it. */
struct tare_seen {
    const char *name;
    const uint64_t *bins; /* [n_bins]: bin k counts k * width <= |x| < (k + 1) * width,
                             finite and not zero; |x| = n_bins * width is in the last */
    size_t n_bins;
    double width;
    uint64_t n_zeros; /* of either sign */
    float min, max;   /* of the finite values, exact */
    float amax;       /* max(|min|, |max|) */
};

struct tare_threshold {
    float amax;  /* >= 0, finite; negative: no range */
    float scale; /* of the cache; NaN, which it starts as: amax / 127 */
    double kl;   /* divergence at amax, in nats; NaN, which it starts as: not known */
};

/** Choose a range. `seen` holds at least two finite values that differ, unless the
 *  calibrator is loaded. `options` are in range. */
typedef enum tare_status
tare_threshold_fn(const struct tare_seen *seen,
                  const struct tare_calibrator_options *options,
                  struct tare_threshold *threshold, struct tare_error *err);

/** Which tensors are observed. */
enum tare_fusion { TARE_BEFORE_FUSION, TARE_AFTER_FUSION };

struct tare_calibrator {
    const char *name;      /* as the user types it */
    const char *algorithm; /* as the cache's header says it; NULL: it is loaded: the
                              ranges come from options->ranges, and so does this */
    enum tare_fusion fusion;
    tare_threshold_fn *threshold;
};

#define TARE_CALIBRATOR(name, algorithm, fusion, threshold) tare_threshold_fn threshold;
#include "calibrators/calibrators.inc"
#undef TARE_CALIBRATOR

/** NULL finds the first of the list. @retval TARE_E_ARG  Unknown; the text lists all.
 */
enum tare_status tare_calibrator_find(const char *name,
                                      const struct tare_calibrator **calibrator,
                                      struct tare_error *err);

/** Defaults in place of zeros. @retval TARE_E_ARG  A setting is out of range. */
enum tare_status
tare_calibrator_settle(const struct tare_calibrator *calibrator,
                       const struct tare_calibrator_options *options, /* NULL: none */
                       struct tare_calibrator_options *settled, struct tare_error *err);

/** Upper edge of the first bin up to which bins[] and `zeros` hold at least `share` of
 *  everything, but not above seen->amax. */
float tare_seen_quantile(const struct tare_seen *seen, double share, uint64_t zeros);

#endif /* TARE_CALIBRATOR_H */
