/* kernels/half_conv/half_conv.h - dense and grouped convolution and matrix product of
 * 16-bit floats: what the families f16_conv and bf16_conv have in common. */
#ifndef TARE_KERNELS_HALF_CONV_H
#define TARE_KERNELS_HALF_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/f32_epilogue.h"
#include "kernels/select.h"
#include "kernels/window.h"

/** Geometry and fused tail. Stored in engine files; padding is explicit and zero. */
struct tare_half_conv {
    struct tare_window window;
    struct tare_f32_epilogue epilogue;
    int32_t out_f32; /* y is float32, not rounded */
    int32_t reserved;
};

/** 16-bit floats of the family's type are uint16_t. */
struct tare_half_conv_data {
    const uint16_t *x;        /* [batch, in_h, in_w, in_c], in_pitch */
    const uint16_t *weights;  /* as the family's pack left them */
    const float *bias;        /* [out_c], or NULL: zeros */
    const uint16_t *residual; /* like y, dense; may be a dense y of 16-bit floats
                                 itself; read when has_residual */
    void *y; /* [batch, out_h, out_w, out_c], out_pitch; does not overlap x */
};

/**
 * y = round(epilogue(sum over taps ky, kx and then input channels c of x * w)): all in
 * float32 from the widened inputs, in one chain acc = fmaf(x, w, acc) from acc = 0 in
 * exactly that order, padding taps as x = 0. Variants whose tile is negative add in
 * another way: each says how, and how far its sums may be from that chain's.
 *
 * Units [begin, end) of tare_half_conv_units(); each writes its own part of y, so any
 * split over threads gives the same bytes.
 * Needs:  scratch of tare_half_conv_scratch_bytes() bytes, aligned to TARE_ALIGN, one a
 *         thread at a time, contents irrelevant before and after.
 * Memory: reads nothing behind the tensors and writes nothing outside y.
 */
typedef void tare_half_conv_fn(const struct tare_half_conv *conv,
                               const struct tare_half_conv_data *data, void *scratch,
                               int64_t begin, int64_t end);

/** Units of work: tiles of output pixels by blocks of output channels. */
int64_t tare_half_conv_units(const struct tare_half_conv *conv);

/** Bytes of packed weights. @retval false when they do not fit in size_t. */
bool tare_half_conv_packed_bytes(const struct tare_half_conv *conv, size_t *size);

/** Bytes of scratch for one worker. @retval false  the window is too large. */
bool tare_half_conv_scratch_bytes(const struct tare_half_conv *conv, size_t *size);

#endif /* TARE_KERNELS_HALF_CONV_H */
