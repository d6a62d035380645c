/* tools/exact_sum.h - sums of doubles that do not depend on the order of the terms: the
 * terms are added as integers, without rounding (a small version of Kulisch's
 * accumulator). Threads and ranks may add theirs up in any order. */
#ifndef TARE_TOOLS_EXACT_SUM_H
#define TARE_TOOLS_EXACT_SUM_H

#include <stdint.h>

enum { EXACT_LANES = 20 };

/** Zero-initialise. Only uint64_t: sums of several are sums of their words. */
struct exact_sum {
    uint64_t lanes[EXACT_LANES]; /* of 32 bits; lane i counts 2^(32 i - 320), signed */
    uint64_t n_bad;              /* terms that are not finite, or 2^255 and more */
};

/** Add a term; at most 2^31 of them. What a term has below 2^-320 is cut off. */
void exact_sum_add(struct exact_sum *sum, double term);
void exact_sum_merge(struct exact_sum *sum, const struct exact_sum *other);
/** The sum, rounded at the end; NaN when a term was bad. */
double exact_sum_value(const struct exact_sum *sum);

#endif /* TARE_TOOLS_EXACT_SUM_H */
