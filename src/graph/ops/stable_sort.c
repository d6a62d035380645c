#include "graph/ops/stable_sort.h"

#include <stdbool.h>
#include <string.h>

void tare_stable_sort(int64_t *order, int64_t *scratch, int64_t n,
                      tare_compare_fn *compare, const void *context)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t begin = 0; begin < n; begin += 2 * width) {
            const int64_t middle = begin + width < n ? begin + width : n;
            const int64_t end = middle + width < n ? middle + width : n;
            int64_t left = begin, right = middle;
            for (int64_t i = begin; i < end; i++) {
                const bool take_left =
                    left < middle &&
                    (right >= end || compare(context, order[left], order[right]) <= 0);
                scratch[i] = order[take_left ? left++ : right++];
            }
        }
        memcpy(order, scratch, (size_t)n * sizeof *order);
    }
}
