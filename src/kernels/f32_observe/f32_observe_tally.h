/* kernels/f32_observe/f32_observe_tally.h - what the variants share: blocks one after
 * the other, and indexes to counts. */
#ifndef TARE_KERNELS_F32_OBSERVE_TALLY_H
#define TARE_KERNELS_F32_OBSERVE_TALLY_H

#include <math.h>
#include <string.h>

#include "kernels/f32_observe/f32_observe.h"

#define MINUS_ZERO (-1) /* its ordinal */

/* The contract of base/observe.h for one block, 1 <= n <= TARE_OBSERVE_BLOCK, but that
 * the extremes and the number of zeros are this block's alone, the latter only if it
 * was counted. @retval false  The extremes lie outside scale->low … high. */
typedef bool observe_block_fn(const float *x, size_t n,
                              const struct tare_observe_scale *scale, uint32_t *counts,
                              struct tare_observe_extremes *extremes, size_t *n_zeros);

static inline void widen(struct tare_observe_extremes *all,
                         struct tare_observe_extremes one)
{
    if (one.low < all->low) all->low = one.low;
    if (one.high > all->high) all->high = one.high;
}

/* Other tensors' counts were in the caches since; one by one they would come late. */
static inline void fetch_counts(const struct tare_observe_scale *scale,
                                const uint32_t *counts)
{
    enum { LINE = 64 / sizeof *counts };
    const bool has_negative = scale->low < MINUS_ZERO, has_upper = !isinf(scale->cut);
    size_t k = has_negative ? 0 : (size_t)TARE_OBSERVE_LOWER * TARE_OBSERVE_BINS;
    const size_t end = (has_upper ? TARE_OBSERVE_PARTS : TARE_OBSERVE_UPPER) *
                       (size_t)TARE_OBSERVE_BINS;
    for (; k < end; k += LINE)
        __builtin_prefetch(counts + k, 1);
}

static inline size_t observe_blocks(observe_block_fn *observe_block, const float *x,
                                    size_t n, const struct tare_observe_scale *scale,
                                    uint32_t *counts,
                                    struct tare_observe_extremes *extremes,
                                    size_t *n_zeros)
{
    fetch_counts(scale, counts);
    for (size_t done = 0; done < n; done += TARE_OBSERVE_BLOCK) {
        const size_t m = n - done < TARE_OBSERVE_BLOCK ? n - done : TARE_OBSERVE_BLOCK;
        struct tare_observe_extremes seen;
        size_t zeros;
        if (!observe_block(x + done, m, scale, counts, &seen, &zeros)) return done;
        widen(extremes, seen);
        *n_zeros += zeros;
    }
    return n;
}

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
