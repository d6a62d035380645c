/* AVX-512, 64 elements a step. */
#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

static inline __m512i quantize64(const struct lanes_quantizer *q, const float *src)
{
    lanes v[CODE_VECTORS];
    EACH_OF(CODE_VECTORS, k) v[k] = lanes_load(src + k * LANES);
    return lanes_codes64(q, v);
}

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

/* The pixels [begin, end), CODES or more, of three planes: an image's. The last ones
 * may overlap those before. */
static void quantize_three_planes(const struct tare_f32_u8_quantize *p,
                                  const float *src, uint8_t *dst, int64_t begin,
                                  int64_t end)
{
    const struct lanes_quantizer q = lanes_quantizer(p);
    const struct interleaving ways[3] = {interleaving(0), interleaving(1),
                                         interleaving(2)};
    for (int64_t i = begin; i < end; i += CODES) {
        const int64_t pixel = i < end - CODES ? i : end - CODES;
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
    if (p->channels == 3 && p->pixel_stride == 1 && end - begin >= CODES &&
        tare_f32_u8_quantize_is_plain(p->scale))
        quantize_three_planes(&copy, src, dst, begin, end);
    else
        quantize_any_layout(&copy, src, dst, begin, end);
}
