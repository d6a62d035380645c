/* tools/data.h - the flags that say which samples, and how they become a tensor. */
#ifndef TARE_TOOLS_DATA_H
#define TARE_TOOLS_DATA_H

#include "tare/dataset.h"
#include "tare/engine.h"
#include "tare/model.h"
#include "tools/options.h"

/** Flags of data and preprocessing, for options_parse(). */
extern const struct option_group data_group, preprocess_group;

/** Whether the flags name one source and have values that can be; prints what is wrong.
 *  @return EXIT_DONE or EXIT_USAGE */
int data_check(const struct usage *usage);

/** Whether the flags name a source of samples. */
bool data_is_given(void);

/** --batch, or 1. */
int64_t data_batch(void);
/** --batch; 0: it was not given. */
int64_t data_given_batch(void);

/** Open the dataset of the flags for the inputs of a model, or of an engine: one source
 *  for one input, or --input for each. */
enum tare_status data_open_for_model(const struct tare_model *model,
                                     struct tare_dataset **dataset,
                                     struct tare_error *err);
enum tare_status data_open_for_engine(const struct tare_engine *engine,
                                      struct tare_dataset **dataset,
                                      struct tare_error *err);

#endif /* TARE_TOOLS_DATA_H */
