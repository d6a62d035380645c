/* libFuzzer target: any bytes as a .npy, read as it is and into other types, as an
 * .npz, and as samples. */
#include <stdlib.h>

#include "base/mem.h"
#include "datasets/npy.h"
#include "datasets/npz.h"
#include "fuzz_file.h"
#include "tare/dataset.h"
#include "tare/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_arrays(const char *path)
{
    static const enum tare_dtype types[] = {TARE_F32, TARE_U8, TARE_S64, TARE_BOOL};
    struct tare_npy_array array;
    if (tare_npy_read(path, NULL, &array, NULL) != TARE_OK) return;
    tare_npy_release(&array);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (tare_npy_read(path, &types[i], &array, NULL) != TARE_OK && array.values)
            abort();
        tare_npy_release(&array);
    }
}

static void read_archive(const char *path)
{
    uint8_t *bytes;
    size_t n_bytes;
    struct tare_npy npy;
    if (tare_npz_read(path, "x", &bytes, &n_bytes, NULL) == TARE_OK)
        (void)tare_npy_parse(bytes, n_bytes, &npy, NULL);
    tare_free(bytes);
    if (tare_npz_read(path, NULL, &bytes, &n_bytes, NULL) == TARE_OK) tare_free(bytes);
}

static void read_samples(const char *path)
{
    struct tare_dataset_options options = {.npy = path};
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
    read_arrays(path);
    read_archive(path);
    read_samples(path);
    return 0;
}
