/* Reference: the definition the other variants are compared with. */
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

void tare_u8_f32_dequantize__ref(const struct tare_u8_f32_dequantize *p,
                                 const uint8_t *src, float *dst, int64_t begin,
                                 int64_t end)
{
    for (int64_t pixel = begin; pixel < end; pixel++)
        for (int64_t c = 0; c < p->channels; c++)
            dst[pixel * p->pixel_stride + c * p->channel_stride] =
                (float)(src[pixel * p->channels + c] - p->zero_point) * p->scale;
}
