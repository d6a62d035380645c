/* kernels/u8_resize/u8_resize.h - nearest and linear resampling of images of bytes. */
#ifndef TARE_KERNELS_U8_RESIZE_H
#define TARE_KERNELS_U8_RESIZE_H

#include <stdint.h>

#include "kernels/resize.h"
#include "kernels/select.h"
#include "kernels/window.h"

/** lower and upper plus out_zero_point lie in [0, 255]; stored in engine files, padding
 *  zeroed. What is behind the shape counts for two taps alone. */
struct tare_u8_resize {
    struct tare_resize_shape shape;
    int32_t in_zero_point, out_zero_point;
    float multiplier; /* s_x / s_y */
    float lower, upper;
};

struct tare_u8_resize_data {
    const uint8_t *x; /* [batch, in_h, in_w, channels], with TARE_KERNEL_SLACK */
    const struct tare_resize_sample *rows;    /* [out_h] */
    const struct tare_resize_sample *columns; /* [out_w] */
    uint8_t *y;                               /* [batch, out_h, out_w, channels] */
};

/**
 * One tap: a copy; x and y share scale and zero point.
 * Two taps: of (float)(x - in_zero_point), v = fmaf(weight, r, v) over the row taps
 * from v = 0, where r is the same chain over the column taps of that row; then
 *     v = v * multiplier
 *     v = v > lower ? v : lower;  v = v < upper ? v : upper
 *     y = (uint8_t)(rint(v) + out_zero_point)
 *
 * Output rows [begin, end) of batch * out_h; any split gives the same bytes, and so
 * does every variant. x and y do not overlap. Writes nothing beyond.
 */
typedef void tare_u8_resize_fn(const struct tare_u8_resize *resize,
                               const struct tare_u8_resize_data *data, int64_t begin,
                               int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_u8_resize_fn name;
#include "kernels/u8_resize/u8_resize.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_resize);

#endif /* TARE_KERNELS_U8_RESIZE_H */
