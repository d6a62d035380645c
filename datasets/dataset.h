/* datasets/dataset.h - what a dataset holds. */
#ifndef TARE_DATASETS_DATASET_H
#define TARE_DATASETS_DATASET_H

#include "datasets/source.h"

struct tare_dataset {
    const struct tare_source *source;
    void *state;
    struct tare_samples samples; /* those selected, in their order */
    struct tare_prepare prepare;
    size_t n_skipped;
    struct tare_dataset *next; /* the part for the network's next input, or NULL */
};

/** Drop the selected samples that cannot be read, with a warning each. */
enum tare_status tare_dataset_skip_bad(struct tare_dataset *dataset,
                                       struct tare_error *err);

#endif /* TARE_DATASETS_DATASET_H */
