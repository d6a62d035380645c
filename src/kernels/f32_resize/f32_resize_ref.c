/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_resize/f32_resize.h"

static float sample(const struct tare_resize_shape *resize, const float *image,
                    const struct tare_resize_sample *row,
                    const struct tare_resize_sample *column)
{
    if (resize->taps == 1)
        return image[(row->index[0] * resize->in_w + column->index[0]) *
                     resize->channels];
    float v = 0.0f;
    for (int32_t ky = 0; ky < resize->taps; ky++) {
        const float *line = image + row->index[ky] * resize->in_w * resize->channels;
        float r = 0.0f;
        for (int32_t kx = 0; kx < resize->taps; kx++)
            r = fmaf(column->weight[kx], line[column->index[kx] * resize->channels], r);
        v = fmaf(row->weight[ky], r, v);
    }
    return v;
}

void tare_f32_resize__ref(const struct tare_resize_shape *resize,
                          const struct tare_f32_resize_data *data, int64_t begin,
                          int64_t end)
{
    const int64_t channels = resize->channels;
    for (int64_t row = begin; row < end; row++) {
        const float *image =
            data->x + row / resize->out_h * resize->in_h * resize->in_w * channels;
        float *to = data->y + row * resize->out_w * channels;
        for (int64_t i = 0; i < resize->out_w * channels; i++)
            to[i] =
                sample(resize, image + i % channels, data->rows + row % resize->out_h,
                       data->columns + i / channels);
    }
}
