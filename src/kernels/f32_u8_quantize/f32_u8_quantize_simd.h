/* kernels/f32_u8_quantize/f32_u8_quantize_simd.h - the layouts that the vector variants
 * handle. Private to this folder. */
#ifndef TARE_KERNELS_F32_U8_QUANTIZE_SIMD_H
#define TARE_KERNELS_F32_U8_QUANTIZE_SIMD_H

#include "kernels/lanes_quantize.h"

/* Store 16 bytes, of which the first `n` count, where `room` bytes may be written; what
 * is overwritten behind those n is stored again later. */
static inline void store_run(uint8_t *dst, bytes16 bytes, int64_t n, int64_t room)
{
    if (room >= 16) {
        bytes16_store(dst, bytes);
        return;
    }
    uint8_t all[16];
    bytes16_store(all, bytes);
    memcpy(dst, all, (size_t)n);
}

/* 16 pixels of 2 to 4 planes: interleave to four bytes a pixel, then close the gaps. */
static inline void quantize_few_planes(const struct tare_f32_u8_quantize *p,
                                       const struct lanes_quantizer *q,
                                       const float *src, uint8_t *dst, bytes16 close,
                                       int64_t room)
{
    bytes16 plane[4];
    for (int64_t c = 0; c < 4; c++)
        plane[c] = c < p->channels ? lanes_quantize16(q, src + c * p->channel_stride)
                                   : bytes16_zero();
    const bytes16 even_low = bytes16_zip_low(plane[0], plane[2]);
    const bytes16 even_high = bytes16_zip_high(plane[0], plane[2]);
    const bytes16 odd_low = bytes16_zip_low(plane[1], plane[3]);
    const bytes16 odd_high = bytes16_zip_high(plane[1], plane[3]);
    const bytes16 pixels[4] = {
        bytes16_zip_low(even_low, odd_low), bytes16_zip_high(even_low, odd_low),
        bytes16_zip_low(even_high, odd_high), bytes16_zip_high(even_high, odd_high)};
    const int64_t n = 4 * p->channels;
    for (int64_t i = 0; i < 4; i++)
        store_run(dst + i * n, bytes16_reorder(pixels[i], close), n, room - i * n);
}

/* 16 pixels of any number of planes, 16 planes at a time; the last 16 may overlap those
 * before, and where there are fewer the rest is zero. */
static inline void quantize_planes(const struct tare_f32_u8_quantize *p,
                                   const struct lanes_quantizer *q, const float *src,
                                   uint8_t *dst, int64_t room)
{
    const int64_t channels = p->channels;
    for (int64_t c = 0; c < channels; c += 16) {
        const int64_t first = channels < 16 ? 0 : c < channels - 16 ? c : channels - 16;
        bytes16 row[16];
        for (int64_t i = 0; i < 16; i++)
            row[i] = first + i < channels
                         ? lanes_quantize16(q, src + (first + i) * p->channel_stride)
                         : bytes16_zero();
        bytes16_transpose(row);
        for (int64_t i = 0; i < 16; i++) {
            const int64_t at = i * channels + first;
            store_run(dst + at, row[i], channels, room - at);
        }
    }
}

/* Pixels [begin, end) of planes, pixel_stride = 1. */
static inline void quantize_all_planes(const struct tare_f32_u8_quantize *p,
                                       const struct lanes_quantizer *q,
                                       const float *src, uint8_t *dst, int64_t begin,
                                       int64_t end)
{
    if (end - begin < 16) {
        tare_f32_u8_quantize__ref(p, src, dst, begin, end);
        return;
    }
    uint8_t close[16] = {0};
    for (int64_t i = 0; p->channels <= 4 && i < 4 * p->channels; i++)
        close[i] = (uint8_t)(i / p->channels * 4 + i % p->channels);
    const bytes16 order = bytes16_load(close);
    for (int64_t i = begin; i < end; i += 16) {
        const int64_t pixel = i < end - 16 ? i : end - 16;
        uint8_t *out = dst + pixel * p->channels;
        const int64_t room = (end - pixel) * p->channels;
        if (p->channels <= 4)
            quantize_few_planes(p, q, src + pixel, out, order, room);
        else
            quantize_planes(p, q, src + pixel, out, room);
    }
}

static inline void quantize_any_layout(const struct tare_f32_u8_quantize *p,
                                       const float *src, uint8_t *dst, int64_t begin,
                                       int64_t end)
{
    const int64_t channels = p->channels;
    const bool in_line = channels == 1 || p->channel_stride == 1;
    if (!tare_f32_u8_quantize_is_plain(p->scale)) {
        tare_f32_u8_quantize__ref(p, src, dst, begin, end);
        return;
    }
    const struct lanes_quantizer q = lanes_quantizer(p);
    if (in_line && p->pixel_stride == channels) {
        lanes_quantize_line(&q, src + begin * channels, dst + begin * channels,
                            (end - begin) * channels);
    } else if (in_line && channels > 1) {
        for (int64_t pixel = begin; pixel < end; pixel++)
            lanes_quantize_line(&q, src + pixel * p->pixel_stride,
                                dst + pixel * channels, channels);
    } else if (p->pixel_stride == 1) {
        quantize_all_planes(p, &q, src, dst, begin, end);
    } else {
        tare_f32_u8_quantize__ref(p, src, dst, begin, end);
    }
}

#endif /* TARE_KERNELS_F32_U8_QUANTIZE_SIMD_H */
