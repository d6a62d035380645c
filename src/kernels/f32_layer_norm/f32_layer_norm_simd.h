/* kernels/f32_layer_norm/f32_layer_norm_simd.h - the body of the AVX2, AVX-512 and
 * NEON files, which define LAYER_NORM_NAME. */
#include "kernels/f32_layer_norm/f32_layer_norm.h"
#include "kernels/lanes_fold.h"
#include "kernels/unroll.h"

/* Rows side by side: the chains of one alone are most of the time waited for. */
enum { TOGETHER = 4 };

/* What the sums of `rows` rows, a constant, begin with. */
TARE_ALWAYS_INLINE void clear(lanes s[TOGETHER][FOLD_VECTORS], const int64_t rows)
{
    EACH_OF(rows, row)
    {
        EACH_OF(FOLD_VECTORS, k) s[row][k] = lanes_zero();
    }
}

/* The vector at x, of which only `left` elements exist, zeros behind them. */
TARE_ALWAYS_INLINE lanes load_left(const float *x, int64_t left)
{
    return left > 0 ? lanes_load_upto(x, left) : lanes_zero();
}

TARE_ALWAYS_INLINE lanes keep_left(lanes v, int64_t left)
{
    return left >= LANES ? v : left > 0 ? lanes_keep(v, left) : lanes_zero();
}

/* TARE_FOLD values of each row, of which only `left` exist: zeros leave sums as they
 * are. */
TARE_ALWAYS_INLINE void add_values(const float *x, int64_t n, int64_t left,
                                   const int64_t rows, lanes s[TOGETHER][FOLD_VECTORS])
{
    EACH_OF(rows, row)
    {
        EACH_OF(FOLD_VECTORS, k)
        s[row][k] =
            lanes_add(s[row][k], load_left(x + row * n + k * LANES, left - k * LANES));
    }
}

TARE_ALWAYS_INLINE void add_squares(const float *x, int64_t n, int64_t left,
                                    const lanes mean[TOGETHER], const int64_t rows,
                                    lanes s[TOGETHER][FOLD_VECTORS])
{
    EACH_OF(rows, row)
    {
        EACH_OF(FOLD_VECTORS, k)
        {
            const int64_t here = left - k * LANES;
            const lanes v = load_left(x + row * n + k * LANES, here);
            const lanes d = keep_left(lanes_sub(v, mean[row]), here);
            s[row][k] = lanes_fma(d, d, s[row][k]);
        }
    }
}

TARE_ALWAYS_INLINE void normalize(const struct tare_f32_layer_norm *norm,
                                  const float *x, const float *scale,
                                  const float *shift, float *y, const int64_t rows)
{
    const int64_t n = norm->n;
    const lanes length = lanes_set1((float)n), epsilon = lanes_set1(norm->epsilon);
    lanes mean[TOGETHER], factor[TOGETHER], s[TOGETHER][FOLD_VECTORS];
    const int64_t whole = n / TARE_FOLD * TARE_FOLD;
    EACH_OF(rows, row) mean[row] = lanes_zero();
    if (!norm->keeps_mean) {
        clear(s, rows);
        for (int64_t i = 0; i < whole; i += TARE_FOLD)
            add_values(x + i, n, TARE_FOLD, rows, s);
        if (whole < n) add_values(x + whole, n, n - whole, rows, s);
        EACH_OF(rows, row) mean[row] = lanes_div(lanes_fold_sum(s[row]), length);
    }
    clear(s, rows);
    for (int64_t i = 0; i < whole; i += TARE_FOLD)
        add_squares(x + i, n, TARE_FOLD, mean, rows, s);
    if (whole < n) add_squares(x + whole, n, n - whole, mean, rows, s);
    EACH_OF(rows, row)
    {
        const lanes variance = lanes_div(lanes_fold_sum(s[row]), length);
        factor[row] =
            lanes_div(lanes_set1(1.0F), lanes_sqrt(lanes_add(variance, epsilon)));
    }
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t left = n - i;
        const lanes a = lanes_load_upto(scale + i, left);
        const lanes b = lanes_load_upto(shift + i, left);
        EACH_OF(rows, row)
        {
            const lanes v =
                lanes_sub(lanes_load_upto(x + row * n + i, left), mean[row]);
            lanes_store_upto(y + row * n + i,
                             lanes_fma(lanes_mul(v, factor[row]), a, b), left);
        }
    }
}

void LAYER_NORM_NAME(const struct tare_f32_layer_norm *norm, const float *x,
                     const float *scale, const float *shift, float *y, int64_t begin,
                     int64_t end)
{
    const int64_t n = norm->n;
    int64_t row = begin;
    for (; row + TOGETHER <= end; row += TOGETHER)
        normalize(norm, x + row * n, scale, shift, y + row * n, TOGETHER);
    for (; row < end; row++)
        normalize(norm, x + row * n, scale, shift, y + row * n, 1);
}
