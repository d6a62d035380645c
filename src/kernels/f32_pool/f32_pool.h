/* kernels/f32_pool/f32_pool.h - maximum and average pooling, in float32. */
#ifndef TARE_KERNELS_F32_POOL_H
#define TARE_KERNELS_F32_POOL_H

#include <stdint.h>

#include "kernels/select.h"
#include "kernels/window.h"

enum tare_pool_mode {
    TARE_POOL_MAX = 0,
    TARE_POOL_AVERAGE = 1,            /* divisor: taps inside the input */
    TARE_POOL_AVERAGE_INCLUDE_PAD = 2 /* divisor: taps inside input and padding */
};

/** out_c == in_c; groups is not read. Global pooling is a window as large as the input.
 *  pad_bottom and pad_right only matter for TARE_POOL_AVERAGE_INCLUDE_PAD, where taps
 *  behind the padding (ceil_mode) are not counted. Stored in engine files. */
struct tare_f32_pool {
    struct tare_window window;
    int64_t pad_bottom, pad_right;
    int32_t mode; /* enum tare_pool_mode */
};

/**
 * Maximum: m = x > m ? x : m over the taps ky, kx inside the input, from m = -INFINITY:
 * NaN never wins, and a window without a tap gives -INFINITY.
 * Average: s = s + x over the same taps in that order from s = 0, then s /
 * (float)divisor; a window without a tap gives 0.
 *
 * x [batch, in_h, in_w, c], y [batch, out_h, out_w, c], pitches, no overlap. Units
 * [begin, end) of tare_f32_pool_units(); any split gives the same bytes, and so does
 * every variant. Memory: may read TARE_KERNEL_SLACK bytes behind x; writes nothing
 * outside y.
 */
typedef void tare_f32_pool_fn(const struct tare_f32_pool *pool, const float *x,
                              float *y, int64_t begin, int64_t end);

/** Units of work: output rows by blocks of channels. */
int64_t tare_f32_pool_units(const struct tare_f32_pool *pool);

#define TARE_UKERNEL(isa, name, tile) tare_f32_pool_fn name;
#include "kernels/f32_pool/f32_pool.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_pool);

#endif /* TARE_KERNELS_F32_POOL_H */
