/* kernels/f32_u8_quantize/f32_u8_quantize_x86.h - the layouts that the x86 variants
 * handle, on top of what the including file defines before:
 *
 *     quantize16(p, src): 16 floats that follow each other, as bytes
 *
 * Private to this folder. */
#ifndef TARE_KERNELS_F32_U8_QUANTIZE_X86_H
#define TARE_KERNELS_F32_U8_QUANTIZE_X86_H

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_bytes_sse.h"

/* Store 16 bytes, of which the first `n` count, where `room` bytes may be written; what
 * is overwritten behind those n is stored again later. */
static inline void store_run(uint8_t *dst, __m128i bytes, int64_t n, int64_t room)
{
    if (room >= 16) {
        _mm_storeu_si128((__m128i *)(void *)dst, bytes);
        return;
    }
    uint8_t all[16];
    _mm_storeu_si128((__m128i *)(void *)all, bytes);
    memcpy(dst, all, (size_t)n);
}

/* 16 pixels of 2 to 4 planes: interleave to four bytes a pixel, then close the gaps. */
static inline void quantize_few_planes(const struct tare_f32_u8_quantize *p,
                                       const float *src, uint8_t *dst, __m128i close,
                                       int64_t room)
{
    __m128i plane[4];
    for (int64_t c = 0; c < 4; c++)
        plane[c] = c < p->channels ? quantize16(p, src + c * p->channel_stride)
                                   : _mm_setzero_si128();
    const __m128i even_low = _mm_unpacklo_epi8(plane[0], plane[2]);
    const __m128i even_high = _mm_unpackhi_epi8(plane[0], plane[2]);
    const __m128i odd_low = _mm_unpacklo_epi8(plane[1], plane[3]);
    const __m128i odd_high = _mm_unpackhi_epi8(plane[1], plane[3]);
    const __m128i pixels[4] = {
        _mm_unpacklo_epi8(even_low, odd_low), _mm_unpackhi_epi8(even_low, odd_low),
        _mm_unpacklo_epi8(even_high, odd_high), _mm_unpackhi_epi8(even_high, odd_high)};
    const int64_t n = 4 * p->channels;
    for (int64_t i = 0; i < 4; i++)
        store_run(dst + i * n, _mm_shuffle_epi8(pixels[i], close), n, room - i * n);
}

/* 16 pixels of any number of planes, 16 planes at a time; the last 16 may overlap those
 * before, and where there are fewer the rest is zero. */
static inline void quantize_planes(const struct tare_f32_u8_quantize *p,
                                   const float *src, uint8_t *dst, int64_t room)
{
    const int64_t channels = p->channels;
    for (int64_t c = 0; c < channels; c += 16) {
        const int64_t first = channels < 16 ? 0 : c < channels - 16 ? c : channels - 16;
        __m128i row[16];
        for (int64_t i = 0; i < 16; i++)
            row[i] = first + i < channels
                         ? quantize16(p, src + (first + i) * p->channel_stride)
                         : _mm_setzero_si128();
        tare_transpose16_sse(row);
        for (int64_t i = 0; i < 16; i++) {
            const int64_t at = i * channels + first;
            store_run(dst + at, row[i], channels, room - at);
        }
    }
}

/* Pixels [begin, end) of planes, pixel_stride = 1. */
static inline void quantize_all_planes(const struct tare_f32_u8_quantize *p,
                                       const float *src, uint8_t *dst, int64_t begin,
                                       int64_t end)
{
    if (end - begin < 16) {
        tare_f32_u8_quantize__ref(p, src, dst, begin, end);
        return;
    }
    _Alignas(16) int8_t close[16] = {0};
    for (int64_t i = 0; p->channels <= 4 && i < 4 * p->channels; i++)
        close[i] = (int8_t)(i / p->channels * 4 + i % p->channels);
    const __m128i order = _mm_load_si128((const __m128i *)(const void *)close);
    for (int64_t i = begin; i < end; i += 16) {
        const int64_t pixel = i < end - 16 ? i : end - 16;
        uint8_t *out = dst + pixel * p->channels;
        const int64_t room = (end - pixel) * p->channels;
        if (p->channels <= 4)
            quantize_few_planes(p, src + pixel, out, order, room);
        else
            quantize_planes(p, src + pixel, out, room);
    }
}

/* `n` floats that follow each other. */
static inline void quantize_line(const struct tare_f32_u8_quantize *p, const float *src,
                                 uint8_t *dst, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm_storeu_si128((__m128i *)(void *)(dst + i), quantize16(p, src + i));
    if (i == n) return;
    float last[16] = {0.0f};
    uint8_t bytes[16];
    memcpy(last, src + i, (size_t)(n - i) * sizeof *last);
    _mm_storeu_si128((__m128i *)(void *)bytes, quantize16(p, last));
    memcpy(dst + i, bytes, (size_t)(n - i));
}

static inline void quantize_any_layout(const struct tare_f32_u8_quantize *p,
                                       const float *src, uint8_t *dst, int64_t begin,
                                       int64_t end)
{
    const int64_t channels = p->channels;
    const bool in_line = channels == 1 || p->channel_stride == 1;
    if (in_line && p->pixel_stride == channels) {
        quantize_line(p, src + begin * channels, dst + begin * channels,
                      (end - begin) * channels);
    } else if (in_line && channels > 1) {
        for (int64_t pixel = begin; pixel < end; pixel++)
            quantize_line(p, src + pixel * p->pixel_stride, dst + pixel * channels,
                          channels);
    } else if (p->pixel_stride == 1) {
        quantize_all_planes(p, src, dst, begin, end);
    } else {
        tare_f32_u8_quantize__ref(p, src, dst, begin, end);
    }
}

#endif /* TARE_KERNELS_F32_U8_QUANTIZE_X86_H */
