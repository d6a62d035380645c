/* kernels/lanes_tile.h - from sums to outputs: bias, residual and epilogue of a tile of
 * pixels by channels. */
#ifndef TARE_KERNELS_LANES_TILE_H
#define TARE_KERNELS_LANES_TILE_H

#include <stdbool.h>

#include "kernels/lanes.h"

/** Rows of a tile are pixels; strides in floats. All pointers are to its first element,
 *  and sums may be read up to a whole vector. */
struct lanes_tile {
    const float *sums;
    const float *bias;     /* or NULL: zeros */
    const float *residual; /* like y, or NULL: none */
    float *y;
    int64_t rows, columns;
    int64_t sums_stride, y_stride, residual_stride;
};

static inline void lanes_tile_store(const struct tare_f32_epilogue *epilogue,
                                    const struct lanes_tile *tile)
{
    const struct lanes_epilogue e = lanes_epilogue(epilogue);
    const bool simple = !tile->residual && epilogue->negative_slope == 1.0f;
    for (int64_t c = 0; c < tile->columns; c += LANES) {
        const int64_t left = tile->columns - c;
        const lanes bias =
            tile->bias ? lanes_load_upto(tile->bias + c, left) : lanes_zero();
        const float *sums = tile->sums + c;
        float *y = tile->y + c;
        for (int64_t i = 0; simple && left >= LANES && i < tile->rows; i++) {
            const lanes v = lanes_add(lanes_load(sums + i * tile->sums_stride), bias);
            lanes_store(y + i * tile->y_stride, lanes_clamp(&e, v));
        }
        if (simple && left >= LANES) continue;
        for (int64_t i = 0; i < tile->rows; i++) {
            lanes v = lanes_add(lanes_load(sums + i * tile->sums_stride), bias);
            if (tile->residual)
                v = lanes_add(
                    v, lanes_load_upto(tile->residual + c + i * tile->residual_stride,
                                       left));
            lanes_store_upto(y + i * tile->y_stride, lanes_finish(&e, v), left);
        }
    }
}

#endif /* TARE_KERNELS_LANES_TILE_H */
