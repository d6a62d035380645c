/* kernels/u8_binary/u8_binary.h - arithmetic on two tensors with broadcasting. */
#ifndef TARE_KERNELS_U8_BINARY_H
#define TARE_KERNELS_U8_BINARY_H

#include <stdint.h>

#include "kernels/binary_loop.h"
#include "kernels/select.h"
#include "kernels/window.h"

/** Stored in engine files, padding zeroed. Zero points are in [0, 255]; lower and upper
 *  plus out_zero_point lie in [0, 255]. */
struct tare_u8_binary {
    int32_t op;             /* TARE_BINARY_ADD, _MUL, _MIN or _MAX */
    float a_scale, b_scale; /* s_a / s_y and s_b / s_y; of a difference, -s_b / s_y */
    float scale;            /* _MUL, in their place: s_a * s_b / s_y */
    int32_t a_zero_point, b_zero_point;
    float negative_slope; /* 1: none */
    float lower, upper;
    int32_t out_zero_point;
    struct tare_binary_loop loop;
};

/**
 * In float32, of a = (float)(a - a_zero_point) and b likewise:
 *     _ADD        v = fmaf(a, a_scale, b * b_scale)       the product rounded first
 *     _MUL        v = (a * b) * scale                     a * b is exact
 *     _MIN, _MAX  v = the smaller, larger of a * a_scale and b * b_scale
 *     v = v < 0 ? v * negative_slope : v;  v = v > lower ? v : lower;
 *     v = v < upper ? v : upper;           y = (uint8_t)(rint(v) + out_zero_point)
 * for units [begin, end) of tare_binary_loop_units(). a and b have TARE_KERNEL_SLACK
 * readable bytes behind their end; y may be an operand of y's own shape.
 * Gives bytes equal to __ref, however the units are split; writes nothing outside.
 */
typedef void tare_u8_binary_fn(const struct tare_u8_binary *p, const uint8_t *a,
                               const uint8_t *b, uint8_t *y, int64_t begin,
                               int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_u8_binary_fn name;
#include "kernels/u8_binary/u8_binary.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_binary);

#endif /* TARE_KERNELS_U8_BINARY_H */
