/* libFuzzer target: any bytes as an HDF5 file of samples, with labels or without. The
 * names are those of observations, whose files are the seeds. */
#include <stdio.h>

#include "fuzz_dataset.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_samples(const char *path, const char *names)
{
    char text[80];
    (void)snprintf(text, sizeof text, "%s:%s", path, names);
    fuzz_read_samples((struct tare_dataset_options){.hdf5 = text});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const char *path = fuzz_file(0, data, n_bytes);
    if (!path) return 0;
    read_samples(path, "/histogram,/count");
    read_samples(path, "/none");
    return 0;
}
