/* AVX-512, 64 elements a step. */
#include <immintrin.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/lanes_math.h"
#include "kernels/u8_epilogue_vnni.h"

enum { MANY = 64 };

struct quantizer {
    struct lanes_divisor scale;
    __m512 highest; /* what is larger is as this: beyond all bounds */
    struct tare_levels_vnni levels;
};

static inline struct quantizer quantizer(const struct tare_f32_u8_quantize *p)
{
    return (struct quantizer){
        .scale = lanes_divisor(_mm512_set1_ps(p->scale)),
        .highest = _mm512_set1_ps(p->scale * 512.0f),
        .levels = tare_levels_vnni(p->lower, p->upper, p->zero_point),
    };
}

/* NaN, and what is too small for an int32, become the smallest one. */
static inline __m512i level16(const struct quantizer *q, const float *src)
{
    const __m512 x = _mm512_min_ps(q->highest, _mm512_loadu_ps(src));
    return _mm512_cvtps_epi32(lanes_quotient(x, &q->scale));
}

static inline __m128i quantize16(const struct quantizer *q, const float *src)
{
    const __m256i words =
        _mm256_adds_epi16(_mm512_cvtsepi32_epi16(level16(q, src)),
                          _mm512_castsi512_si256(q->levels.zero_point));
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words),
                                           _mm256_extracti128_si256(words, 1));
    return _mm_min_epu8(_mm_max_epu8(bytes, _mm512_castsi512_si128(q->levels.lowest)),
                        _mm512_castsi512_si128(q->levels.highest));
}

static inline __m512i quantize64(const struct quantizer *q, const float *src)
{
    __m512i levels[4];
    EACH_OF(4, k) levels[k] = level16(q, src + 16 * k);
    return tare_bytes64_vnni(&q->levels, levels);
}

static inline void quantize_many(const struct quantizer *q, const float *src,
                                 uint8_t *dst)
{
    _mm512_storeu_si512(dst, quantize64(q, src));
}

#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

/* Which bytes of 64 of each of three planes make the bytes [64 part, 64 part + 64) of
 * their pixels: indices into the first two planes behind each other, and for `third`
 * into the third one. */
struct interleaving {
    __m512i first, last;
    __mmask64 third;
};

static struct interleaving interleaving(int part)
{
    uint8_t first[64], last[64];
    struct interleaving way = {.third = 0};
    for (int i = 0; i < 64; i++) {
        const int at = 64 * part + i, plane = at % 3;
        first[i] = (uint8_t)(at / 3 + 64 * (plane == 1));
        last[i] = (uint8_t)(at / 3);
        way.third |= (__mmask64)(plane == 2) << i;
    }
    way.first = _mm512_loadu_si512(first);
    way.last = _mm512_loadu_si512(last);
    return way;
}

/* The pixels [begin, end), MANY or more, of three planes: an image's. The last ones may
 * overlap those before. */
static void quantize_three_planes(const struct tare_f32_u8_quantize *p,
                                  const float *src, uint8_t *dst, int64_t begin,
                                  int64_t end)
{
    const struct quantizer q = quantizer(p);
    const struct interleaving ways[3] = {interleaving(0), interleaving(1),
                                         interleaving(2)};
    for (int64_t i = begin; i < end; i += MANY) {
        const int64_t pixel = i < end - MANY ? i : end - MANY;
        __m512i plane[3];
        for (int64_t c = 0; c < 3; c++)
            plane[c] = quantize64(&q, src + pixel + c * p->channel_stride);
        for (int64_t part = 0; part < 3; part++) {
            const struct interleaving *way = &ways[part];
            const __m512i two =
                _mm512_permutex2var_epi8(plane[0], way->first, plane[1]);
            _mm512_storeu_si512(
                dst + 3 * pixel + 64 * part,
                _mm512_mask_permutexvar_epi8(two, way->third, way->last, plane[2]));
        }
    }
}

void tare_f32_u8_quantize__vnni_u16(const struct tare_f32_u8_quantize *p,
                                    const float *src, uint8_t *dst, int64_t begin,
                                    int64_t end)
{
    const struct tare_f32_u8_quantize copy = *p; /* stores to dst cannot change it */
    if (p->channels == 3 && p->pixel_stride == 1 && end - begin >= MANY &&
        has_plain_scale(p))
        quantize_three_planes(&copy, src, dst, begin, end);
    else
        quantize_any_layout(&copy, src, dst, begin, end);
}
