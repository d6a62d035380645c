/* kernels/f32_resize/f32_resize_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define RESIZE_NAME. */
#include "kernels/f32_resize/f32_resize.h"
#include "kernels/lanes.h"

/* All channels of one output pixel. */
static void copy_pixel(const float *x, int64_t channels, float *y)
{
    for (int64_t c = 0; c < channels; c += LANES)
        lanes_store_upto(y + c, lanes_load_upto(x + c, channels - c), channels - c);
}

static void mix_pixel(const struct tare_resize_shape *resize, const float *const *lines,
                      const struct tare_resize_sample *row,
                      const struct tare_resize_sample *column, float *y)
{
    const int64_t channels = resize->channels;
    for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t left = channels - c;
        lanes v = lanes_zero();
        for (int32_t ky = 0; ky < resize->taps; ky++) {
            lanes r = lanes_zero();
            for (int32_t kx = 0; kx < resize->taps; kx++)
                r = lanes_fma(
                    lanes_set1(column->weight[kx]),
                    lanes_load_upto(lines[ky] + column->index[kx] * channels + c, left),
                    r);
            v = lanes_fma(lanes_set1(row->weight[ky]), r, v);
        }
        lanes_store_upto(y + c, v, left);
    }
}

void RESIZE_NAME(const struct tare_resize_shape *resize,
                 const struct tare_f32_resize_data *data, int64_t begin, int64_t end)
{
    const int64_t channels = resize->channels;
    for (int64_t i = begin; i < end; i++) {
        const struct tare_resize_sample *row = data->rows + i % resize->out_h;
        const float *image =
            data->x + i / resize->out_h * resize->in_h * resize->in_w * channels;
        const float *lines[4];
        float *to = data->y + i * resize->out_w * channels;
        for (int32_t k = 0; k < 4; k++)
            lines[k] = image + row->index[k] * resize->in_w * channels;
        for (int64_t ox = 0; ox < resize->out_w; ox++, to += channels) {
            const struct tare_resize_sample *column = data->columns + ox;
            if (resize->taps == 1)
                copy_pixel(lines[0] + column->index[0] * channels, channels, to);
            else
                mix_pixel(resize, lines, row, column, to);
        }
    }
}
