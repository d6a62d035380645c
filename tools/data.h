/* tools/data.h - the flags that say which samples, and how they become a tensor. */
#ifndef TARE_TOOLS_DATA_H
#define TARE_TOOLS_DATA_H

#include "tare/dataset.h"
#include "tare/engine.h"
#include "tare/model.h"
#include "tools/options.h"

/** Flags of data and preprocessing, for options_parse(). */
extern const struct option_group data_group, preprocess_group;

/** --batch, or 1. */
int64_t data_batch(void);

/**
 * Open the dataset of the flags. @param sidecar  JSON whose preprocessing applies
 * before the flags, or NULL.  @param dims  of the network's input: rank 4 gives
 * channels, height and width (-1: open), any other rank is one row of as many elements.
 */
enum tare_status data_open(const char *sidecar, const struct tare_dims *dims,
                           struct tare_dataset **dataset, struct tare_error *err);

/** Warn, and fail, when the network has not one input. */
enum tare_status data_check_inputs(size_t n_inputs, struct tare_error *err);

#endif /* TARE_TOOLS_DATA_H */
