/* AVX-512, 32 elements a step. */
#include <stdbool.h>

#include "kernels/u8_add/u8_add.h"
#include "kernels/u8_epilogue_vnni.h"

/* 16 bytes as floats, less a zero point. */
static inline __m512 real16(const uint8_t *x, __mmask16 valid, __m512i zero_point)
{
    const __m512i wide = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(valid, x));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(wide, zero_point));
}

static inline __m512 add16(const struct tare_u8_add *p, const uint8_t *a,
                           const uint8_t *b, __mmask16 valid,
                           const struct tare_finish_vnni *finish, bool has_slope)
{
    const __m512 real_a = real16(a, valid, _mm512_set1_epi32(p->a_zero_point));
    const __m512 real_b = real16(b, valid, _mm512_set1_epi32(p->b_zero_point));
    const __m512 product = _mm512_mul_ps(real_b, _mm512_set1_ps(p->b_scale));
    const __m512 sum = _mm512_fmadd_ps(real_a, _mm512_set1_ps(p->a_scale), product);
    return has_slope ? tare_slope_vnni(finish, sum) : sum;
}

static inline void add_all(const struct tare_u8_add *params, const uint8_t *a,
                           const uint8_t *b, uint8_t *y, int64_t n, bool has_slope)
{
    const struct tare_u8_add p = *params; /* a copy that stores to y cannot change */
    const struct tare_finish_vnni finish =
        tare_finish_vnni(p.negative_slope, p.lower, p.upper, p.out_zero_point);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        const __m512 v0 = add16(&p, a + i, b + i, 0xffff, &finish, has_slope);
        const __m512 v1 = add16(&p, a + i + 16, b + i + 16, 0xffff, &finish, has_slope);
        _mm256_storeu_si256((void *)(y + i), tare_bytes32_vnni(&finish, v0, v1));
    }
    for (; i < n; i += 16) {
        const int64_t idle = n - i < 16 ? 16 - (n - i) : 0;
        const __mmask16 valid = (__mmask16)(0xffff >> idle);
        const __m512 v = add16(&p, a + i, b + i, valid, &finish, has_slope);
        _mm_mask_storeu_epi8(y + i, valid, tare_bytes16_vnni(&finish, v));
    }
}

void tare_u8_add__vnni_u32(const struct tare_u8_add *p, const uint8_t *a,
                           const uint8_t *b, uint8_t *y, int64_t begin, int64_t end)
{
    if (p->negative_slope != 1.0f)
        add_all(p, a + begin, b + begin, y + begin, end - begin, true);
    else
        add_all(p, a + begin, b + begin, y + begin, end - begin, false);
}
