/* tools/tensor_stats.h - figures of a tensor's values, and of the difference of two, as
 * NumPy computes them. */
#ifndef TARE_TOOLS_TENSOR_STATS_H
#define TARE_TOOLS_TENSOR_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/tensor.h"

/** [n] values of any type as double; of 64-bit integers the nearest. */
void tensor_to_double(enum tare_dtype dtype, const void *data, size_t n, double *out);

/** Of the finite values but for the counts; NAN where there is none. */
struct tensor_stats {
    size_t n, n_nan, n_positive_inf, n_negative_inf;
    size_t first_bad; /**< index of the first NaN or infinity; SIZE_MAX: none */
    double min, max, mean, std, median, p90, p95, p99;
    double magnitude;      /**< mean of |x| */
    size_t at_min, at_max; /**< the first of them */
};

/** @param scratch  [n], overwritten. */
void tensor_stats_make(struct tensor_stats *stats, const double *values, size_t n,
                       double *scratch);
/** Whether there is a NaN or an infinity. */
bool tensor_stats_is_bad(const struct tensor_stats *stats);

enum { TENSOR_BINS = 10 };
/** numpy.histogram(values, bins, (low, high)) of equal bins; the last one has its upper
 *  edge too. Values outside, NaN among them, are left out. */
struct tensor_histogram {
    double low, width; /**< of a bin */
    size_t counts[TENSOR_BINS];
};
/** Where low equals high, NumPy's half a unit to both sides. */
void tensor_histogram_make(struct tensor_histogram *histogram, const double *values,
                           size_t n, double low, double high);

/** What must be within the tolerances. */
enum tensor_criterion {
    TENSOR_ELEMWISE, /**< every element: |a - b| <= atol + rtol |b| */
    TENSOR_MAX,      /**< the maximum of |a - b| within atol, or that of */
    TENSOR_MEAN,     /**< |a - b| / |b| within rtol; likewise the mean, */
    TENSOR_MEDIAN    /**< the median */
};

struct tensor_diff {
    struct tensor_stats absolute; /**< |a - b|; 0 where both are the same infinity */
    struct tensor_stats relative; /**< |a - b| / |b|; infinite where b alone is 0 */
    size_t n_beyond; /**< elements that fail TENSOR_ELEMWISE; NaN always does */
    size_t first_beyond;
    double sqnr_db; /**< 10 log10 of signal over noise, as tare compare has it: squares
                         of b less its mean over the sample, over squares of a - b;
                         INFINITY: no noise */
};

/** Working memory of the functions below: [n] each. */
struct tensor_scratch {
    double *absolute, *relative, *sorted;
};

/** Compare `a` with the reference `b`. Integers that differ, differ by 1 at least,
 *  which 64-bit integers need not as double. @param is_equal  [n], or NULL: a == b
 *  @param sample  elements of a sample, of which there are n / sample */
void tensor_diff_make(struct tensor_diff *diff, const double *a, const double *b,
                      const bool *is_equal, size_t n, size_t sample, double atol,
                      double rtol, const struct tensor_scratch *scratch);
bool tensor_diff_passes(const struct tensor_diff *diff, enum tensor_criterion criterion,
                        double atol, double rtol);

#endif /* TARE_TOOLS_TENSOR_STATS_H */
