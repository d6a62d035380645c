/* kernels/lanes_x86.h - the vector of lanes.h with AVX2 and with AVX-512: the part that
 * depends on the instruction set. Included by lanes.h alone. */
#ifndef TARE_KERNELS_LANES_X86_H
#define TARE_KERNELS_LANES_X86_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__AVX512F__)

#define LANES INT64_C(16)
typedef __m512 lanes;
typedef __mmask16 lanes_mask;
#define LANES_OP(name) _mm512_##name

static inline __mmask16 lanes_first(int64_t n)
{
    return (__mmask16)((1U << n) - 1U);
}

/** The first n < LANES elements; the others are 0. Touches no memory behind them. */
static inline lanes lanes_load_n(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(lanes_first(n), p);
}

static inline void lanes_store_n(float *p, lanes v, int64_t n)
{
    _mm512_mask_storeu_ps(p, lanes_first(n), v);
}

/** v with zeros behind its first n elements, n <= LANES. */
static inline lanes lanes_keep(lanes v, int64_t n)
{
    return _mm512_maskz_mov_ps(lanes_first(n), v);
}

/** Element i ^ distance in the place of i, distance being 8, 4, 2 or 1. */
static inline lanes lanes_swap(lanes v, int distance)
{
    if (distance == 8) return _mm512_shuffle_f32x4(v, v, 0x4e);
    if (distance == 4) return _mm512_shuffle_f32x4(v, v, 0xb1);
    return distance == 2 ? _mm512_permute_ps(v, 0x4e) : _mm512_permute_ps(v, 0xb1);
}

static inline lanes_mask lanes_lt(lanes a, lanes b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline lanes_mask lanes_is_nan(lanes a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}

/** mask ? a : b */
static inline lanes lanes_select(lanes_mask mask, lanes a, lanes b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}

static inline lanes lanes_rint(lanes a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline lanes lanes_floor(lanes a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

static inline lanes lanes_ceil(lanes a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}

/** 2^n for an integral n in [-126, 127]. */
static inline lanes lanes_exp2i(lanes n)
{
    const __m512i biased =
        _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

/** p 2^n, n rounded, where both are normal: it is added to the exponent. */
static inline lanes lanes_add_exponent(lanes p, lanes n)
{
    const __m512i k = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), k));
}

static inline lanes lanes_bits_and(lanes a, uint32_t bits)
{
    return _mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)bits)));
}

static inline lanes lanes_bits_or(lanes a, uint32_t bits)
{
    return _mm512_or_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)bits)));
}

static inline bool lanes_all(lanes_mask mask)
{
    return mask == 0xffff;
}

#else

#define LANES          INT64_C(8)
typedef __m256 lanes;
typedef __m256 lanes_mask;
#define LANES_OP(name) _mm256_##name

static inline __m256i lanes_first(int64_t n)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), index);
}

static inline lanes lanes_load_n(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, lanes_first(n));
}

static inline void lanes_store_n(float *p, lanes v, int64_t n)
{
    _mm256_maskstore_ps(p, lanes_first(n), v);
}

static inline lanes lanes_keep(lanes v, int64_t n)
{
    return _mm256_and_ps(v, _mm256_castsi256_ps(lanes_first(n)));
}

static inline lanes lanes_swap(lanes v, int distance)
{
    if (distance == 4) return _mm256_permute2f128_ps(v, v, 1);
    return distance == 2 ? _mm256_permute_ps(v, 0x4e) : _mm256_permute_ps(v, 0xb1);
}

static inline lanes_mask lanes_lt(lanes a, lanes b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline lanes_mask lanes_is_nan(lanes a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}

static inline lanes lanes_select(lanes_mask mask, lanes a, lanes b)
{
    return _mm256_blendv_ps(b, a, mask);
}

static inline lanes lanes_rint(lanes a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline lanes lanes_floor(lanes a)
{
    return _mm256_floor_ps(a);
}

static inline lanes lanes_ceil(lanes a)
{
    return _mm256_ceil_ps(a);
}

static inline lanes lanes_exp2i(lanes n)
{
    const __m256i biased =
        _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

static inline lanes lanes_add_exponent(lanes p, lanes n)
{
    const __m256i k = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), k));
}

static inline lanes lanes_bits_and(lanes a, uint32_t bits)
{
    return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)bits)));
}

static inline lanes lanes_bits_or(lanes a, uint32_t bits)
{
    return _mm256_or_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)bits)));
}

static inline bool lanes_all(lanes_mask mask)
{
    return _mm256_movemask_ps(mask) == 0xff;
}

#endif

static inline lanes lanes_load(const float *p)
{
    return LANES_OP(loadu_ps)(p);
}

static inline void lanes_store(float *p, lanes v)
{
    LANES_OP(storeu_ps)(p, v);
}

static inline lanes lanes_set1(float a)
{
    return LANES_OP(set1_ps)(a);
}

static inline lanes lanes_zero(void)
{
    return LANES_OP(setzero_ps)();
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return LANES_OP(add_ps)(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return LANES_OP(sub_ps)(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return LANES_OP(mul_ps)(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return LANES_OP(div_ps)(a, b);
}

static inline lanes lanes_sqrt(lanes a)
{
    return LANES_OP(sqrt_ps)(a);
}

/** a * b + c, rounded once */
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return LANES_OP(fmadd_ps)(a, b, c);
}

/** a > b ? a : b, so b when either is NaN */
static inline lanes lanes_max(lanes a, lanes b)
{
    return LANES_OP(max_ps)(a, b);
}

/** a < b ? a : b, so b when either is NaN */
static inline lanes lanes_min(lanes a, lanes b)
{
    return LANES_OP(min_ps)(a, b);
}

#endif /* TARE_KERNELS_LANES_X86_H */
