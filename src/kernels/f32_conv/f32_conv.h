/* kernels/f32_conv/f32_conv.h - dense and grouped convolution and matrix product, in
 * float32. */
#ifndef TARE_KERNELS_F32_CONV_H
#define TARE_KERNELS_F32_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/f32_epilogue.h"
#include "kernels/select.h"
#include "kernels/window.h"

/** Geometry and fused tail. Stored in engine files. */
struct tare_f32_conv {
    struct tare_window window;
    struct tare_f32_epilogue epilogue;
};

struct tare_f32_conv_data {
    const float *x;        /* [batch, in_h, in_w, in_c], in_pitch */
    const float *weights;  /* as tare_f32_conv_pack() or _pack_matrix() left them */
    const float *bias;     /* [out_c], or NULL: zeros */
    const float *residual; /* like y, dense; may be a dense y itself; read when
                              has_residual */
    float *y; /* [batch, out_h, out_w, out_c], out_pitch; does not overlap x */
};

/**
 * y = epilogue(sum over taps ky, kx and then input channels c of x * w): one chain
 * acc = fmaf(x, w, acc) from acc = 0 in exactly that order, padding taps as x = 0.
 *
 * Units [begin, end) of tare_f32_conv_units(); each writes its own part of y, so any
 * split over threads gives the same bytes, and so does every variant.
 * Needs:  scratch of tare_f32_conv_scratch_bytes() bytes, aligned to TARE_ALIGN, one a
 *         thread at a time, contents irrelevant before and after.
 * Memory: reads nothing behind the tensors and writes nothing outside y.
 */
typedef void tare_f32_conv_fn(const struct tare_f32_conv *conv,
                              const struct tare_f32_conv_data *data, void *scratch,
                              int64_t begin, int64_t end);

/** Units of work: tiles of output pixels by blocks of output channels. */
int64_t tare_f32_conv_units(const struct tare_f32_conv *conv);

/** How many elements of a dense y, from the first on, units [0, n_units) make. */
int64_t tare_f32_conv_done(const struct tare_f32_conv *conv, int64_t n_units);

/** Bytes of packed weights. @retval false when they do not fit in size_t. */
bool tare_f32_conv_packed_bytes(const struct tare_f32_conv *conv, size_t *size);

/** Bytes of scratch for one worker. @retval false when they do not fit in size_t. */
bool tare_f32_conv_scratch_bytes(const struct tare_f32_conv *conv, size_t *size);

/** weights [out_c, in_c / groups, kernel_h, kernel_w] to the order of the kernels. */
void tare_f32_conv_pack(const struct tare_f32_conv *conv, const float *weights,
                        float *packed);

/** The way back: the weights that tare_f32_conv_pack() packed. */
void tare_f32_conv_unpack(const struct tare_f32_conv *conv, const float *packed,
                          float *weights);

/** Column blocks of a matrix with n columns: the units of tare_f32_conv_pack_matrix. */
int64_t tare_f32_conv_pack_matrix_units(int64_t n);

/** factor * b[i * row_stride + j * column_stride], i < k, j < n, to the order that
 * kernels read (see struct tare_window for a matrix product); fast enough for every
 * inference. Strides in elements. Column blocks [begin, end). */
void tare_f32_conv_pack_matrix(int64_t k, int64_t n, float factor, const float *b,
                               int64_t row_stride, int64_t column_stride, float *packed,
                               int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_conv_fn name;
#include "kernels/f32_conv/f32_conv.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_conv);

#endif /* TARE_KERNELS_F32_CONV_H */
