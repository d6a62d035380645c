/* kernels/f32_observe/f32_observe_tally.h - indexes to counts, for the variants. */
#ifndef TARE_KERNELS_F32_OBSERVE_TALLY_H
#define TARE_KERNELS_F32_OBSERVE_TALLY_H

#include <string.h>

#include "kernels/f32_observe/f32_observe.h"

/* Values whose indexes are made before they are counted: enough that the stores of the
 * indexes, which overlap where zeros were squeezed out, are done before they are read.
 */
enum { TALLY_VALUES = 512, TALLY_SLACK = 16 };

/* Counts eight at a time; behind the last index there is room for as many of the slack.
 */
static inline void tally(uint16_t *indexes, size_t n, uint32_t *counts)
{
    enum { FIRST = TARE_OBSERVE_COUNTS - TARE_OBSERVE_SLACK };
    static const uint16_t slack[TARE_OBSERVE_SLACK] = {FIRST,     FIRST + 1, FIRST + 2,
                                                       FIRST + 3, FIRST + 4, FIRST + 5,
                                                       FIRST + 6, FIRST + 7};
    memcpy(indexes + n, slack, sizeof slack);
    for (size_t i = 0; i < n; i += 8) {
        counts[indexes[i]]++;
        counts[indexes[i + 1]]++;
        counts[indexes[i + 2]]++;
        counts[indexes[i + 3]]++;
        counts[indexes[i + 4]]++;
        counts[indexes[i + 5]]++;
        counts[indexes[i + 6]]++;
        counts[indexes[i + 7]]++;
    }
}

#endif /* TARE_KERNELS_F32_OBSERVE_TALLY_H */
