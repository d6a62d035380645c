/* kernels/u8_add/u8_add.h - the sum of two tensors of one shape. */
#ifndef TARE_KERNELS_U8_ADD_H
#define TARE_KERNELS_U8_ADD_H

#include <stdint.h>

#include "kernels/select.h"
#include "kernels/window.h"

/** a_scale = s_a / s_y and so on; stored in engine files. Zero points and lower
 *  and upper plus out_zero_point lie in [0, 255]. */
struct tare_u8_add {
    float a_scale, b_scale;
    int32_t a_zero_point, b_zero_point;
    float negative_slope; /* 1: none */
    float lower, upper;
    int32_t out_zero_point;
};

/**
 * For i in [begin, end), in float32:
 *     v = fmaf((float)(a[i] - a_zero_point), a_scale,
 *              (float)(b[i] - b_zero_point) * b_scale)        the product rounded first
 *     v = v < 0 ? v * negative_slope : v;  v = v > lower ? v : lower;
 *     v = v < upper ? v : upper;           y[i] = (uint8_t)(rint(v) + out_zero_point)
 * a and b have TARE_KERNEL_SLACK readable bytes behind their end; y may be a or b.
 * Gives bytes equal to __ref; writes nothing outside the range.
 */
typedef void tare_u8_add_fn(const struct tare_u8_add *p, const uint8_t *a,
                            const uint8_t *b, uint8_t *y, int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_u8_add_fn name;
#include "kernels/u8_add/u8_add.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_add);

#endif /* TARE_KERNELS_U8_ADD_H */
