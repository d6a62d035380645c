/* kernels/lanes_fold.h - sixteen interleaved partial results, the same sixteen whatever
 * the vector's width, and their fold. */
#ifndef TARE_KERNELS_LANES_FOLD_H
#define TARE_KERNELS_LANES_FOLD_H

#include "kernels/f32_fold.h"
#include "kernels/lanes.h"

enum { FOLD_VECTORS = TARE_FOLD / LANES };

/** Elements k * LANES ... of the next TARE_FOLD, of which only `left` exist; those that
 *  do not are `absent`. */
static inline lanes lanes_fold_load(const float *p, int k, int64_t left, lanes absent)
{
    const int64_t here = left - k * LANES;
    if (here >= LANES) return lanes_load(p + k * LANES);
    if (here <= 0) return absent;
    float some[LANES];
    lanes_store(some, absent);
    for (int64_t i = 0; i < here; i++)
        some[i] = p[k * LANES + i];
    return lanes_load(some);
}

/** The tree of TARE_FOLD_TREE() within a vector, the result in every element: combine()
 *  is commutative, so that both of a pair may take each other's. */
#define LANES_ACROSS(name, combine)                                                    \
    static inline lanes name(lanes v)                                                  \
    {                                                                                  \
        if (LANES > 8) v = combine(v, lanes_swap(v, 8));                               \
        if (LANES > 4) v = combine(v, lanes_swap(v, 4));                               \
        v = combine(v, lanes_swap(v, 2));                                              \
        v = combine(v, lanes_swap(v, 1));                                              \
        return v;                                                                      \
    }

LANES_ACROSS(lanes_sum_across, lanes_add)
LANES_ACROSS(lanes_max_across, lanes_max)

/** tare_fold_sum() of the partial sums s, in every element. */
static inline lanes lanes_fold_sum(lanes s[FOLD_VECTORS])
{
    for (int step = FOLD_VECTORS / 2; step > 0; step /= 2)
        for (int k = 0; k < step; k++)
            s[k] = lanes_add(s[k], s[k + step]);
    return lanes_sum_across(s[0]);
}

#endif /* TARE_KERNELS_LANES_FOLD_H */
