/* libFuzzer target: any bytes as a .npy, read as it is and into other types, as an
 * .npz, and as samples. */
#include <stdlib.h>

#include "base/mem.h"
#include "datasets/npy.h"
#include "datasets/npz.h"
#include "fuzz_dataset.h"
#include "fuzz_file.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const char *path = fuzz_file(0, data, n_bytes);
    if (!path) return 0;
    read_arrays(path);
    read_archive(path);
    fuzz_read_samples((struct tare_dataset_options){.npy = path});
    return 0;
}
