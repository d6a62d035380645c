/* kernels/f32_resize/f32_resize.h - nearest, linear and cubic resampling of images, in
 * float32. */
#ifndef TARE_KERNELS_F32_RESIZE_H
#define TARE_KERNELS_F32_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/resize.h"
#include "kernels/select.h"

struct tare_f32_resize_data {
    const float *x;                           /* [batch, in_h, in_w, channels] */
    const struct tare_resize_sample *rows;    /* [out_h] */
    const struct tare_resize_sample *columns; /* [out_w] */
    float *y;                                 /* [batch, out_h, out_w, channels] */
};

/**
 * One tap: a copy. Otherwise y = chain over row taps v = fmaf(weight, r, v) from v = 0,
 * where r is the same chain over the column taps of that row.
 *
 * Output rows [begin, end) of batch * out_h; any split gives the same bytes, and so
 * does every variant. x and y do not overlap. Reads and writes nothing beyond.
 */
typedef void tare_f32_resize_fn(const struct tare_resize_shape *resize,
                                const struct tare_f32_resize_data *data, int64_t begin,
                                int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_resize_fn name;
#include "kernels/f32_resize/f32_resize.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_resize);

#endif /* TARE_KERNELS_F32_RESIZE_H */
