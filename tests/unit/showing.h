/* tests/unit/showing.h - show a tensor of one sample to who observes. */
#ifndef TARE_TESTS_UNIT_SHOWING_H
#define TARE_TESTS_UNIT_SHOWING_H

#include "tare/calibration.h"

static inline void show_values(tare_observe_fn *observe, void *observe_ctx,
                               size_t tensor, size_t sample, const float *data,
                               size_t n)
{
    const struct tare_shown shown = {.tensor = tensor,
                                     .data = data,
                                     .n = n,
                                     .sample = sample,
                                     .sample_elems = n ? n : 1};
    observe(observe_ctx, &shown);
}

#endif /* TARE_TESTS_UNIT_SHOWING_H */
