/* kernels/f32_u8_quantize/f32_u8_quantize.h - float to uint8, to HWC from any layout.
 */
#ifndef TARE_KERNELS_F32_U8_QUANTIZE_H
#define TARE_KERNELS_F32_U8_QUANTIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/select.h"

/** Strides in elements. scale is finite, normal and > 0; lower and upper are whole
 *  numbers, and plus zero_point in [0, 255]. Stored in engine files. */
struct tare_f32_u8_quantize {
    int64_t channels;
    int64_t pixel_stride, channel_stride;
    float scale;
    float lower, upper;
    int32_t zero_point;
};

/**
 * For the pixels p in [begin, end) and every channel c:
 *     v = src[p * pixel_stride + c * channel_stride] / scale      (NaN counts as lower)
 *     dst[p * channels + c] = (uint8_t)(rint(clamp(v, lower, upper)) + zero_point)
 * Gives bytes equal to __ref; touches nothing outside the range.
 */
typedef void tare_f32_u8_quantize_fn(const struct tare_f32_u8_quantize *p,
                                     const float *src, uint8_t *dst, int64_t begin,
                                     int64_t end);

/** Does the inverse of a scale, and what follows from it, stay in the range of normal
 *  numbers? */
static inline bool tare_f32_u8_quantize_is_plain(float scale)
{
    return scale >= 0x1p-100f && scale <= 0x1p100f;
}

/** What a kernel of floats makes that can quantize them itself, row by row: floats,
 *  codes, which are those of tare_f32_u8_quantize_fn, or both. */
struct tare_f32_u8_outputs {
    float *y;                       /* NULL: codes alone */
    uint8_t *codes;                 /* NULL: floats alone */
    struct tare_f32_u8_quantize as; /* of the codes, one channel; is_plain(scale) */
};

#define TARE_UKERNEL(isa, name, tile) tare_f32_u8_quantize_fn name;
#include "kernels/f32_u8_quantize/f32_u8_quantize.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_u8_quantize);

#endif /* TARE_KERNELS_F32_U8_QUANTIZE_H */
