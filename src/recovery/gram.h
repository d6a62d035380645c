/* recovery/gram.h - second moments of what a layer reads, and of that with what it
 * should make. */
#ifndef TARE_RECOVERY_GRAM_H
#define TARE_RECOVERY_GRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/threads.h"

/** Rows x (integers in [-255, 255], [n_groups * k]) and y (real, [n_outputs], in equal
 *  parts a group): sums that do not depend on threads; those of x are exact. */
struct tare_gram {
    size_t n_groups, k, n_outputs;
    double *xx; /* [n_groups, k, k], the lower triangle until it is finished */
    double *xy; /* [n_outputs, k] with the x of the output's group */
    double *x;  /* [n_groups, k] */
    double *y;  /* [n_outputs] */
    size_t n_rows;
};

/** Rows that come together, [columns][TARE_GRAM_ROWS]. Rows that are not there are
 * zero.
 */
#define TARE_GRAM_ROWS 256

/** All sums zero. @retval TARE_E_NOMEM */
enum tare_status tare_gram_create(struct tare_gram *gram, size_t n_groups, size_t k,
                                  size_t n_outputs, struct tare_error *err);
void tare_gram_release(struct tare_gram *gram);
/** Add `n_rows` rows. @param x  [n_groups * k][TARE_GRAM_ROWS]
 *  @param y  [n_outputs][TARE_GRAM_ROWS] */
void tare_gram_add(struct tare_gram *gram, struct tare_pool *pool, const int16_t *x,
                   const float *y, size_t n_rows);
/** From sums to covariances: xx (whole) and xy less the means' products, x and y means.
 */
void tare_gram_finish(struct tare_gram *gram);

#endif /* TARE_RECOVERY_GRAM_H */
