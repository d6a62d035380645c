/* libFuzzer target: any bytes as an HDF5 file of samples, with labels or without. The
 * names are those of observations, whose files are the seeds. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_file.h"
#include "tare/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_samples(const char *path, const char *names)
{
    char text[80];
    (void)snprintf(text, sizeof text, "%s:%s", path, names);
    struct tare_dataset_options options = {.hdf5 = text};
    struct tare_dataset *dataset;
    tare_preprocess_init(&options.preprocess);
    if (tare_dataset_create(&options, &dataset, NULL) != TARE_OK) return;
    void *sample = malloc(tare_dataset_bytes(dataset));
    if (sample)
        (void)tare_dataset_read(dataset, tare_dataset_count(dataset) - 1, sample, NULL);
    free(sample);
    tare_dataset_destroy(dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const char *path = fuzz_file(0, data, n_bytes);
    if (!path) return 0;
    read_samples(path, "/histogram,/count");
    read_samples(path, "/none");
    return 0;
}
