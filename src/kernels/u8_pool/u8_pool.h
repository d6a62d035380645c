/* kernels/u8_pool/u8_pool.h - maximum and average over windows. */
#ifndef TARE_KERNELS_U8_POOL_H
#define TARE_KERNELS_U8_POOL_H

#include <stdint.h>

#include "kernels/select.h"
#include "kernels/u8_epilogue.h"
#include "kernels/window.h"

enum tare_u8_pool_kind { TARE_U8_POOL_MAX, TARE_U8_POOL_AVERAGE };

/** Window: groups = in_c = out_c, kernel_h * kernel_w <= 2^23. No padding bytes; stored
 *  in engine files. */
struct tare_u8_pool {
    struct tare_window window;
    int64_t pad_bottom, pad_right; /* for the divisor of count_include_pad alone */
    int32_t kind;                  /* enum tare_u8_pool_kind */
    int32_t in_zero_point;         /* 0 to 255 */
    /* Average alone: */
    int32_t count_include_pad;        /* divide by the taps inside the padded input */
    float multiplier;                 /* s_x / s_y; s_x with out_f32 */
    struct tare_u8_epilogue epilogue; /* from negative_slope on; has_residual is 0 */
};

/**
 * Maximum: the largest x of the taps inside the input (0 when there is none); x and y
 * share scale and zero point, the epilogue is not used.
 * Average: sum of (x - in_zero_point) over the taps inside the input, in int32;
 *     v = (float)sum * (multiplier / (float)divisor)
 * then the epilogue from negative_slope on. divisor = the taps inside the input or,
 * with count_include_pad, inside the padded input (ONNX AveragePool; a window may run
 * over the padded edge with ceil_mode), and at least 1.
 *
 * @param[in] x  [batch, in_h, in_w, in_c], in_pitch, with TARE_KERNEL_SLACK.
 * @param     y  [batch, out_h, out_w, out_c], out_pitch; uint8_t, or float with
 *               out_f32.
 * Computes the units [begin, end) of tare_u8_pool_units() and touches no other part of
 * y. Gives bytes equal to __ref, however the units are split.
 */
typedef void tare_u8_pool_fn(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                             int64_t begin, int64_t end);

/** Independent pieces of work: output rows, cut into blocks of channels. */
int64_t tare_u8_pool_units(const struct tare_u8_pool *p);

#define TARE_UKERNEL(isa, name, tile) tare_u8_pool_fn name;
#include "kernels/u8_pool/u8_pool.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_pool);

#endif /* TARE_KERNELS_U8_POOL_H */
