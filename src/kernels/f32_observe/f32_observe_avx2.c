/* AVX2: 8 values at a time; zeros, which come in runs, are squeezed out by hand. */
#include <immintrin.h>

#include "kernels/f32_observe/f32_observe.h"

static inline int32_t least(__m256i v)
{
    __m128i m =
        _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0x4E));
    return _mm_cvtsi128_si32(_mm_min_epi32(m, _mm_shuffle_epi32(m, 0xB1)));
}

static inline void squeeze(struct tare_observe_block *block, __m128i index, int used)
{
    uint16_t *out = block->index + block->n_index;
    _mm_storeu_si128((__m128i *)(void *)out, index);
    if (used == 0xFF) {
        block->n_index += 8;
        return;
    }
    uint16_t all[8];
    uint32_t n = 0;
    _mm_storeu_si128((__m128i *)(void *)all, index);
    for (int i = 0; i < 8 && used; i++) {
        out[n] = all[i];
        n += (uint32_t)used >> i & 1U;
    }
    block->n_index += n;
}

void tare_f32_observe__avx2_u8(const float *x, size_t n, float factor,
                               struct tare_observe_block *block)
{
    const __m256 scale = _mm256_set1_ps(factor);
    const __m256 last = _mm256_set1_ps((float)(TARE_OBSERVE_BINS - 1));
    const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    const size_t whole = n / 8 * 8;
    struct tare_observe_block rest;
    tare_f32_observe__ref(x + whole, n - whole, factor, &rest);

    __m256i low = _mm256_set1_epi32(rest.low);
    __m256i high = _mm256_set1_epi32(~rest.high); /* ~ turns the order round */
    block->n_index = 0;
    for (size_t i = 0; i < whole; i += 8) {
        const __m256i bits = _mm256_castps_si256(_mm256_loadu_ps(x + i));
        const __m256i sign = _mm256_srai_epi32(bits, 31);
        const __m256i ordinal =
            _mm256_xor_si256(bits, _mm256_and_si256(sign, magnitude));
        low = _mm256_min_epi32(low, ordinal);
        high = _mm256_min_epi32(high, _mm256_xor_si256(ordinal, _mm256_set1_epi32(-1)));
        const __m256 a = _mm256_castsi256_ps(_mm256_and_si256(bits, magnitude));
        const __m256i index = /* the second operand wins over NaN */
            _mm256_cvttps_epi32(_mm256_min_ps(_mm256_mul_ps(a, scale), last));
        const int used =
            _mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NEQ_UQ));
        squeeze(block,
                _mm_packus_epi32(_mm256_castsi256_si128(index),
                                 _mm256_extracti128_si256(index, 1)),
                used);
    }
    for (uint32_t i = 0; i < rest.n_index; i++)
        block->index[block->n_index++] = rest.index[i];
    block->low = least(low);
    block->high = ~least(high);
}
