/* tools/compare_tally.h - what is counted of one tensor while samples run: constant in
 * the number of samples, and independent of which thread or rank saw which. */
#ifndef TARE_TOOLS_COMPARE_TALLY_H
#define TARE_TOOLS_COMPARE_TALLY_H

#include <stdbool.h>

#include "tare/tensor.h"
#include "tools/exact_sum.h"
#include "tools/histogram.h"

/** The levels in which the tensor is held; step 0: it is not. */
struct tally_grid {
    double step, lowest, highest;
};

/** One sample of the tensor: [outer, n_channels, inner]. */
struct tally_layout {
    size_t n_elems, n_channels, inner;
};

/** @param dims  of a batch of `batch` samples. The channels are axis 1, or the last of
 *  three; 1 when there is no such axis. */
struct tally_layout tally_layout(const struct tare_dims *dims, size_t batch);

enum tally_sum {
    TALLY_SIGNAL, /* squares of the reference */
    TALLY_TEST2,
    TALLY_PRODUCT,
    TALLY_ERROR,    /* squares of the difference */
    TALLY_ISOLATED, /* the same, with the reference's inputs */
    TALLY_ROUNDING, /* squares of what the grid does to values inside its range ... */
    TALLY_CLIPPING, /* ... and to those outside */
    TALLY_SUMS
};

struct tally {
    struct tally_grid grid;
    struct tally_layout layout;
    struct exact_sum sums[TALLY_SUMS];
    uint64_t n_values, n_clipped;
    struct histogram histogram;
    struct exact_sum *shift; /* [n_channels] of the isolated difference */
    float *channel_amax;     /* [n_channels] magnitudes of the reference */
};

/** false: no memory. tally_close() it in any case. */
bool tally_open(struct tally *t, const struct tally_grid *grid,
                const struct tally_layout *layout);
void tally_close(struct tally *t);

/** Count `n_samples` samples, the engine's inputs being its own. @param test  NULL: the
 *  reference put on the grid. */
void tally_add(struct tally *t, const float *reference, const float *test,
               size_t n_samples);
/** Count them again, the engine's inputs being the reference's. */
void tally_add_isolated(struct tally *t, const float *reference, const float *test,
                        size_t n_samples);

/** Add what another thread counted. */
void tally_merge(struct tally *t, const struct tally *other);
/** Give every rank the counts of all. A collective call. */
enum tare_status tally_gather(struct tally *t, const struct tare_comm *comm,
                              struct tare_error *err);

double tally_sum(const struct tally *t, enum tally_sum sum);
/** Sum of squares of the isolated difference that the means of channels make. */
double tally_shift(const struct tally *t);
/** Magnitudes: the largest, the median and the least of those that are not 0; all 0
 * when none is. */
struct tally_spread {
    double most, median, least;
};
/** Sorts the values. */
struct tally_spread tally_spread(float *magnitudes, size_t n);
/** Of the reference's channels. The last thing to ask for: sorts them. */
struct tally_spread tally_channels(struct tally *t);

#endif /* TARE_TOOLS_COMPARE_TALLY_H */
