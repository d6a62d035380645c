/* observer.h - what calibration remembers of a tensor: a histogram of |x| and a few
 * exact counts, a function of the multiset of observed values and of nothing else.
 *
 * The bin width is the smallest power of two, from 2^-149 (the smallest float) up, with
 * amax < 4096 * width. A float times a power of two is exact, so bin k holds exactly
 * the values with k * width <= |x| < (k + 1) * width. Doubling the width puts bins 2k
 * and 2k + 1 into bin k, and floor(floor(v) / 2) = floor(v / 2): a histogram that grew
 * from any smaller width equals one that was made with the final width from the start.
 *
 * No sums are kept: their rounding would depend on the order. Moments come from the bin
 * centres. */
#ifndef TARE_OBSERVER_H
#define TARE_OBSERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/observe.h"

enum { TARE_OBSERVER_BINS = TARE_OBSERVE_BINS, TARE_OBSERVER_LEAST_EXPONENT = -149 };

/** Equal multisets give equal bytes: there is no padding. */
struct tare_observer {
    uint64_t bins[TARE_OBSERVER_BINS]; /* of |x|, finite and not zero */
    uint64_t count;                    /* all values */
    uint64_t n_zeros;                  /* of either sign */
    uint64_t n_nan;
    uint64_t n_inf;
    float min; /* of the finite values, never -0; +infinity when there are none */
    float max; /* the same; -infinity */
    int64_t exponent; /* width = 2^exponent; -149 while all values are zero */
};

void tare_observer_init(struct tare_observer *observer);

/** The smallest exponent whose bins reach beyond `amax`, a finite magnitude. */
int64_t tare_observer_exponent(float amax);

/* What tallies are made of (calibrators/tally.h); counts are left to the caller: */

/** Add bins [TARE_OBSERVER_BINS] of width 2^exponent. An exponent that is larger than
 *  the values' own needs shows. */
void tare_observer_add_bins(struct tare_observer *observer, const uint32_t *bins,
                            int64_t exponent);
/** Add `n` values, `value` > 0 each, to the bins and extremes. */
void tare_observer_add_value(struct tare_observer *observer, float value, uint64_t n);
/** Finite values lay between these two. */
void tare_observer_add_extremes(struct tare_observer *observer, float min, float max);

/** Observe everything that `other` has observed. */
void tare_observer_merge(struct tare_observer *observer,
                         const struct tare_observer *other);

/** Number of finite values. */
uint64_t tare_observer_n_finite(const struct tare_observer *observer);

/** max |x| over the finite values; 0 when there are none. */
float tare_observer_amax(const struct tare_observer *observer);

/** Width of a bin. */
double tare_observer_width(const struct tare_observer *observer);

/** Mean of |x| and root of the mean of x * x over the finite values, each value taken
 *  for the centre of its bin; 0 when there are none. */
void tare_observer_moments(const struct tare_observer *observer, double *mean_abs,
                           double *rms);

#endif /* TARE_OBSERVER_H */
