/* kernels/lanes_quantize.h - f32_u8_quantize for floats in vectors, so that kernels of
 * floats can end with it. Like lanes.h, private to the file that includes it. */
#ifndef TARE_KERNELS_LANES_QUANTIZE_H
#define TARE_KERNELS_LANES_QUANTIZE_H

#include <string.h>

#include "kernels/bytes16.h"
#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/lanes_math.h"

/* Vectors whose codes are stored together, and how many these are. */
#define CODE_VECTORS 4
enum { CODES = CODE_VECTORS * LANES };

#if defined(__AVX512F__)

#include "kernels/u8_levels_avx512.h"

struct lanes_quantizer {
    struct lanes_divisor scale;
    __m512 highest; /* what is larger is as this: beyond all bounds */
    struct tare_levels_avx512 levels;
};

/** What the others need, where tare_f32_u8_quantize_is_plain(p->scale). */
static inline struct lanes_quantizer
lanes_quantizer(const struct tare_f32_u8_quantize *p)
{
    return (struct lanes_quantizer){
        .scale = lanes_divisor(_mm512_set1_ps(p->scale)),
        .highest = _mm512_set1_ps(p->scale * 512.0f),
        .levels = tare_levels_avx512(p->lower, p->upper, p->zero_point),
    };
}

/* NaN, and what is too small for an int32, become the smallest one. */
static inline __m512i lanes_levels(const struct lanes_quantizer *q, lanes v)
{
    const __m512 x = _mm512_min_ps(q->highest, v);
    return _mm512_cvtps_epi32(lanes_quotient(x, &q->scale));
}

/** The codes of 16 values. */
static inline bytes16 lanes_codes16(const struct lanes_quantizer *q, const lanes *v)
{
    const __m256i words =
        _mm256_adds_epi16(_mm512_cvtsepi32_epi16(lanes_levels(q, v[0])),
                          _mm512_castsi512_si256(q->levels.zero_point));
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words),
                                           _mm256_extracti128_si256(words, 1));
    return _mm_min_epu8(_mm_max_epu8(bytes, _mm512_castsi512_si128(q->levels.lowest)),
                        _mm512_castsi512_si128(q->levels.highest));
}

/** Those of CODE_VECTORS vectors. */
static inline __m512i lanes_codes64(const struct lanes_quantizer *q, const lanes *v)
{
    __m512i levels[CODE_VECTORS];
    EACH_OF(CODE_VECTORS, k) levels[k] = lanes_levels(q, v[k]);
    return tare_bytes64_avx512(&q->levels, levels);
}

/** CODES of them to memory. */
static inline void lanes_store_codes(uint8_t *dst, const struct lanes_quantizer *q,
                                     const lanes *v)
{
    _mm512_storeu_si512(dst, lanes_codes64(q, v));
}

#elif defined(__aarch64__)

#include "kernels/u8_epilogue_neon.h"

struct lanes_quantizer {
    struct tare_finish_neon finish;
    float32x4_t scale;
};

static inline struct lanes_quantizer
lanes_quantizer(const struct tare_f32_u8_quantize *p)
{
    return (struct lanes_quantizer){
        .finish = tare_finish_neon(1.0f, p->lower, p->upper, p->zero_point),
        .scale = vdupq_n_f32(p->scale),
    };
}

static inline bytes16 lanes_codes16(const struct lanes_quantizer *q, const lanes *v)
{
    float32x4_t quotients[CODE_VECTORS];
    EACH_OF(CODE_VECTORS, k) quotients[k] = vdivq_f32(v[k], q->scale);
    return tare_bytes16_neon(&q->finish, quotients);
}

static inline void lanes_store_codes(uint8_t *dst, const struct lanes_quantizer *q,
                                     const lanes *v)
{
    bytes16_store(dst, lanes_codes16(q, v));
}

#else

struct lanes_quantizer {
    struct lanes_divisor scale;
    __m256 highest;       /* what is larger is as this: beyond all bounds */
    __m256i zero_point;   /* words */
    __m256i lower, upper; /* bytes */
};

