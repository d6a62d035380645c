/* kernels/f32_resize/f32_resize.h - nearest, linear and cubic resampling of images, in
 * float32. */
#ifndef TARE_KERNELS_F32_RESIZE_H
#define TARE_KERNELS_F32_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/select.h"

enum tare_resize_mode { TARE_RESIZE_NEAREST, TARE_RESIZE_LINEAR, TARE_RESIZE_CUBIC };

/** ONNX's coordinate_transformation_mode. */
enum tare_resize_coordinates {
    TARE_RESIZE_HALF_PIXEL,
    TARE_RESIZE_PYTORCH_HALF_PIXEL,
    TARE_RESIZE_ALIGN_CORNERS,
    TARE_RESIZE_ASYMMETRIC,
    TARE_RESIZE_TF_HALF_PIXEL_FOR_NN
};

/** ONNX's nearest_mode. */
enum tare_resize_nearest {
    TARE_RESIZE_ROUND_PREFER_FLOOR,
    TARE_RESIZE_ROUND_PREFER_CEIL,
    TARE_RESIZE_FLOOR,
    TARE_RESIZE_CEIL
};

/** How one axis is resampled. */
struct tare_resize_axis {
    enum tare_resize_mode mode;
    enum tare_resize_coordinates coordinates;
    enum tare_resize_nearest nearest; /* TARE_RESIZE_NEAREST only */
    float cubic_a;                    /* TARE_RESIZE_CUBIC only; ONNX: -0.75 */
    bool exclude_outside;             /* TARE_RESIZE_CUBIC only */
    int64_t in, out;                  /* lengths, >= 1; in fits in int32_t */
    double scale;                     /* out / in before rounding, > 0 */
};

/** Where one output coordinate comes from: `taps` inputs (1 nearest, 2 linear, 4
 * cubic), in ascending order before clamping to the input. Stored in engine files. */
struct tare_resize_sample {
    int32_t index[4];
    float weight[4];
};

/** Inputs that one output coordinate of `mode` is made of: 1, 2 or 4. */
int32_t tare_resize_taps(enum tare_resize_mode mode);

/** Fill samples[0..out). Computed in double and rounded once. */
void tare_resize_axis_samples(const struct tare_resize_axis *axis,
                              struct tare_resize_sample *samples);

/** Stored in engine files. taps is tare_resize_taps() of the mode. */
struct tare_f32_resize {
    int64_t batch, in_h, in_w, out_h, out_w, channels;
    int32_t taps;
};

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
typedef void tare_f32_resize_fn(const struct tare_f32_resize *resize,
                                const struct tare_f32_resize_data *data, int64_t begin,
                                int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_resize_fn name;
#include "kernels/f32_resize/f32_resize.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_resize);

#endif /* TARE_KERNELS_F32_RESIZE_H */
