/* kernels/f32_softmax/f32_softmax_simd.h - the body of the AVX2, AVX-512 and NEON
 * files, which define SOFTMAX_NAME. */
#include "kernels/f32_softmax/f32_softmax.h"
#include "kernels/lanes_fold.h"
#include "kernels/lanes_math.h"

/* The order of a maximum does not show, as zeros of either sign give the same e. */
static float row_max(const float *x, int64_t n)
{
    const lanes start = lanes_set1(-INFINITY);
    lanes m = start;
    float s[TARE_FOLD];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        m = lanes_max(lanes_load(x + i), m);
    m = lanes_max(lanes_fold_load(x + i, 0, n - i, start), m);
    for (int k = 0; k < FOLD_VECTORS; k++)
        lanes_store(s + k * LANES, m);
    return tare_fold_max(s);
}

static void softmax_row(const float *x, float *y, int64_t n)
{
    const lanes m = lanes_set1(row_max(x, n));
    lanes sums[FOLD_VECTORS];
    float s[TARE_FOLD];
    for (int k = 0; k < FOLD_VECTORS; k++)
        sums[k] = lanes_zero();
    for (int64_t i = 0; i < n; i += TARE_FOLD)
        for (int k = 0; k < FOLD_VECTORS; k++) {
            const int64_t at = i + k * LANES, left = n - at;
            if (left <= 0) break;
            lanes_store_upto(
                y + at, lanes_exp(lanes_sub(lanes_load_upto(x + at, left), m)), left);
            sums[k] = lanes_add(sums[k], lanes_load_upto(y + at, left));
        }
    for (int k = 0; k < FOLD_VECTORS; k++)
        lanes_store(s + k * LANES, sums[k]);

    const lanes sum = lanes_set1(tare_fold_sum(s));
    for (int64_t i = 0; i < n; i += LANES)
        lanes_store_upto(y + i, lanes_div(lanes_load_upto(y + i, n - i), sum), n - i);
}

/* Columns side by side, for the sake of the caches. */
static void softmax_columns(const float *x, float *y, int64_t n, int64_t inner,
                            int64_t width)
{
    lanes m[TARE_SOFTMAX_INNER / LANES], sum[TARE_SOFTMAX_INNER / LANES];
    for (int64_t c = 0; c < width; c += LANES) {
        m[c / LANES] = lanes_set1(-INFINITY);
        sum[c / LANES] = lanes_zero();
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < width; c += LANES)
            m[c / LANES] =
                lanes_max(lanes_load_upto(x + i * inner + c, width - c), m[c / LANES]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < width; c += LANES) {
            const lanes v = lanes_load_upto(x + i * inner + c, width - c);
            const lanes e = lanes_exp(lanes_sub(v, m[c / LANES]));
            lanes_store_upto(y + i * inner + c, e, width - c);
            sum[c / LANES] = lanes_add(sum[c / LANES], e);
        }
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < width; c += LANES) {
            const lanes e = lanes_load_upto(y + i * inner + c, width - c);
            lanes_store_upto(y + i * inner + c, lanes_div(e, sum[c / LANES]),
                             width - c);
        }
}

void SOFTMAX_NAME(const struct tare_f32_softmax *softmax, const float *x, float *y,
                  int64_t begin, int64_t end)
{
    const int64_t n = softmax->n, inner = softmax->inner;
    const int64_t pieces = (inner + TARE_SOFTMAX_INNER - 1) / TARE_SOFTMAX_INNER;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t at = unit / pieces * n * inner;
        const int64_t first = unit % pieces * TARE_SOFTMAX_INNER, left = inner - first;
        const int64_t width = left < TARE_SOFTMAX_INNER ? left : TARE_SOFTMAX_INNER;
        if (inner == 1)
            softmax_row(x + at, y + at, n);
        else
            softmax_columns(x + at + first, y + at + first, n, inner, width);
    }
}
