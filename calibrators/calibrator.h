/* calibrator.h - the calibrators: one line each in calibrators.inc, one file each. */
#ifndef TARE_CALIBRATOR_H
#define TARE_CALIBRATOR_H

#include "base/error.h"
#include "calibrators/observer.h"

struct tare_threshold {
    float amax; /* > 0, finite */
    double kl;  /* divergence at amax, in nats; NaN, which it starts as: not known */
};

/** Choose from what was observed, which holds at least one finite value that is not
 *  zero. */
typedef enum tare_status tare_threshold_fn(const struct tare_observer *observer,
                                           struct tare_threshold *threshold,
                                           struct tare_error *err);

struct tare_calibrator {
    const char *name;      /* as the user types it */
    const char *algorithm; /* as the cache's header says it */
    tare_threshold_fn *threshold;
};

#define TARE_CALIBRATOR(name, algorithm, threshold) tare_threshold_fn threshold;
#include "calibrators/calibrators.inc"
#undef TARE_CALIBRATOR

/** NULL finds the first of the list. @retval TARE_E_ARG  Unknown; the text lists all.
 */
enum tare_status tare_calibrator_find(const char *name,
                                      const struct tare_calibrator **calibrator,
                                      struct tare_error *err);

#endif /* TARE_CALIBRATOR_H */
