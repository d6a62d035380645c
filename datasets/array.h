/* datasets/array.h - samples out of arrays: NumPy's files and HDF5's datasets. */
#ifndef TARE_DATASETS_ARRAY_H
#define TARE_DATASETS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "datasets/prepare.h"
#include "tare/dataset.h"
#include "tare/tensor.h"

/** What the samples of a source are. */
struct tare_array_sample {
    struct tare_dims dims; /* without the axis of samples */
    size_t n_elems;
    bool is_image; /* [channels, height, width] */
};

/** The sample that the options want; axes that they leave open are -1. Rank 0: any. */
struct tare_dims tare_array_wanted(const struct tare_dataset_options *options);

/**
 * Check an array's shape [samples, …] against what is wanted.
 * @param[in]     may_be_single  An array of the sample's own rank is one sample.
 * @param[in,out] wanted  Open axes are filled in by this array.
 * @param[out]    count   How many samples; *is_single: the leading axis is missing.
 */
enum tare_status tare_array_check(const char *name, const struct tare_dims *dims,
                                  bool may_be_single, struct tare_dims *wanted,
                                  int64_t *count, struct tare_error *err);

/** Ready for the loader: `dims` as tare_array_check() left `wanted`. */
enum tare_status tare_array_sample(const char *name, const struct tare_dims *dims,
                                   struct tare_array_sample *sample,
                                   struct tare_error *err);

/** Channels, height and width; a sample of another rank is one row. */
void tare_array_shape(const struct tare_array_sample *sample, int64_t shape[3]);

#endif /* TARE_DATASETS_ARRAY_H */
