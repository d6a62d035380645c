/* recovery/descent.h - round one channel's weights. */
#ifndef TARE_RECOVERY_DESCENT_H
#define TARE_RECOVERY_DESCENT_H

#include <stddef.h>
#include <stdint.h>

/**
 * Choose q[i] among the integers below and above w[i] / scale, in [-127, 127], so that
 * with v = scale * q
 *
 *     v' G v - 2 v' d + ridge * |v - w|^2
 *
 * is small: coordinate descent from the nearest integers, one step at a time, each
 * taken only when it lowers the value, until none does or 12 rounds are over. A weight
 * that is an integer to 1e-3 stays. So the result is never worse than the nearest.
 * @param w  [k]  @param gram  [k, k], symmetric  @param d  [k]
 * @param room  [k] doubles  @param[out] q  [k]
 */
void tare_descent_round(size_t k, const float *w, double scale, const double *gram,
                        const double *d, double ridge, double *room, int8_t *q);

#endif /* TARE_RECOVERY_DESCENT_H */
