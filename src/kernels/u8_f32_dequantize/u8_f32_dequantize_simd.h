/* kernels/u8_f32_dequantize/u8_f32_dequantize_simd.h - the layouts that the vector
 * variants handle, on top of what the including file defines before:
 *
 *     dequantize16(p, bytes, dst): 16 bytes, as floats that follow each other
 *
 * Private to this folder. */
#ifndef TARE_KERNELS_U8_F32_DEQUANTIZE_SIMD_H
#define TARE_KERNELS_U8_F32_DEQUANTIZE_SIMD_H

#include <stdbool.h>
#include <string.h>

#include "kernels/bytes16.h"
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

/* 16 pixels of any number of planes, 16 planes at a time; the last 16 may overlap those
 * before. With fewer planes a pixel's 16 bytes run into its neighbours, whose rows are
 * left out. */
static inline void dequantize_planes(const struct tare_u8_f32_dequantize *p,
                                     const uint8_t *src, float *dst)
{
    const int64_t channels = p->channels;
    for (int64_t c = 0; c < channels; c += 16) {
        const int64_t first = channels < 16 ? 0 : c < channels - 16 ? c : channels - 16;
        bytes16 row[16];
        for (int64_t i = 0; i < 16; i++)
            row[i] = bytes16_load(src + i * channels + first);
        bytes16_transpose(row);
        for (int64_t i = 0; i < 16 && first + i < channels; i++)
            dequantize16(p, row[i], dst + (first + i) * p->channel_stride);
    }
}

/* `n` values that follow each other. */
static inline void dequantize_line(const struct tare_u8_f32_dequantize *p,
                                   const uint8_t *src, float *dst, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        dequantize16(p, bytes16_load(src + i), dst + i);
    if (i == n) return;
    float last[16];
    dequantize16(p, bytes16_load(src + i), last);
    memcpy(dst + i, last, (size_t)(n - i) * sizeof *last);
}

static inline void dequantize_any_layout(const struct tare_u8_f32_dequantize *p,
                                         const uint8_t *src, float *dst, int64_t begin,
                                         int64_t end)
{
    const int64_t channels = p->channels;
    const bool in_line = channels == 1 || p->channel_stride == 1;
    if (in_line && p->pixel_stride == channels) {
        dequantize_line(p, src + begin * channels, dst + begin * channels,
                        (end - begin) * channels);
    } else if (in_line && channels > 1) {
        for (int64_t pixel = begin; pixel < end; pixel++)
            dequantize_line(p, src + pixel * channels, dst + pixel * p->pixel_stride,
                            channels);
    } else if (p->pixel_stride == 1 && end - begin >= 16) {
        for (int64_t i = begin; i < end; i += 16) {
            const int64_t pixel = i < end - 16 ? i : end - 16;
            dequantize_planes(p, src + pixel * channels, dst + pixel);
        }
    } else {
        tare_u8_f32_dequantize__ref(p, src, dst, begin, end);
    }
}

#endif /* TARE_KERNELS_U8_F32_DEQUANTIZE_SIMD_H */
