/* libFuzzer target: any bytes as the two files of IDX, images and labels, gzipped or
 * not. The first two bytes are the length of the images' file; what follows it, if
 * anything does, are the labels. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_file.h"
#include "tare/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_samples(const struct tare_dataset *dataset)
{
    const int64_t n = tare_dataset_count(dataset);
    void *sample = malloc(tare_dataset_bytes(dataset));
    for (int64_t i = 0; sample && i < n && i < 4; i++) {
        (void)tare_dataset_label(dataset, n - 1 - i);
        (void)tare_dataset_read(dataset, n - 1 - i, sample, NULL);
    }
    free(sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char text[80];
    if (n_bytes < 2) return 0;
    const size_t first = data[0] | (size_t)data[1] << 8, rest = n_bytes - 2;
    if (first > rest) return 0;
    const char *images = fuzz_file(0, data + 2, first);
    const char *labels = fuzz_file(1, data + 2 + first, rest - first);
    if (!images || !labels) return 0;
    (void)snprintf(text, sizeof text, rest > first ? "%s,%s" : "%s", images, labels);
    struct tare_dataset_options options = {.idx = text, .max_pixels = 1 << 16};
    tare_preprocess_init(&options.preprocess);
    struct tare_dataset *dataset;
    if (tare_dataset_create(&options, &dataset, NULL) == TARE_OK) read_samples(dataset);
    tare_dataset_destroy(dataset);
    return 0;
}
