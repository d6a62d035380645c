/* search/sensitivity.h - what the search wants of a sensitivity besides its rows. */
#ifndef TARE_SEARCH_SENSITIVITY_H
#define TARE_SEARCH_SENSITIVITY_H

#include "base/threads.h"
#include "tare/search.h"

/** Samples that are worth measuring on. */
#define TARE_SENSITIVITY_SAMPLES 256

/** tare_sensitivity_create() on samples that are there already, all of them.
 *  @param inputs  [n] */
enum tare_status tare_sensitivity_measure(
    const struct tare_model *model, const struct tare_build_options *build,
    struct tare_pool *pool, void *const *inputs, size_t n, tare_progress_fn *progress,
    void *progress_ctx, struct tare_sensitivity **sensitivity, struct tare_error *err);

#endif /* TARE_SEARCH_SENSITIVITY_H */
