/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/u8_resize/u8_resize.h"

static uint8_t sample(const struct tare_u8_resize *resize, const uint8_t *image,
                      const struct tare_resize_sample *row,
                      const struct tare_resize_sample *column)
{
    const struct tare_resize_shape *s = &resize->shape;
    if (s->taps == 1)
        return image[(row->index[0] * s->in_w + column->index[0]) * s->channels];
    float v = 0.0f;
    for (int32_t ky = 0; ky < 2; ky++) {
        const uint8_t *line = image + row->index[ky] * s->in_w * s->channels;
        float r = 0.0f;
        for (int32_t kx = 0; kx < 2; kx++) {
            const int32_t x = line[column->index[kx] * s->channels];
            r = fmaf(column->weight[kx], (float)(x - resize->in_zero_point), r);
        }
        v = fmaf(row->weight[ky], r, v);
    }
    v *= resize->multiplier;
    v = v > resize->lower ? v : resize->lower;
    v = v < resize->upper ? v : resize->upper;
    return (uint8_t)((int32_t)rintf(v) + resize->out_zero_point);
}

void tare_u8_resize__ref(const struct tare_u8_resize *resize,
                         const struct tare_u8_resize_data *data, int64_t begin,
                         int64_t end)
{
    const struct tare_resize_shape *s = &resize->shape;
    const int64_t channels = s->channels;
    for (int64_t row = begin; row < end; row++) {
        const uint8_t *image = data->x + row / s->out_h * s->in_h * s->in_w * channels;
        uint8_t *to = data->y + row * s->out_w * channels;
        for (int64_t i = 0; i < s->out_w * channels; i++)
            to[i] = sample(resize, image + i % channels, data->rows + row % s->out_h,
                           data->columns + i / channels);
    }
}
