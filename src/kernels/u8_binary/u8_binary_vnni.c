/* AVX-512, 32 elements a step: see u8_binary_simd.h. */
#include "kernels/u8_binary/u8_binary.h"
#include "kernels/u8_epilogue_vnni.h"

struct finish {
    struct tare_finish_vnni all;
};

static inline struct finish finish_of(const struct tare_u8_binary *p)
{
    return (struct finish){
        tare_finish_vnni(p->negative_slope, p->lower, p->upper, p->out_zero_point)};
}

/* n may be below 0. */
static inline __mmask16 first(int64_t n)
{
    return n >= 16  ? (__mmask16)0xffff
           : n <= 0 ? (__mmask16)0
                    : (__mmask16)((1 << n) - 1);
}

static inline __m512 read_lanes(const uint8_t *x, int64_t n)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(n), x)));
}

static inline void write_pair(const struct finish *finish, uint8_t *y, __m512 v0,
                              __m512 v1, int64_t n)
{
    const __m256i bytes = tare_bytes32_vnni(&finish->all, v0, v1);
    if (n >= 32) {
        _mm256_storeu_si256((void *)y, bytes);
        return;
    }
    _mm256_mask_storeu_epi8(y, (__mmask32)((UINT64_C(1) << n) - 1), bytes);
}

#define BINARY_NAME tare_u8_binary__vnni_u32
#include "kernels/u8_binary/u8_binary_simd.h"
