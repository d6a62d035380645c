/* mse.h - the squared error that quantization adds to the values of a histogram. */
#ifndef TARE_MSE_H
#define TARE_MSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** Fewest bins that a range may keep: of 2048, a range below 1/128 of the largest. */
enum { TARE_MSE_LEAST = 16 };

/** Running sums of a histogram. */
struct tare_mse {
    const uint64_t *bins;
    size_t end;      /* of the last bin that is not empty */
    double *sums[3]; /* [end + 1]: [p][k] = sum of b^p * bins[b] over b < k */
};

/** @retval TARE_E_NOMEM  Three sums of n_bins + 1 doubles. */
enum tare_status tare_mse_open(struct tare_mse *mse, const uint64_t *bins,
                               size_t n_bins, struct tare_error *err);
void tare_mse_close(struct tare_mse *mse);

/**
 * Sum of the squared errors, in units of a bin's width, when the range is i bins and
 * `levels` the largest code: x becomes min(rint(x / s), levels) * s, s = i / levels.
 * The values of a bin are taken as spread evenly over it, which is integrated exactly;
 * so there is no resonance of bins with levels.
 */
double tare_mse_error(const struct tare_mse *mse, size_t i, unsigned levels);

/** The i from TARE_MSE_LEAST to `end` of least error, the smallest of equal ones; `end`
 *  where that is less. */
size_t tare_mse_choose(const struct tare_mse *mse, unsigned levels);

#endif /* TARE_MSE_H */
