/* AVX-512: 16 values at a time; zeros are squeezed out by the compress instruction. */
#include <immintrin.h>

#include "kernels/f32_observe/f32_observe.h"

void tare_f32_observe__avx512_u16(const float *x, size_t n, float factor,
                                  struct tare_observe_block *block)
{
    const __m512 scale = _mm512_set1_ps(factor);
    const __m512 last = _mm512_set1_ps((float)(TARE_OBSERVE_BINS - 1));
    const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
    __m512i low = _mm512_set1_epi32(INT32_MAX);
    __m512i high = _mm512_set1_epi32(INT32_MIN);
    uint32_t n_index = 0;
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 there =
            (__mmask16)(n - i < 16 ? (1U << (n - i)) - 1U : 0xFFFFU);
        const __m512i bits = _mm512_castps_si512(_mm512_maskz_loadu_ps(there, x + i));
        const __m512i sign = _mm512_srai_epi32(bits, 31);
        const __m512i ordinal =
            _mm512_xor_si512(bits, _mm512_and_si512(sign, magnitude));
        low = _mm512_mask_min_epi32(low, there, low, ordinal);
        high = _mm512_mask_max_epi32(high, there, high, ordinal);
        const __m512i a = _mm512_and_si512(bits, magnitude);
        const __m512i index = /* the second operand wins over NaN */
            _mm512_cvttps_epi32(
                _mm512_min_ps(_mm512_mul_ps(_mm512_castsi512_ps(a), scale), last));
        const __mmask16 used = _mm512_test_epi32_mask(a, a);
        _mm256_storeu_si256(
            (__m256i *)(void *)(block->index + n_index),
            _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(used, index)));
        n_index += (uint32_t)_mm_popcnt_u32(used);
    }
    block->n_index = n_index;
    block->low = _mm512_reduce_min_epi32(low);
    block->high = _mm512_reduce_max_epi32(high);
}
