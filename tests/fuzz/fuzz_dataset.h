/* tests/fuzz/fuzz_dataset.h - samples of a fuzz target's files. */
#ifndef TARE_TESTS_FUZZ_DATASET_H
#define TARE_TESTS_FUZZ_DATASET_H

#include <stdlib.h>

#include "tare/dataset.h"

/** Open a dataset as the options say, with preprocessing's defaults, and read its last
 *  four samples and their labels. */
static inline void fuzz_read_samples(struct tare_dataset_options options)
{
    struct tare_dataset *dataset;
    tare_preprocess_init(&options.preprocess);
    if (tare_dataset_create(&options, &dataset, NULL) != TARE_OK) return;
    const int64_t n = tare_dataset_count(dataset);
    void *sample = malloc(tare_dataset_bytes(dataset));
    for (int64_t i = 0; sample && i < n && i < 4; i++) {
        (void)tare_dataset_label(dataset, n - 1 - i);
        (void)tare_dataset_read(dataset, n - 1 - i, sample, NULL);
    }
    free(sample);
    tare_dataset_destroy(dataset);
}

#endif /* TARE_TESTS_FUZZ_DATASET_H */
