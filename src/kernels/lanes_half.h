/* kernels/lanes_half.h - a vector of lanes.h from and to 16-bit floats in memory, with
 * the same results as base/half.h. */
#ifndef TARE_KERNELS_LANES_HALF_H
#define TARE_KERNELS_LANES_HALF_H

#include <string.h>

#include "kernels/lanes.h"

#if defined(__AVX512F__)

static inline lanes lanes_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

static inline lanes lanes_load_bf16(const uint16_t *p)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void lanes_store_f16(uint16_t *p, lanes v)
{
    _mm256_storeu_si256((void *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

static inline void lanes_store_bf16(uint16_t *p, lanes v)
{
    const __m512i bits = _mm512_castps_si512(v), upper = _mm512_srli_epi32(bits, 16);
    const __m512i even = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    const __m512i half = _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff));
    const __m512i near = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
    const __m512i quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
    const __m512i both = _mm512_mask_blend_epi32(lanes_is_nan(v), near, quiet);
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(both));
}

#elif defined(__aarch64__)

static inline lanes lanes_load_f16(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline lanes lanes_load_bf16(const uint16_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

static inline void lanes_store_f16(uint16_t *p, lanes v)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

static inline void lanes_store_bf16(uint16_t *p, lanes v)
{
    const uint32x4_t bits = vreinterpretq_u32_f32(v), upper = vshrq_n_u32(bits, 16);
    const uint32x4_t even = vandq_u32(upper, vdupq_n_u32(1));
    const uint32x4_t half = vaddq_u32(even, vdupq_n_u32(0x7fff));
    const uint32x4_t near = vshrq_n_u32(vaddq_u32(bits, half), 16);
    const uint32x4_t quiet = vorrq_u32(upper, vdupq_n_u32(0x40));
    vst1_u16(p, vmovn_u32(vbslq_u32(lanes_is_nan(v), quiet, near)));
}

#else

static inline lanes lanes_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}

static inline lanes lanes_load_bf16(const uint16_t *p)
{
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static inline void lanes_store_f16(uint16_t *p, lanes v)
{
    _mm_storeu_si128((void *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

static inline void lanes_store_bf16(uint16_t *p, lanes v)
{
    const __m256i bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
    const __m256i even = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i half = _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff));
    const __m256i near = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
    const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    const __m256i is_nan = _mm256_castps_si256(lanes_is_nan(v));
    const __m256i both = _mm256_blendv_epi8(near, quiet, is_nan);
    const __m256i packed = _mm256_packus_epi32(both, both); /* within 128 bits */
    const __m256i joined = _mm256_permute4x64_epi64(packed, 0x08);
    _mm_storeu_si128((void *)p, _mm256_castsi256_si128(joined));
}

#endif

/** From pairs of bfloat16: the first, or the second, of each of LANES pairs. */
static inline lanes lanes_first_bf16(const uint16_t *pairs)
{
#if defined(__AVX512F__)
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(pairs), 16));
#elif defined(__aarch64__)
    return vreinterpretq_f32_u32(
        vshlq_n_u32(vreinterpretq_u32_u16(vld1q_u16(pairs)), 16));
#else
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_loadu_si256((const void *)pairs), 16));
#endif
}

static inline lanes lanes_second_bf16(const uint16_t *pairs)
{
    return lanes_bits_and(lanes_load((const void *)pairs), UINT32_C(0xffff0000));
}

/** A load or store of n elements, of which at most LANES count. */
typedef lanes lanes_load_half_fn(const uint16_t *p);
typedef void lanes_store_half_fn(uint16_t *p, lanes v);

static inline lanes lanes_load_half_upto(lanes_load_half_fn *load, const uint16_t *p,
                                         int64_t n)
{
    uint16_t some[LANES] = {0};
    if (n >= LANES) return load(p);
    memcpy(some, p, (size_t)n * sizeof *p);
    return load(some);
}

static inline void lanes_store_half_upto(lanes_store_half_fn *store, uint16_t *p,
                                         lanes v, int64_t n)
{
    uint16_t some[LANES];
    if (n >= LANES) {
        store(p, v);
        return;
    }
    store(some, v);
    memcpy(p, some, (size_t)n * sizeof *p);
}

#endif /* TARE_KERNELS_LANES_HALF_H */
