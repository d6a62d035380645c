/* kl.h - how far a histogram is from what a few quantization levels leave of it. */
#ifndef TARE_KL_H
#define TARE_KL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** Divergences closer than this, in nats, count as equal: far more than rounding can
 *  do to them, so the choice depends neither on the C library's log nor on the
 *  order of the sums. */
#define TARE_KL_TIE 1e-12

/**
 * The Kullback-Leibler divergence of every candidate (Migacz, "8-bit inference with
 * TensorRT", GTC 2017). Candidate i keeps bins[0 … i-1]:
 *   P is what it keeps, with the mass of all later bins (the tail) added to bin i-1;
 *   Q is what it keeps, without the tail, on `levels` levels: bin b belongs to level
 *     floor(b * levels / i), and the mass of a level is spread evenly over those of its
 *     bins that are not empty;
 *   D(i) = sum over P > 0 of p * ln(p / q), p = P / sum(P), q = Q / sum(Q).
 * Candidates go from `levels` to the end of the last non-empty bin, or are `levels`
 * alone when that end comes before. One that keeps a single non-empty bin of several is
 * none: whatever it cuts off, P and Q are then the same.
 * @param[in]  bins        [n_bins]; the sum is below 2^53.
 * @param[out] divergence  [n_bins + 1]; infinity where q = 0 < p (bin i-1 is empty and
 *                         there is a tail), where nothing is kept, and where i is no
 *                         candidate.
 * @retval TARE_E_NOMEM  Scratch of 3 * (n_bins + 1) doubles.
 */
enum tare_status tare_kl_curve(const uint64_t *bins, size_t n_bins, size_t levels,
                               double *divergence, struct tare_error *err);

/** The candidate of least divergence; the first of equal ones. */
struct tare_kl_choice {
    size_t index; /* bins kept; 0: there is no candidate, for example no mass at all */
    double divergence;
};

/** @param[in] divergence  [n_bins + 1], of tare_kl_curve(). */
struct tare_kl_choice tare_kl_choose(const double *divergence, size_t n_bins);

#endif /* TARE_KL_H */
