/* AVX2, 16 elements a step: see u8_binary_simd.h. */
#include "kernels/u8_binary/u8_binary.h"
#include "kernels/u8_epilogue_avx2.h"

struct finish {
    struct tare_finish_avx2 all;
};

static inline struct finish finish_of(const struct tare_u8_binary *p)
{
    return (struct finish){
        tare_finish_avx2(p->negative_slope, p->lower, p->upper, p->out_zero_point)};
}

/* 8 are readable, however many are wanted. */
static inline __m256 read_lanes(const uint8_t *x, int64_t n)
{
    (void)n;
    return tare_real8_avx2(x, _mm256_setzero_si256());
}

static inline void write_pair(const struct finish *finish, uint8_t *y, __m256 v0,
                              __m256 v1, int64_t n)
{
    tare_store16_avx2(y, tare_bytes16_avx2(&finish->all, v0, v1), n);
}

#define BINARY_NAME tare_u8_binary__avx2_u16
#include "kernels/u8_binary/u8_binary_simd.h"
