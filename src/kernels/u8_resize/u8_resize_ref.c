/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/u8_resize/u8_resize.h"

static uint8_t sample(const struct tare_resize_shape *resize, const uint8_t *image,
                      const struct tare_resize_sample *row,
                      const struct tare_resize_sample *column)
{
    if (resize->taps == 1)
        return image[(row->index[0] * resize->in_w + column->index[0]) *
                     resize->channels];
    float v = 0.0f;
    for (int32_t ky = 0; ky < 2; ky++) {
        const uint8_t *line = image + row->index[ky] * resize->in_w * resize->channels;
        float r = 0.0f;
        for (int32_t kx = 0; kx < 2; kx++)
            r = fmaf(column->weight[kx],
                     (float)line[column->index[kx] * resize->channels], r);
        v = fmaf(row->weight[ky], r, v);
    }
    v = v > 0.0f ? v : 0.0f;
    v = v < 255.0f ? v : 255.0f;
    return (uint8_t)rintf(v);
}

void tare_u8_resize__ref(const struct tare_resize_shape *resize,
                         const struct tare_u8_resize_data *data, int64_t begin,
                         int64_t end)
{
    const int64_t channels = resize->channels;
    for (int64_t row = begin; row < end; row++) {
        const uint8_t *image =
            data->x + row / resize->out_h * resize->in_h * resize->in_w * channels;
        uint8_t *to = data->y + row * resize->out_w * channels;
        for (int64_t i = 0; i < resize->out_w * channels; i++)
            to[i] =
                sample(resize, image + i % channels, data->rows + row % resize->out_h,
                       data->columns + i / channels);
    }
}
