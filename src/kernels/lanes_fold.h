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

#endif /* TARE_KERNELS_LANES_FOLD_H */
