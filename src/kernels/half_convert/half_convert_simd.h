/* kernels/half_convert/half_convert_simd.h - the body of the AVX2, AVX-512 and NEON
 * files, which define CONVERT_NAME. */
#include "kernels/half_convert/half_convert.h"
#include "kernels/lanes_half.h"

static inline void widen(lanes_load_half_fn *load, const uint16_t *src, float *dst,
                         int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_store(dst + i, load(src + i));
    if (i < n)
        lanes_store_n(dst + i, lanes_load_half_upto(load, src + i, n - i), n - i);
}

static inline void narrow(lanes_store_half_fn *store, const float *src, uint16_t *dst,
                          int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(dst + i, lanes_load(src + i));
    if (i < n)
        lanes_store_half_upto(store, dst + i, lanes_load_n(src + i, n - i), n - i);
}

void CONVERT_NAME(int32_t op, const void *src, void *dst, int64_t n)
{
    switch (op) {
    case TARE_CONVERT_F16_F32: widen(lanes_load_f16, src, dst, n); break;
    case TARE_CONVERT_BF16_F32: widen(lanes_load_bf16, src, dst, n); break;
    case TARE_CONVERT_F32_F16: narrow(lanes_store_f16, src, dst, n); break;
    default: narrow(lanes_store_bf16, src, dst, n);
    }
}
