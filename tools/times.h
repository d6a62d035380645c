/* tools/times.h - what is said of many measured times, in trtexec's definitions. */
#ifndef TARE_TOOLS_TIMES_H
#define TARE_TOOLS_TIMES_H

#include <stddef.h>

/** Sort ascending. */
void times_sort(double *times, size_t n);

/** Of n >= 1 ascending times: the one at max(n - 1 - int((1 - percent/100) * n), 0).
 *  @param percent  0 to 100 */
double times_percentile(const double *times, size_t n, double percent);
/** The middle one, or the mean of the middle two. */
double times_median(const double *times, size_t n);

/** In any order. */
double times_mean(const double *times, size_t n);
/** Standard deviation as part of the mean: the coefficient of variance. */
double times_variation(const double *times, size_t n);

#endif /* TARE_TOOLS_TIMES_H */
