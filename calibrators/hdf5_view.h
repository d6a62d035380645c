/* calibrators/hdf5_view.h - looks into HDF5 files of the form in which
 * observation_file.c has libhdf5 write them (its oldest: superblock 0, object headers
 * 1, B-trees 1). libhdf5 itself reads behind its buffers in files that are made to
 * harm; this does not. Source: HDF5 File Format Specification, version 3.0. */
#ifndef TARE_CALIBRATORS_HDF5_VIEW_H
#define TARE_CALIBRATORS_HDF5_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A file in memory, which is borrowed. */
struct tare_hdf5 {
    const uint8_t *bytes;
    size_t n_bytes;
    uint64_t root, tree, heap; /* addresses: of the root group's header, links, names */
};

enum tare_hdf5_class {
    TARE_HDF5_INTEGER = 0, /* little-endian, of 1 to 8 bytes */
    TARE_HDF5_FLOAT = 1,
    TARE_HDF5_TEXT = 3 /* of a fixed length, padded */
};

/** A dataset of one axis in one piece, or of two in deflated rows. */
struct tare_hdf5_set {
    enum tare_hdf5_class class;
    size_t elem_bytes;
    int rank;
    uint64_t dims[2];
    bool is_chunked;
    uint64_t address; /* of the values, or of the B-tree of the rows */
};

/** @retval false  Not of that form. */
bool tare_hdf5_open(const uint8_t *bytes, size_t n_bytes, struct tare_hdf5 *file);

/** An unsigned integer that the root group has as an attribute; false: it has none. */
bool tare_hdf5_attribute(const struct tare_hdf5 *file, const char *name,
                         uint64_t *value);

/** The dataset of that name in the root group. @retval false  None that is valid. */
bool tare_hdf5_find(const struct tare_hdf5 *file, const char *name,
                    struct tare_hdf5_set *set);

/** All values of a dataset in one piece: [dims[0] * elem_bytes] bytes; NULL: the file
 *  does not hold them. */
const uint8_t *tare_hdf5_values(const struct tare_hdf5 *file,
                                const struct tare_hdf5_set *set);

/** Takes a row. @param values  [dims[1]] */
typedef void tare_hdf5_row_fn(void *ctx, uint64_t row, const uint64_t *values);

/**
 * Every row of a dataset of uint64 in rows: shuffled, deflated, with a checksum behind
 * each, which is not looked at.
 * @param[out] buffer  [2 * dims[1]] of the caller's, to work in
 * @retval false  A row is missing, comes twice or cannot be inflated.
 */
bool tare_hdf5_rows(const struct tare_hdf5 *file, const struct tare_hdf5_set *set,
                    uint64_t *buffer, tare_hdf5_row_fn *take, void *ctx);

#endif /* TARE_CALIBRATORS_HDF5_VIEW_H */
