/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"

void tare_f32_u8_quantize__ref(const struct tare_f32_u8_quantize *p, const float *src,
                               uint8_t *dst, int64_t begin, int64_t end)
{
    for (int64_t pixel = begin; pixel < end; pixel++) {
        for (int64_t c = 0; c < p->channels; c++) {
            float v = src[pixel * p->pixel_stride + c * p->channel_stride] / p->scale;
            v = v > p->lower ? v : p->lower; /* this order sends NaN to lower */
            v = v < p->upper ? v : p->upper;
            dst[pixel * p->channels + c] = (uint8_t)((int32_t)rintf(v) + p->zero_point);
        }
    }
}
