/* kernels/f32_depthwise/f32_depthwise.h - convolution with groups == in_c == out_c, in
 * float32. */
#ifndef TARE_KERNELS_F32_DEPTHWISE_H
#define TARE_KERNELS_F32_DEPTHWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/f32_epilogue.h"
#include "kernels/select.h"
#include "kernels/window.h"

/** groups == in_c == out_c. Stored in engine files. */
struct tare_f32_depthwise {
    struct tare_window window;
    struct tare_f32_epilogue epilogue;
};

struct tare_f32_depthwise_data {
    const float *x;        /* [batch, in_h, in_w, c], in_pitch */
    const float *weights;  /* as tare_f32_depthwise_pack() left them */
    const float *bias;     /* [c], or NULL: zeros */
    const float *residual; /* like y, dense; may be a dense y itself; read when
                              has_residual */
    float *y;              /* [batch, out_h, out_w, c], out_pitch; does not overlap x */
};

/**
 * y = epilogue(sum over taps ky, kx of x * w): one chain acc = fmaf(x, w, acc) from
 * acc = 0 in that order, padding taps as x = 0.
 *
 * Units [begin, end) of tare_f32_depthwise_units(); any split over threads gives the
 * same bytes, and so does every variant.
 * Needs:  scratch of tare_f32_depthwise_scratch_bytes() bytes, aligned to TARE_ALIGN,
 *         one a thread at a time, contents irrelevant before and after.
 * Memory: may read TARE_KERNEL_SLACK bytes behind x; writes nothing outside y.
 */
typedef void tare_f32_depthwise_fn(const struct tare_f32_depthwise *conv,
                                   const struct tare_f32_depthwise_data *data,
                                   void *scratch, int64_t begin, int64_t end);

/** Units of work: output rows by blocks of channels. */
int64_t tare_f32_depthwise_units(const struct tare_f32_depthwise *conv);

/** How many elements of a dense y, from the first on, units [0, n_units) make. */
int64_t tare_f32_depthwise_done(const struct tare_f32_depthwise *conv, int64_t n_units);

/** Bytes of packed weights. @retval false when they do not fit in size_t. */
bool tare_f32_depthwise_packed_bytes(const struct tare_f32_depthwise *conv,
                                     size_t *size);

/** Bytes of scratch for one worker. @retval false when they do not fit in size_t. */
bool tare_f32_depthwise_scratch_bytes(const struct tare_f32_depthwise *conv,
                                      size_t *size);

/** weights [c, 1, kernel_h, kernel_w] to the order that kernels read. */
void tare_f32_depthwise_pack(const struct tare_f32_depthwise *conv,
                             const float *weights, float *packed);

#define TARE_UKERNEL(isa, name, tile) tare_f32_depthwise_fn name;
#include "kernels/f32_depthwise/f32_depthwise.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_depthwise);

#endif /* TARE_KERNELS_F32_DEPTHWISE_H */
