/* Reference: the definition the other variants are compared with. */
#include <math.h>
#include <string.h>

#include "kernels/f32_observe/f32_observe.h"

void tare_f32_observe__ref(const float *x, size_t n, float factor,
                           struct tare_observe_block *block)
{
    const float last = (float)(TARE_OBSERVE_BINS - 1);
    block->low = INT32_MAX;
    block->high = INT32_MIN;
    block->n_index = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const int32_t ordinal = (int32_t)(bits ^ ((0U - (bits >> 31)) >> 1));
        block->low = ordinal < block->low ? ordinal : block->low;
        block->high = ordinal > block->high ? ordinal : block->high;
        const float v = fabsf(x[i]) * factor;
        block->index[block->n_index] = (uint16_t)(v < last ? v : last);
        block->n_index += bits << 1 != 0; /* the next overwrites a zero's */
    }
}
