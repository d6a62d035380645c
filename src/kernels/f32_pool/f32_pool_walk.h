/* kernels/f32_pool/f32_pool_walk.h - units and windows of pooling: the part that all
 * variants share. */
#ifndef TARE_KERNELS_F32_POOL_WALK_H
#define TARE_KERNELS_F32_POOL_WALK_H

#include "kernels/f32_pool/f32_pool.h"

#define TARE_F32_POOL_CHANNELS INT64_C(64) /* of a unit */

/** Where a window lies along one axis: taps [first, last) are inside the input, taps
 *  [0, padded) inside input and padding; tap 0 is at `start`. */
struct tare_f32_pool_taps {
    int64_t start, first, last, padded;
};

/** One unit: an output row, a block of channels. */
struct tare_f32_pool_unit {
    int64_t image, oy, first_channel, n_channels;
    struct tare_f32_pool_taps rows;
};

struct tare_f32_pool_unit tare_f32_pool_unit(const struct tare_f32_pool *pool,
                                             int64_t index);

/** The taps of one output pixel that are inside the input: rows x columns of them from
 *  `first` on, strides in floats. None at all is 0 rows. */
struct tare_f32_pool_window {
    const float *first;
    int64_t rows, columns, row_stride, column_stride;
    float divisor;
};

struct tare_f32_pool_window tare_f32_pool_window(const struct tare_f32_pool *pool,
                                                 const struct tare_f32_pool_unit *unit,
                                                 int64_t ox, const float *x);

#endif /* TARE_KERNELS_F32_POOL_WALK_H */
