/* Reference: the definition the other variants are compared with. */
#include "kernels/f32_fold.h"
#include "kernels/f32_math.h"
#include "kernels/f32_softmax/f32_softmax.h"

/* One axis of n elements, `step` apart. */
static void softmax_axis(const float *x, float *y, int64_t n, int64_t step)
{
    float s[TARE_FOLD] = {0}, m = -INFINITY;
    const int64_t chains = step == 1 ? TARE_FOLD : 1;
    for (int64_t i = 0; i < n; i++)
        m = tare_fold_larger(m, x[i * step]);
    for (int64_t i = 0; i < n; i++) {
        y[i * step] = tare_f32_exp(x[i * step] - m);
        s[i % chains] = s[i % chains] + y[i * step];
    }
    const float sum = chains == 1 ? s[0] : tare_fold_sum(s);
    for (int64_t i = 0; i < n; i++)
        y[i * step] = y[i * step] / sum;
}

/* The rows [begin, end). */
static void softmax_rows(const struct tare_f32_softmax *softmax, const float *x,
                         const struct tare_f32_u8_outputs *out, float *scratch,
                         int64_t begin, int64_t end)
{
    const int64_t n = softmax->n;
    for (int64_t row = begin; row < end; row++) {
        float *y = out->y ? out->y + row * n : scratch;
        softmax_axis(x + row * n, y, n, 1);
        if (out->codes)
            tare_f32_u8_quantize__ref(&out->as, y, out->codes + row * n, 0, n);
    }
}

void tare_f32_softmax__ref(const struct tare_f32_softmax *softmax, const float *x,
                           const struct tare_f32_u8_outputs *out, float *scratch,
                           int64_t begin, int64_t end)
{
    const int64_t n = softmax->n, inner = softmax->inner;
    const int64_t pieces = (inner + TARE_SOFTMAX_INNER - 1) / TARE_SOFTMAX_INNER;
    if (inner == 1) {
        softmax_rows(softmax, x, out, scratch, begin, end);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t at = unit / pieces * n * inner;
        const int64_t first = unit % pieces * TARE_SOFTMAX_INNER;
        for (int64_t i = first; i < inner && i < first + TARE_SOFTMAX_INNER; i++)
            softmax_axis(x + at + i, out->y + at + i, n, inner);
    }
}
