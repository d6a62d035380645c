/* tests/unit/dataset_arrays.h - arrays in files, for the tests of datasets/. */
#ifndef TARE_TESTS_DATASET_ARRAYS_H
#define TARE_TESTS_DATASET_ARRAYS_H

#include "dataset_files.h"

#include <hdf5.h>

#include "tare/dataset.h"

/** Where the test's files are: arrays_begin() and arrays_end() are its fixture. */
static const char *folder;

static int arrays_begin(void **state)
{
    (void)state;
    folder = files_create();
    return 0;
}

static int arrays_end(void **state)
{
    (void)state;
    files_remove(folder);
    return 0;
}

/** A .npy of version 1 with this header, then data. @return  its bytes */
static inline size_t arrays_make_npy(uint8_t *out, const char *header, const void *data,
                                     size_t n_bytes)
{
    const size_t length = strlen(header);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (uint8_t)(length & 255);
    out[9] = (uint8_t)(length >> 8);
    memcpy(out + 10, header, length);
    memcpy(out + 10 + length, data, n_bytes);
    return 10 + length + n_bytes;
}

static inline void arrays_write_npy(const char *name, const char *header,
                                    const void *data, size_t n_bytes)
{
    uint8_t file[4096];
    assert_true(n_bytes + strlen(header) + 10 <= sizeof file);
    files_write(folder, name, file, arrays_make_npy(file, header, data, n_bytes));
}

static inline void arrays_put(hid_t file, const char *name, hid_t stored, hid_t type,
                              int rank, const hsize_t *dims, const void *data)
{
    const hid_t space = H5Screate_simple(rank, dims, NULL);
    const hid_t set =
        H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
}

static inline struct tare_dataset *
arrays_open(const struct tare_dataset_options *options)
{
    struct tare_dataset *dataset;
    struct tare_error err = {TARE_OK, ""};
    if (tare_dataset_create(options, &dataset, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return dataset;
}

#endif /* TARE_TESTS_DATASET_ARRAYS_H */
