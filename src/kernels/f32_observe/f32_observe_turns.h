/* kernels/f32_observe/f32_observe_turns.h - blocks that take turns: counting is a store
 * a value, which leaves the vector units idle, so one block's indexes are made while
 * the block before is counted, a group of indexes and then as many counts of the others
 * as keep pace. For variants, which define before they include this:
 *
 *     struct parts   the scale in vectors
 *     struct seen    what tells the extremes
 *     struct seen see_nothing(void)
 *     size_t make_plain(uint16_t *out, const struct parts *, struct seen *,
 *                       const float *x)
 *         The indexes but those of zeros of GROUP values, none of which has a sign;
 *         returns how many. There is room for GROUP.
 *     size_t make_any(...)   the same of values of every kind
 *     struct tare_observe_extremes extremes_of(const struct seen *, const float *x,
 *                                              size_t n, bool plain, bool has_zeros,
 *                                              int32_t low)
 *         Of the n values that were seen; where none is below zero, the least one may
 * be any from zero on if low is zero or less. Below zero after make_plain() if a value
 * has a sign. */
#ifndef TARE_KERNELS_F32_OBSERVE_TURNS_H
#define TARE_KERNELS_F32_OBSERVE_TURNS_H

#include "kernels/f32_observe/f32_observe_tally.h"

/* The indexes of a block, without zeros. */
struct queue {
    uint16_t index[TARE_OBSERVE_BLOCK + GROUP];
    size_t n;
};

/* Four indexes come with one load: counting is short of loads next. */
static inline void count_four(const uint16_t *index, uint32_t *counts)
{
    uint64_t four;
    memcpy(&four, index, sizeof four);
    counts[four & 0xFFFF]++;
    counts[four >> 16 & 0xFFFF]++;
    counts[four >> 32 & 0xFFFF]++;
    counts[four >> 48]++;
}

/* The indexes of n values, a multiple of GROUP, into `made`, while `waiting` is counted
 * and emptied. */
static inline struct seen make_and_count(struct queue *made, struct queue *waiting,
                                         const struct parts *p, const float *x,
                                         size_t n, bool plain, uint32_t *counts)
{
    const size_t pace = waiting->n / (n / GROUP) / 4 * 4;
    uint16_t *next = waiting->index;
    struct seen seen = see_nothing();
    size_t m = 0;
    for (size_t i = 0; i < n; i += GROUP) {
        m += plain ? make_plain(made->index + m, p, &seen, x + i)
                   : make_any(made->index + m, p, &seen, x + i);
        for (const uint16_t *end = next + pace; next < end; next += 4)
            count_four(next, counts);
    }
    tally(next, waiting->n - (size_t)(next - waiting->index), counts);
    made->n = m;
    waiting->n = 0;
    return seen;
}

/* Does no value below zero fit, is none cut, and is every bin found in one step? That
 * is as exact: what would lose bits between two is below 1 anyway. */
static inline bool is_plain(const struct tare_observe_scale *scale)
{
    return scale->low >= MINUS_ZERO && isinf(scale->cut) &&
           !isinf(scale->factor[TARE_OBSERVE_LOWER] * scale->boost);
}

/* The contract of base/observe.h for blocks that are multiples of GROUP. Those that are
 * taken for plain may hold no -0 either: it stops there. */
static size_t observe_groups(const float *x, size_t n, const struct parts *p,
                             const struct tare_observe_scale *scale, bool plain,
                             uint32_t *counts, struct tare_observe_extremes *extremes,
                             size_t *n_zeros)
{
    struct queue queues[2];
    queues[0].n = queues[1].n = 0;
    size_t done = 0;
    for (int at = 0; done < n; at ^= 1) {
        const size_t m = n - done < TARE_OBSERVE_BLOCK ? n - done : TARE_OBSERVE_BLOCK;
        struct queue *made = &queues[at], *waiting = &queues[at ^ 1];
        const float *block = x + done;
        const struct seen seen =
            plain ? make_and_count(made, waiting, p, block, m, true, counts)
                  : make_and_count(made, waiting, p, block, m, false, counts);
        const struct tare_observe_extremes one =
            extremes_of(&seen, block, m, plain, made->n < m, extremes->low);
        if (one.low < (plain ? 0 : scale->low) || one.high > scale->high) {
            made->n = 0;
            break;
        }
        widen(extremes, one);
        *n_zeros += m - made->n;
        done += m;
    }
    tally(queues[0].index, queues[0].n, counts);
    tally(queues[1].index, queues[1].n, counts);
    return done;
}

/* The contract of base/observe.h. `observe_block` takes what groups cannot. */
static size_t observe_in_turns(observe_block_fn *observe_block, const float *x,
                               size_t n, const struct parts *p,
                               const struct tare_observe_scale *scale, bool plain,
                               uint32_t *counts, struct tare_observe_extremes *extremes,
                               size_t *n_zeros)
{
    const size_t last = n % TARE_OBSERVE_BLOCK; /* of the last block, if not whole */
    const size_t whole = last % GROUP == 0 ? n : n - last;
    size_t done = 0;
    fetch_counts(scale, counts);
    while (done < n) {
        if (done < whole)
            done += observe_groups(x + done, whole - done, p, scale, plain, counts,
                                   extremes, n_zeros);
        if (done == n) break;
        const size_t m = n - done < TARE_OBSERVE_BLOCK ? n - done : TARE_OBSERVE_BLOCK;
        struct tare_observe_extremes one;
        size_t zeros;
        if (!observe_block(x + done, m, scale, counts, &one, &zeros)) break;
        widen(extremes, one);
        *n_zeros += zeros;
        done += m;
    }
    return done;
}

#endif /* TARE_KERNELS_F32_OBSERVE_TURNS_H */
