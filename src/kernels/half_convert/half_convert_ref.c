#include "kernels/half_convert/half_convert.h"

#include "base/half.h"

void tare_half_convert__ref(int32_t op, const void *src, void *dst, int64_t n)
{
    const uint16_t *from_half = src;
    const float *from = src;
    uint16_t *to_half = dst;
    float *to = dst;
    for (int64_t i = 0; i < n; i++)
        switch (op) {
        case TARE_CONVERT_F16_F32: to[i] = tare_half_to_float(from_half[i]); break;
        case TARE_CONVERT_BF16_F32: to[i] = tare_bfloat16_to_float(from_half[i]); break;
        case TARE_CONVERT_F32_F16: to_half[i] = tare_half_from_float(from[i]); break;
        default: to_half[i] = tare_bfloat16_from_float(from[i]);
        }
}
