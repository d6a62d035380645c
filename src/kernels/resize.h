/* kernels/resize.h - resampling of images: what f32_resize and u8_resize share. Tensors
 * are HWC, [batch, height, width, channels], dense. */
#ifndef TARE_KERNELS_RESIZE_H
#define TARE_KERNELS_RESIZE_H

#include <stdint.h>

/** Where one output coordinate comes from: `taps` inputs (1 nearest, 2 linear, 4
 * cubic), in ascending order before clamping to the input. Stored in engine files. */
struct tare_resize_sample {
    int32_t index[4];
    float weight[4];
};

/** Stored in engine files. taps: 1 nearest, 2 linear, 4 cubic; the samples are made by
 * the builder from tare_resize_coordinate() of graph/params.h. */
struct tare_resize_shape {
    int64_t batch, in_h, in_w, out_h, out_w, channels;
    int32_t taps;
};

#endif /* TARE_KERNELS_RESIZE_H */
