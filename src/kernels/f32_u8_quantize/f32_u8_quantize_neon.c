/* NEON, 16 elements a step. */
#include "kernels/bytes16.h"
#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_epilogue_neon.h"

enum { MANY = 16 };

struct quantizer {
    struct tare_finish_neon finish;
    float32x4_t scale;
};

static inline struct quantizer quantizer(const struct tare_f32_u8_quantize *p)
{
    return (struct quantizer){
        .finish = tare_finish_neon(1.0f, p->lower, p->upper, p->zero_point),
        .scale = vdupq_n_f32(p->scale),
    };
}

static inline bytes16 quantize16(const struct quantizer *q, const float *src)
{
    float32x4_t v[4];
    for (int64_t i = 0; i < 4; i++)
        v[i] = vdivq_f32(vld1q_f32(src + 4 * i), q->scale);
    return tare_bytes16_neon(&q->finish, v);
}

static inline void quantize_many(const struct quantizer *q, const float *src,
                                 uint8_t *dst)
{
    bytes16_store(dst, quantize16(q, src));
}

#include "kernels/f32_u8_quantize/f32_u8_quantize_simd.h"

void tare_f32_u8_quantize__neon_u16(const struct tare_f32_u8_quantize *p,
                                    const float *src, uint8_t *dst, int64_t begin,
                                    int64_t end)
{
    const struct tare_f32_u8_quantize copy = *p; /* stores to dst cannot change it */
    quantize_any_layout(&copy, src, dst, begin, end);
}
