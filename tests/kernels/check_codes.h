/* tests/kernels/check_codes.h - for the checks of float32 kernels that can quantize
 * what they make: how, and guarded outputs of codes. */
#ifndef TARE_TESTS_CHECK_CODES_H
#define TARE_TESTS_CHECK_CODES_H

#include "tests/kernels/check_f32.h"

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"

/** Of values up to about `largest`: most are in range, and some of them ties. */
static inline struct tare_f32_u8_quantize check_quantization(float largest)
{
    const int32_t zero_point = check_u32() % 2 ? (int32_t)check_range(0, 255) : 0;
    struct tare_f32_u8_quantize as = {.channels = 1,
                                      .pixel_stride = 1,
                                      .channel_stride = 1,
                                      .scale = largest / (float)check_range(20, 400),
                                      .lower = (float)-zero_point,
                                      .upper = (float)(255 - zero_point),
                                      .zero_point = zero_point};
    if (check_u32() % 4 == 0) as.scale = 0x1p-8f;
    if (check_u32() % 4 == 0) as.lower = fminf(as.upper, 3.0f);
    return as;
}

/** n codes between two guards, all 0x99. Free what lies CHECK_GUARD in front. */
static inline uint8_t *check_code_output(int64_t n)
{
    uint8_t *block = check_aligned((size_t)n + 2 * CHECK_GUARD);
    memset(block, 0x99, (size_t)n + 2 * CHECK_GUARD);
    return block + CHECK_GUARD;
}

/** What it held at first. */
static inline void check_code_clear(uint8_t *codes, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        codes[i] = 0x99;
}

static inline void check_code_free(uint8_t *codes)
{
    free(codes - CHECK_GUARD);
}

/** Those of `y` as the family of conversions makes them. */
static inline uint8_t *check_quantized(const struct tare_f32_u8_quantize *as,
                                       const float *y, int64_t n)
{
    uint8_t *codes = check_code_output(n);
    tare_f32_u8_quantize__ref(as, y, codes, 0, n);
    return codes;
}

/** Equal with their guards; prints what differs. */
static inline bool check_same_codes(const char *what, const uint8_t *got,
                                    const uint8_t *want, int64_t n)
{
    for (int64_t i = -(int64_t)CHECK_GUARD; i < n + (int64_t)CHECK_GUARD; i++) {
        if (got[i] == want[i]) continue;
        printf("not ok - %s: code %lld of %lld is %d, want %d (--seed=%llu)\n", what,
               (long long)i, (long long)n, got[i], want[i],
               (unsigned long long)check_seed);
        return false;
    }
    return true;
}

#endif /* TARE_TESTS_CHECK_CODES_H */
