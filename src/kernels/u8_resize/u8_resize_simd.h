/* kernels/u8_resize/u8_resize_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define RESIZE_NAME. */
#include <string.h>

#include "kernels/u8_lanes.h"
#include "kernels/u8_resize/u8_resize.h"
#include "kernels/unroll.h"

/* What is the same for all pixels. */
struct constants {
    lanes zero_point, multiplier;
    struct u8_finish finish;
};

/* A tap's row of the input, and how much of it counts. */
struct line {
    const uint8_t *x;
    lanes weight;
};

static inline lanes mix(const struct constants *constants, const struct line lines[2],
                        const int64_t at[2], const lanes weight[2], int64_t c,
                        int64_t left)
{
    lanes v = lanes_zero();
    TARE_UNROLL
    for (int32_t ky = 0; ky < 2; ky++) {
        lanes r = lanes_zero();
        TARE_UNROLL
        for (int32_t kx = 0; kx < 2; kx++) {
            const lanes x = u8_read(lines[ky].x + at[kx] + c, left);
            r = lanes_fma(weight[kx], lanes_sub(x, constants->zero_point), r);
        }
        v = lanes_fma(lines[ky].weight, r, v);
    }
    return lanes_mul(v, constants->multiplier);
}

/* All channels of one output pixel. */
static void mix_pixel(const struct constants *constants, int64_t channels,
                      const struct line lines[2],
                      const struct tare_resize_sample *column, uint8_t *y)
{
    const int64_t at[2] = {column->index[0] * channels, column->index[1] * channels};
    const lanes weight[2] = {lanes_set1(column->weight[0]),
                             lanes_set1(column->weight[1])};
    for (int64_t c = 0; c < channels; c += 2 * LANES) {
        const int64_t left = channels - c;
        const lanes v0 = mix(constants, lines, at, weight, c, left);
        const lanes v1 = mix(constants, lines, at, weight, c + LANES, left - LANES);
        u8_write(&constants->finish, y + c, v0, v1, left);
    }
}

void RESIZE_NAME(const struct tare_u8_resize *resize,
                 const struct tare_u8_resize_data *data, int64_t begin, int64_t end)
{
    const struct tare_resize_shape *s = &resize->shape;
    const struct constants constants = {
        .zero_point = lanes_set1((float)resize->in_zero_point),
        .multiplier = lanes_set1(resize->multiplier),
        .finish = u8_finish_of(resize->lower, resize->upper, resize->out_zero_point),
    };
    const int64_t channels = s->channels, line_bytes = s->in_w * channels;
    for (int64_t i = begin; i < end; i++) {
        const struct tare_resize_sample *row = data->rows + i % s->out_h;
        const uint8_t *image = data->x + i / s->out_h * s->in_h * line_bytes;
        uint8_t *to = data->y + i * s->out_w * channels;
        struct line lines[2];
        for (int32_t k = 0; k < 2; k++)
            lines[k] = (struct line){image + row->index[k] * line_bytes,
                                     lanes_set1(row->weight[k])};
        for (int64_t ox = 0; ox < s->out_w; ox++, to += channels) {
            const struct tare_resize_sample *column = data->columns + ox;
            if (s->taps == 1)
                memcpy(to, lines[0].x + column->index[0] * channels, (size_t)channels);
            else
                mix_pixel(&constants, channels, lines, column, to);
        }
    }
}
