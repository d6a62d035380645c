/* base/observe.h - how calibration counts values. The kernels implement it and
 * calibrators/ uses it; neither includes the other. */
#ifndef TARE_BASE_OBSERVE_H
#define TARE_BASE_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tare_observe_part {
    TARE_OBSERVE_NEGATIVE, /* below zero */
    TARE_OBSERVE_LOWER,    /* above zero and below the cut */
    TARE_OBSERVE_UPPER,    /* not below the cut */
    TARE_OBSERVE_PARTS
};

enum {
    TARE_OBSERVE_BINS = 4096,
    TARE_OBSERVE_BLOCK = 1024,
    TARE_OBSERVE_SLACK = 8, /* counts that a kernel may spoil */
    TARE_OBSERVE_COUNTS =
        (int)TARE_OBSERVE_PARTS * TARE_OBSERVE_BINS + TARE_OBSERVE_SLACK
};

/** Bins of |x|, of each part's own width 1 / (factor * boost), a power of two. */
struct tare_observe_scale {
    float cut; /* above 0 */
    float factor[TARE_OBSERVE_PARTS];
    float boost;       /* 1, but where the factor alone would be no float */
    int32_t low, high; /* ordinals (below) of the least and the greatest value that all
                          parts' bins reach; finite */
};

/** Extremes of some values, as ordinals: integers that order floats as their values do,
 * -0 just below +0 and NaN outside: the bits, all but the sign inverted when negative.
 */
struct tare_observe_extremes {
    int32_t low, high;
};

/**
 * Look at x[0] … x[n-1] in blocks of TARE_OBSERVE_BLOCK, the last one perhaps shorter,
 * and count every value that is neither +0 nor -0: counts[part * TARE_OBSERVE_BINS +
 * bin] += 1, bin being floor(|x| * factor[part] * boost). Stops before the first block
 * with a value outside scale->low … high.
 * @param counts            [TARE_OBSERVE_COUNTS]
 * @param[in,out] extremes  widened to those of the blocks that were counted.
 * @param[in,out] n_zeros   of either sign: the counted blocks' are added.
 * @return  The number of values in the blocks that were counted.
 */
typedef size_t tare_observe_values_fn(const float *x, size_t n,
                                      const struct tare_observe_scale *scale,
                                      uint32_t *counts,
                                      struct tare_observe_extremes *extremes,
                                      size_t *n_zeros);

/** The fastest for this CPU (src/api/observe.c). */
tare_observe_values_fn *tare_observe_values_select(void);

#endif /* TARE_BASE_OBSERVE_H */
