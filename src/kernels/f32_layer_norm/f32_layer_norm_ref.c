/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_fold.h"
#include "kernels/f32_layer_norm/f32_layer_norm.h"

static float mean_of(const float *x, int64_t n)
{
    float s[TARE_FOLD] = {0};
    for (int64_t i = 0; i < n; i++)
        s[i % TARE_FOLD] = s[i % TARE_FOLD] + x[i];
    return tare_fold_sum(s) / (float)n;
}

static float variance_of(const float *x, float mean, int64_t n)
{
    float s[TARE_FOLD] = {0};
    for (int64_t i = 0; i < n; i++)
        s[i % TARE_FOLD] = fmaf(x[i] - mean, x[i] - mean, s[i % TARE_FOLD]);
    return tare_fold_sum(s) / (float)n;
}

/* The row that is normalized. */
static const float *row_of(const struct tare_f32_layer_norm_data *data, int64_t row,
                           int64_t n)
{
    const float *x = data->x + row * n;
    if (!data->addend) return x;
    float *sum = (data->sum ? data->sum : data->out.y) + row * n;
    for (int64_t i = 0; i < n; i++)
        sum[i] = x[i] + data->addend[row * n + i];
    return sum;
}

void tare_f32_layer_norm__ref(const struct tare_f32_layer_norm *norm,
                              const struct tare_f32_layer_norm_data *data,
                              int64_t begin, int64_t end)
{
    const int64_t n = norm->n;
    const struct tare_f32_u8_outputs *out = &data->out;
    for (int64_t row = begin; row < end; row++) {
        const float *from = row_of(data, row, n);
        const float mean = norm->keeps_mean ? 0.0f : mean_of(from, n);
        const float r = 1.0f / sqrtf(variance_of(from, mean, n) + norm->epsilon);
        for (int64_t i = 0; i < n; i++) {
            const float y = fmaf((from[i] - mean) * r, data->scale[i], data->shift[i]);
            if (out->y) out->y[row * n + i] = y;
            if (out->codes)
                tare_f32_u8_quantize__ref(&out->as, &y, out->codes + row * n + i, 0, 1);
        }
    }
}
