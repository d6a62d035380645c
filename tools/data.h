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

/** An input of the network. Rank 4 gives channels, height and width (-1: open), any
 *  other rank is one row of as many elements. */
struct data_input {
    const char *name;
    struct tare_dims dims;
};
enum { DATA_MAX_INPUTS = OPTION_LIST_MAX };

/**
 * Open the dataset of the flags: one source for one input, or --input for each.
 * @param sidecar  JSON whose preprocessing applies before the flags, or NULL.
 */
enum tare_status data_open(const char *sidecar, const struct data_input *inputs,
                           size_t n_inputs, struct tare_dataset **dataset,
                           struct tare_error *err);

/** The same for the inputs of a model, or of an engine. */
enum tare_status data_open_for_model(const struct tare_model *model,
                                     struct tare_dataset **dataset,
                                     struct tare_error *err);
enum tare_status data_open_for_engine(const struct tare_engine *engine,
                                      struct tare_dataset **dataset,
                                      struct tare_error *err);

#endif /* TARE_TOOLS_DATA_H */
