/* Reference: the definition the other variants are compared with. */
#include <math.h>
#include <string.h>

#include "kernels/f32_observe/f32_observe.h"
#include "kernels/f32_observe/f32_observe_tally.h"

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static bool observe_block(const float *x, size_t n,
                          const struct tare_observe_scale *scale, uint32_t *counts,
                          struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    extremes->low = INT32_MAX;
    extremes->high = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(x[i]);
        const int32_t ordinal = (int32_t)(bits ^ ((0U - (bits >> 31)) >> 1));
        extremes->low = ordinal < extremes->low ? ordinal : extremes->low;
        extremes->high = ordinal > extremes->high ? ordinal : extremes->high;
    }
    if (extremes->low < scale->low || extremes->high > scale->high) return false;
    *n_zeros = 0;
    for (size_t i = 0; i < n; i++) {
        enum tare_observe_part part = TARE_OBSERVE_LOWER;
        if (x[i] < 0.0F) part = TARE_OBSERVE_NEGATIVE;
        if (x[i] >= scale->cut) part = TARE_OBSERVE_UPPER;
        const float bin = fabsf(x[i]) * scale->factor[part] * scale->boost;
        if (x[i] == 0.0F)
            ++*n_zeros;
        else
            counts[(int)part * TARE_OBSERVE_BINS + (int)bin]++;
    }
    return true;
}

size_t tare_f32_observe__ref(const float *x, size_t n,
                             const struct tare_observe_scale *scale, uint32_t *counts,
                             struct tare_observe_extremes *extremes, size_t *n_zeros)
{
    return observe_blocks(observe_block, x, n, scale, counts, extremes, n_zeros);
}
