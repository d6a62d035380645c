/* AVX2, 32 elements a step: VPSHUFB looks up the low four bits in each sixteenth of the
 * table, and the high four bits choose among the results, two by two. */
#include <immintrin.h>

#include "kernels/u8_table/u8_table.h"

struct lookup {
    __m256i part[16];
};

/* b where the highest bit of a byte of x << shift is set, else a; shift < 4. */
static inline __m256i choose(__m256i a, __m256i b, __m256i x, int shift)
{
    return _mm256_blendv_epi8(a, b, _mm256_slli_epi16(x, shift));
}

static inline __m256i look_up2(const struct lookup *t, int64_t i, __m256i x,
                               __m256i low)
{
    return choose(_mm256_shuffle_epi8(t->part[i], low),
                  _mm256_shuffle_epi8(t->part[i + 1], low), x, 3);
}

static inline __m256i look_up4(const struct lookup *t, int64_t i, __m256i x,
                               __m256i low)
{
    return choose(look_up2(t, i, x, low), look_up2(t, i + 2, x, low), x, 2);
}

static inline __m256i look_up8(const struct lookup *t, int64_t i, __m256i x,
                               __m256i low)
{
    return choose(look_up4(t, i, x, low), look_up4(t, i + 4, x, low), x, 1);
}

void tare_u8_table__avx2_u32(const uint8_t *table, const uint8_t *x, uint8_t *y,
                             int64_t begin, int64_t end)
{
    struct lookup t;
    for (int64_t i = 0; i < 16; i++)
        t.part[i] = _mm256_broadcastsi128_si256(
            _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * i)));
    int64_t i = begin;
    for (; i + 32 <= end; i += 32) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        const __m256i low = _mm256_and_si256(v, _mm256_set1_epi8(15));
        const __m256i found =
            choose(look_up8(&t, 0, v, low), look_up8(&t, 8, v, low), v, 0);
        _mm256_storeu_si256((__m256i *)(void *)(y + i), found);
    }
    tare_u8_table__ref(table, x, y, i, end);
}
