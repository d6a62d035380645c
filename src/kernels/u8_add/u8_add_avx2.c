/* AVX2, 16 elements a step. */
#include <stdbool.h>

#include "kernels/u8_add/u8_add.h"
#include "kernels/u8_epilogue_avx2.h"

static inline __m256 add8(const struct tare_u8_add *p, const uint8_t *a,
                          const uint8_t *b, const struct tare_finish_avx2 *finish,
                          bool has_slope)
{
    const __m256 real_a = tare_real8_avx2(a, _mm256_set1_epi32(p->a_zero_point));
    const __m256 real_b = tare_real8_avx2(b, _mm256_set1_epi32(p->b_zero_point));
    const __m256 product = _mm256_mul_ps(real_b, _mm256_set1_ps(p->b_scale));
    const __m256 sum = _mm256_fmadd_ps(real_a, _mm256_set1_ps(p->a_scale), product);
    return has_slope ? tare_slope_avx2(finish, sum) : sum;
}

static inline void add_all(const struct tare_u8_add *p, const uint8_t *a,
                           const uint8_t *b, uint8_t *y, int64_t n, bool has_slope)
{
    const struct tare_finish_avx2 finish =
        tare_finish_avx2(p->negative_slope, p->lower, p->upper, p->out_zero_point);
    for (int64_t i = 0; i < n; i += 16) {
        const __m256 v0 = add8(p, a + i, b + i, &finish, has_slope);
        const __m256 v1 = add8(p, a + i + 8, b + i + 8, &finish, has_slope);
        tare_store16_avx2(y + i, tare_bytes16_avx2(&finish, v0, v1), n - i);
    }
}

void tare_u8_add__avx2_u16(const struct tare_u8_add *p, const uint8_t *a,
                           const uint8_t *b, uint8_t *y, int64_t begin, int64_t end)
{
    if (p->negative_slope != 1.0f)
        add_all(p, a + begin, b + begin, y + begin, end - begin, true);
    else
        add_all(p, a + begin, b + begin, y + begin, end - begin, false);
}
