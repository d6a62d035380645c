/* AVX2, 32 elements a step. */
#include <immintrin.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/lanes_math.h"

enum { MANY = 32 };

struct quantizer {
    struct lanes_divisor scale;
    __m256 highest;       /* what is larger is as this: beyond all bounds */
    __m256i zero_point;   /* words */
    __m256i lower, upper; /* bytes */
};

static inline struct quantizer quantizer(const struct tare_f32_u8_quantize *p)
{
    return (struct quantizer){
        .scale = lanes_divisor(_mm256_set1_ps(p->scale)),
        .highest = _mm256_set1_ps(p->scale * 512.0f),
        .zero_point = _mm256_set1_epi16((int16_t)p->zero_point),
        .lower = _mm256_set1_epi8((char)((int32_t)p->lower + p->zero_point)),
        .upper = _mm256_set1_epi8((char)((int32_t)p->upper + p->zero_point)),
    };
}

/* NaN, and what is too small for an int32, become the smallest one. */
static inline __m256i level8(const struct quantizer *q, const float *src)
{
    const __m256 x = _mm256_min_ps(q->highest, _mm256_loadu_ps(src));
    return _mm256_cvtps_epi32(lanes_quotient(x, &q->scale));
}

/* 16 values as words, of each lane four of both vectors. */
static inline __m256i words16(const struct quantizer *q, const float *src)
{
    return _mm256_adds_epi16(_mm256_packs_epi32(level8(q, src), level8(q, src + 8)),
                             q->zero_point);
}

static inline __m128i quantize16(const struct quantizer *q, const float *src)
{
    const __m256i words =
        _mm256_permute4x64_epi64(words16(q, src), _MM_SHUFFLE(3, 1, 2, 0));
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words),
                                           _mm256_extracti128_si256(words, 1));
    return _mm_min_epu8(_mm_max_epu8(bytes, _mm256_castsi256_si128(q->lower)),
                        _mm256_castsi256_si128(q->upper));
}

static inline void quantize_many(const struct quantizer *q, const float *src,
                                 uint8_t *dst)
{
    __m256i bytes = _mm256_packus_epi16(words16(q, src), words16(q, src + 16));
    bytes = _mm256_min_epu8(_mm256_max_epu8(bytes, q->lower), q->upper);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((void *)dst, _mm256_permutevar8x32_epi32(bytes, order));
}

#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

void tare_f32_u8_quantize__avx2_u16(const struct tare_f32_u8_quantize *p,
                                    const float *src, uint8_t *dst, int64_t begin,
                                    int64_t end)
{
    const struct tare_f32_u8_quantize copy = *p; /* stores to dst cannot change it */
    quantize_any_layout(&copy, src, dst, begin, end);
}
