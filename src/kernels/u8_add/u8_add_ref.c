/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/u8_add/u8_add.h"

void tare_u8_add__ref(const struct tare_u8_add *p, const uint8_t *a, const uint8_t *b,
                      uint8_t *y, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        const float product = (float)(b[i] - p->b_zero_point) * p->b_scale;
        float v = fmaf((float)(a[i] - p->a_zero_point), p->a_scale, product);
        v = v < 0.0f ? v * p->negative_slope : v;
        v = v > p->lower ? v : p->lower;
        v = v < p->upper ? v : p->upper;
        y[i] = (uint8_t)((int32_t)rintf(v) + p->out_zero_point);
    }
}
