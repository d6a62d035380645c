/* graph/ops/stable_sort.h - sorting indices by what they stand for. */
#ifndef TARE_GRAPH_OPS_STABLE_SORT_H
#define TARE_GRAPH_OPS_STABLE_SORT_H

#include <stdint.h>

/** Below 0 when `a` comes before `b`, above 0 behind it, 0 when they are equal. */
typedef int tare_compare_fn(const void *context, int64_t a, int64_t b);

/** A merge sort; equal ones keep their order. @param scratch  [n]. */
void tare_stable_sort(int64_t *order, int64_t *scratch, int64_t n,
                      tare_compare_fn *compare, const void *context);

#endif /* TARE_GRAPH_OPS_STABLE_SORT_H */
