/* kernels/u8_pool/u8_pool_walk.h - what the variants of u8_pool share: how units are
 * cut into runs, and the walk over them. Private to this folder. */
#ifndef TARE_KERNELS_U8_POOL_WALK_H
#define TARE_KERNELS_U8_POOL_WALK_H

#include "kernels/u8_pool/u8_pool.h"

/** Channels in a unit. */
enum { TARE_U8_POOL_BLOCK = 256 };

/** Outputs side by side whose windows have the same taps inside the input: tap (r, c)
 * of pixel i starts at x + i * in_step + r * row_step + c * column_step. */
struct tare_u8_pool_run {
    const uint8_t *x;
    int64_t n_rows, n_columns; /* may be 0 */
    int64_t row_step, column_step;
    int64_t n_pixels, in_step, out_step;
    int64_t n_channels; /* at most TARE_U8_POOL_BLOCK */
    float factor;       /* average: multiplier / divisor */
    int32_t zero_sum;   /* average: in_zero_point * n_rows * n_columns */
    uint8_t *y_u8;      /* NULL with out_f32 */
    float *y_f32;       /* NULL without out_f32 */
    const struct tare_u8_epilogue *epilogue;
};

typedef void tare_u8_pool_run_fn(const struct tare_u8_pool_run *run);

/** Compute the units [begin, end), one run at a time. */
void tare_u8_pool_walk(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                       int64_t begin, int64_t end, tare_u8_pool_run_fn *maximum,
                       tare_u8_pool_run_fn *average);

#endif /* TARE_KERNELS_U8_POOL_WALK_H */
