/* cache_guess.h - how the scales of a cache were computed, when not as peak / 127. */
#ifndef TARE_CACHE_GUESS_H
#define TARE_CACHE_GUESS_H

#include <stddef.h>
#include <stdint.h>

#include "tare/cache_check.h"

/** One scale, as the file has it. */
struct tare_cache_bits {
    const char *name;
    uint32_t bits;
    const struct tare_cache_known *known; /* NULL: nothing is known */
};

/** A way to write scales, right or wrong. */
struct tare_cache_kind {
    const char *what;              /* "the scales are …"; NULL: they are right */
    double (*peak)(uint32_t bits); /* the tensor's largest magnitude, if written so */
    double prior;                  /* natural log of how common it is */
};

/** The likeliest kind of the entries, in the order of the file; that of right scales
 *  unless another one explains them clearly better. NULL: no memory. */
const struct tare_cache_kind *tare_cache_guess(const struct tare_cache_bits *entries,
                                               size_t n);

/** The peak if the scale is right, NaN when it is negative or not finite. */
double tare_cache_peak(uint32_t bits);

/** The one factor (within 0.1 %) between the ranges and the peaks that were seen, over
 *  at least three tensors; 0 when there is none. */
double tare_cache_common_factor(const struct tare_cache_bits *entries, size_t n);

#endif /* TARE_CACHE_GUESS_H */
