/* kernels/f32_observe/f32_observe_tally.h - indexes to counts, for the variants. */
#ifndef TARE_KERNELS_F32_OBSERVE_TALLY_H
#define TARE_KERNELS_F32_OBSERVE_TALLY_H

#include <string.h>

#include "kernels/f32_observe/f32_observe.h"

/* Values whose indexes are made before they are counted: few, so that the processor,
 * which is kept waiting by one store a count, makes the next ones meanwhile. */
enum { TALLY_VALUES = 128, TALLY_SLACK = 16 };

struct tally_indexes {
    size_t n;
    uint16_t at[TALLY_VALUES + TALLY_SLACK];
};

/* Counts eight at a time; the last ones are filled up with indexes of the slack. */
static inline void tally(struct tally_indexes *indexes, uint32_t *counts)
{
    enum { FIRST = TARE_OBSERVE_COUNTS - TARE_OBSERVE_SLACK };
    static const uint16_t slack[TARE_OBSERVE_SLACK] = {FIRST,     FIRST + 1, FIRST + 2,
                                                       FIRST + 3, FIRST + 4, FIRST + 5,
                                                       FIRST + 6, FIRST + 7};
    const uint16_t *at = indexes->at;
    memcpy(indexes->at + indexes->n, slack, sizeof slack);
    for (size_t i = 0; i < indexes->n; i += 8) {
        counts[at[i]]++;
        counts[at[i + 1]]++;
        counts[at[i + 2]]++;
        counts[at[i + 3]]++;
        counts[at[i + 4]]++;
        counts[at[i + 5]]++;
        counts[at[i + 6]]++;
        counts[at[i + 7]]++;
    }
}

#endif /* TARE_KERNELS_F32_OBSERVE_TALLY_H */
