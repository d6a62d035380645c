/* kernels/f32_layer_norm/f32_layer_norm_simd.h - the body of the AVX2, AVX-512 and
 * NEON files, which define LAYER_NORM_NAME. */
#include <math.h>

#include "kernels/f32_layer_norm/f32_layer_norm.h"
#include "kernels/lanes_fold.h"

static float fold_mean(const lanes sums[FOLD_VECTORS], int64_t n)
{
    float s[TARE_FOLD];
    for (int k = 0; k < FOLD_VECTORS; k++)
        lanes_store(s + k * LANES, sums[k]);
    return tare_fold_sum(s) / (float)n;
}

/* Zeros behind the row leave the sums as they are. */
static float mean_of(const float *x, int64_t n)
{
    lanes s[FOLD_VECTORS];
    for (int k = 0; k < FOLD_VECTORS; k++)
        s[k] = lanes_zero();
    for (int64_t i = 0; i < n; i += TARE_FOLD)
        for (int k = 0; k < FOLD_VECTORS; k++)
            s[k] = lanes_add(s[k], lanes_fold_load(x + i, k, n - i, lanes_zero()));
    return fold_mean(s, n);
}

/* So do means, unless everything is NaN. */
static float variance_of(const float *x, float mean, int64_t n)
{
    const lanes m = lanes_set1(mean);
    lanes s[FOLD_VECTORS];
    for (int k = 0; k < FOLD_VECTORS; k++)
        s[k] = lanes_zero();
    for (int64_t i = 0; i < n; i += TARE_FOLD)
        for (int k = 0; k < FOLD_VECTORS; k++) {
            const lanes d = lanes_sub(lanes_fold_load(x + i, k, n - i, m), m);
            s[k] = lanes_fma(d, d, s[k]);
        }
    return fold_mean(s, n);
}

void LAYER_NORM_NAME(const struct tare_f32_layer_norm *norm, const float *x,
                     const float *scale, const float *shift, float *y, int64_t begin,
                     int64_t end)
{
    const int64_t n = norm->n;
    for (int64_t row = begin; row < end; row++) {
        const float *from = x + row * n;
        const float mean = norm->keeps_mean ? 0.0f : mean_of(from, n);
        const float r = 1.0f / sqrtf(variance_of(from, mean, n) + norm->epsilon);
        const lanes m = lanes_set1(mean), factor = lanes_set1(r);
        for (int64_t i = 0; i < n; i += LANES) {
            const int64_t left = n - i;
            const lanes v = lanes_sub(lanes_load_upto(from + i, left), m);
            lanes_store_upto(y + row * n + i,
                             lanes_fma(lanes_mul(v, factor),
                                       lanes_load_upto(scale + i, left),
                                       lanes_load_upto(shift + i, left)),
                             left);
        }
    }
}
