/* AVX-512-VBMI, 64 elements a step: the table is four registers, each VPERMI2B looks up
 * seven bits in two of them, and the eighth bit chooses. */
#include <immintrin.h>

#include "kernels/u8_table/u8_table.h"

static inline __m512i look_up(const __m512i part[4], __m512i x)
{
    const __m512i low = _mm512_permutex2var_epi8(part[0], x, part[1]);
    const __m512i high = _mm512_permutex2var_epi8(part[2], x, part[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(x), high);
}

void tare_u8_table__vnni_u64(const uint8_t *table, const uint8_t *x, uint8_t *y,
                             int64_t begin, int64_t end)
{
    const __m512i part[4] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64),
                             _mm512_loadu_si512(table + 128),
                             _mm512_loadu_si512(table + 192)};
    int64_t i = begin;
    for (; i + 64 <= end; i += 64)
        _mm512_storeu_si512(y + i, look_up(part, _mm512_loadu_si512(x + i)));
    if (i < end) {
        const __mmask64 valid = UINT64_MAX >> (64 - (end - i));
        const __m512i last = _mm512_maskz_loadu_epi8(valid, x + i);
        _mm512_mask_storeu_epi8(y + i, valid, look_up(part, last));
    }
}
