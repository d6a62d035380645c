/* kernels/u8_f32_dequantize/u8_f32_dequantize.h - uint8 in HWC to float in any layout.
 */
#ifndef TARE_KERNELS_U8_F32_DEQUANTIZE_H
#define TARE_KERNELS_U8_F32_DEQUANTIZE_H

#include <stdint.h>

#include "kernels/select.h"
#include "kernels/window.h"

/** Strides in elements, no two outputs the same. Stored in engine files. */
struct tare_u8_f32_dequantize {
    int64_t channels;
    int64_t pixel_stride, channel_stride;
    float scale;
    int32_t zero_point;
};

/**
 * For the pixels p in [begin, end) and every channel c:
 *     dst[p * pixel_stride + c * channel_stride] =
 *         (float)(src[p * channels + c] - zero_point) * scale
 * src has TARE_KERNEL_SLACK readable bytes behind its end. Gives bytes equal to __ref;
 * writes nothing outside the range.
 */
typedef void tare_u8_f32_dequantize_fn(const struct tare_u8_f32_dequantize *p,
                                       const uint8_t *src, float *dst, int64_t begin,
                                       int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_u8_f32_dequantize_fn name;
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_f32_dequantize);

#endif /* TARE_KERNELS_U8_F32_DEQUANTIZE_H */