static inline struct lanes_quantizer
lanes_quantizer(const struct tare_f32_u8_quantize *p)
{
    return (struct lanes_quantizer){
        .scale = lanes_divisor(_mm256_set1_ps(p->scale)),
        .highest = _mm256_set1_ps(p->scale * 512.0f),
        .zero_point = _mm256_set1_epi16((int16_t)p->zero_point),
        .lower = _mm256_set1_epi8((char)((int32_t)p->lower + p->zero_point)),
        .upper = _mm256_set1_epi8((char)((int32_t)p->upper + p->zero_point)),
    };
}

/* NaN, and what is too small for an int32, become the smallest one. */
static inline __m256i lanes_levels(const struct lanes_quantizer *q, lanes v)
{
    const __m256 x = _mm256_min_ps(q->highest, v);
    return _mm256_cvtps_epi32(lanes_quotient(x, &q->scale));
}

/* 16 values as words, of each lane four of both vectors. */
static inline __m256i lanes_words16(const struct lanes_quantizer *q, const lanes *v)
{
    const __m256i levels =
        _mm256_packs_epi32(lanes_levels(q, v[0]), lanes_levels(q, v[1]));
    return _mm256_adds_epi16(levels, q->zero_point);
}

static inline bytes16 lanes_codes16(const struct lanes_quantizer *q, const lanes *v)
{
    const __m256i words =
        _mm256_permute4x64_epi64(lanes_words16(q, v), _MM_SHUFFLE(3, 1, 2, 0));
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words),
                                           _mm256_extracti128_si256(words, 1));
    return _mm_min_epu8(_mm_max_epu8(bytes, _mm256_castsi256_si128(q->lower)),
                        _mm256_castsi256_si128(q->upper));
}

static inline void lanes_store_codes(uint8_t *dst, const struct lanes_quantizer *q,
                                     const lanes *v)
{
    __m256i bytes = _mm256_packus_epi16(lanes_words16(q, v), lanes_words16(q, v + 2));
    bytes = _mm256_min_epu8(_mm256_max_epu8(bytes, q->lower), q->upper);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((void *)dst, _mm256_permutevar8x32_epi32(bytes, order));
}

#endif

/** The first n < CODES of them. */
static inline void lanes_store_codes_n(uint8_t *dst, const struct lanes_quantizer *q,
                                       const lanes *v, int64_t n)
{
    uint8_t all[CODES];
    lanes_store_codes(all, q, v);
    memcpy(dst, all, (size_t)n);
}

/** The codes of 16 floats that follow each other. */
static inline bytes16 lanes_quantize16(const struct lanes_quantizer *q,
                                       const float *src)
{
    lanes v[16 / LANES];
    EACH_OF(16 / LANES, k) v[k] = lanes_load(src + k * LANES);
    return lanes_codes16(q, v);
}

/** `n` floats that follow each other; the last 16 may overlap those before. */
static inline void lanes_quantize_line(const struct lanes_quantizer *q,
                                       const float *src, uint8_t *dst, int64_t n)
{
    int64_t i = 0;
    for (; i + CODES <= n; i += CODES) {
        lanes v[CODE_VECTORS];
        EACH_OF(CODE_VECTORS, k) v[k] = lanes_load(src + i + k * LANES);
        lanes_store_codes(dst + i, q, v);
    }
    for (; i + 16 <= n; i += 16)
        bytes16_store(dst + i, lanes_quantize16(q, src + i));
    if (i == n) return;
    if (n >= 16) {
        bytes16_store(dst + n - 16, lanes_quantize16(q, src + n - 16));
        return;
    }
    float all[16] = {0.0f};
    uint8_t bytes[16];
    memcpy(all, src, (size_t)n * sizeof *all);
    bytes16_store(bytes, lanes_quantize16(q, all));
    memcpy(dst, bytes, (size_t)n);
}

#endif /* TARE_KERNELS_LANES_QUANTIZE_H */
