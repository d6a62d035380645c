/* observations.h - the observers of all tensors of a network. */
#ifndef TARE_OBSERVATIONS_H
#define TARE_OBSERVATIONS_H

#include "calibrators/observer.h"
#include "tare/calibration.h"

enum { TARE_EXACT_BINS = 2048 };

struct tare_observed_tensor {
    char *name;
    size_t first_bad_sample; /* SIZE_MAX: none */
    struct tare_observer observer;
    uint64_t *exact; /* [TARE_EXACT_BINS] of width amax / TARE_EXACT_BINS; or NULL */
};

struct tare_observations {
    size_t n_samples;
    uint64_t source; /* what was observed: a hash that the caller makes, or 0 */
    size_t n_tensors;
    struct tare_observed_tensor *tensors;
};

#endif /* TARE_OBSERVATIONS_H */
