/* base/observe.h - how calibration looks at a block of values. The kernels implement it
 * and calibrators/ uses it; neither includes the other. */
#ifndef TARE_BASE_OBSERVE_H
#define TARE_BASE_OBSERVE_H

#include <stddef.h>
#include <stdint.h>

enum {
    TARE_OBSERVE_BINS = 4096,
    TARE_OBSERVE_BLOCK = 1024,
    TARE_OBSERVE_SLACK = 32 /* indexes behind the last that may be overwritten */
};

struct tare_observe_block {
    int32_t low, high; /* least and greatest ordinal (below) of all values */
    uint32_t n_index;
    uint16_t index[TARE_OBSERVE_BLOCK + TARE_OBSERVE_SLACK];
};

/**
 * Look at x[0] … x[n-1], 1 <= n <= TARE_OBSERVE_BLOCK.
 *   low, high   of ordinal(x), an integer that orders floats as their values do, -0
 * just below +0 and NaN outside: the bits, all but the sign inverted when negative.
 *   index       of the values that are neither +0 nor -0, in their order:
 *               floor(min(|x| * factor, TARE_OBSERVE_BINS - 1)), NaN giving the bound.
 * @param factor  a power of two that is a normal float
 */
typedef void tare_observe_block_fn(const float *x, size_t n, float factor,
                                   struct tare_observe_block *block);

/** The fastest for this CPU (src/api/observe.c). */
tare_observe_block_fn *tare_observe_block_select(void);

#endif /* TARE_BASE_OBSERVE_H */
