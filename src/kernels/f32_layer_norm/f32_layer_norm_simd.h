/* kernels/f32_layer_norm/f32_layer_norm_simd.h - the body of the AVX2, AVX-512 and
 * NEON files, which define LAYER_NORM_NAME. */
#include "kernels/f32_layer_norm/f32_layer_norm.h"
#include "kernels/lanes_fold.h"
#include "kernels/lanes_quantize.h"

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

/* Of rows side by side. y, codes and addend are NULL where they are not wanted or not
 * there; m and r are the means and factors. */
struct rows {
    const float *x, *addend, *scale, *shift;
    float *sum, *y;
    uint8_t *codes;
    lanes m[TOGETHER], r[TOGETHER];
};

/* The vector from element `at` on, where it is looked at for the first time: with an
 * addend, the sum, which goes to where the later looks find it. */
TARE_ALWAYS_INLINE lanes first_look(const struct rows *rows, int64_t at, int64_t left,
                                    const bool adds)
{
    const lanes x = load_left(rows->x + at, left);
    if (!adds) return x;
    const lanes sum = lanes_add(x, load_left(rows->addend + at, left));
    if (left > 0) lanes_store_upto(rows->sum + at, sum, left);
    return sum;
}

/* TARE_FOLD values of each row, of which only `left` exist: zeros leave sums as they
 * are. */
TARE_ALWAYS_INLINE void add_values(const struct rows *rows, int64_t n, int64_t i,
                                   int64_t left, const bool adds, const int64_t n_rows,
                                   lanes s[TOGETHER][FOLD_VECTORS])
{
    EACH_OF(n_rows, row)
    {
        EACH_OF(FOLD_VECTORS, k)
        s[row][k] = lanes_add(s[row][k], first_look(rows, row * n + i + k * LANES,
                                                    left - k * LANES, adds));
    }
}

TARE_ALWAYS_INLINE void add_squares(const struct rows *rows, int64_t n, int64_t i,
                                    int64_t left, const bool adds, const int64_t n_rows,
                                    lanes s[TOGETHER][FOLD_VECTORS])
{
    EACH_OF(n_rows, row)
    {
        EACH_OF(FOLD_VECTORS, k)
        {
            const int64_t here = left - k * LANES;
            const lanes v = first_look(rows, row * n + i + k * LANES, here, adds);
            const lanes d = keep_left(lanes_sub(v, rows->m[row]), here);
            s[row][k] = lanes_fma(d, d, s[row][k]);
        }
    }
}

TARE_ALWAYS_INLINE void find_means(const struct tare_f32_layer_norm *norm,
                                   struct rows *rows, const bool adds,
                                   const int64_t n_rows)
{
    const int64_t n = norm->n, whole = n / TARE_FOLD * TARE_FOLD;
    const lanes length = lanes_set1((float)n);
    lanes s[TOGETHER][FOLD_VECTORS];
    clear(s, n_rows);
    for (int64_t i = 0; i < whole; i += TARE_FOLD)
        add_values(rows, n, i, TARE_FOLD, adds, n_rows, s);
    if (whole < n) add_values(rows, n, whole, n - whole, adds, n_rows, s);
    EACH_OF(n_rows, row) rows->m[row] = lanes_div(lanes_fold_sum(s[row]), length);
}

TARE_ALWAYS_INLINE void find_factors(const struct tare_f32_layer_norm *norm,
                                     struct rows *rows, const bool adds,
                                     const int64_t n_rows)
{
    const int64_t n = norm->n, whole = n / TARE_FOLD * TARE_FOLD;
    const lanes length = lanes_set1((float)n), epsilon = lanes_set1(norm->epsilon);
    lanes s[TOGETHER][FOLD_VECTORS];
    clear(s, n_rows);
    for (int64_t i = 0; i < whole; i += TARE_FOLD)
        add_squares(rows, n, i, TARE_FOLD, adds, n_rows, s);
    if (whole < n) add_squares(rows, n, whole, n - whole, adds, n_rows, s);
    EACH_OF(n_rows, row)
    {
        const lanes variance = lanes_div(lanes_fold_sum(s[row]), length);
        rows->r[row] =
            lanes_div(lanes_set1(1.0F), lanes_sqrt(lanes_add(variance, epsilon)));
    }
}

/* The first look makes the sums. */
TARE_ALWAYS_INLINE void look(const struct tare_f32_layer_norm *norm, struct rows *rows,
                             const bool adds, const int64_t n_rows)
{
    EACH_OF(n_rows, row) rows->m[row] = lanes_zero();
    if (!norm->keeps_mean)
        find_means(norm, rows, adds, n_rows);
    else if (adds)
        find_factors(norm, rows, true, n_rows);
    if (adds) rows->x = rows->sum;
    if (!adds || !norm->keeps_mean) find_factors(norm, rows, false, n_rows);
}

/* The vector from element i of a row on, of which only `left` elements exist; a and b
 * are its scale and shift. */
TARE_ALWAYS_INLINE lanes scaled(const struct rows *rows, int row, int64_t n, int64_t i,
                                int64_t left, lanes a, lanes b)
{
    const lanes v = lanes_load_upto(rows->x + row * n + i, left);
    return lanes_fma(lanes_mul(lanes_sub(v, rows->m[row]), rows->r[row]), a, b);
}

TARE_ALWAYS_INLINE void store_floats(const struct rows *rows, int64_t n,
                                     const int64_t n_rows)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t left = n - i;
        const lanes a = lanes_load_upto(rows->scale + i, left);
        const lanes b = lanes_load_upto(rows->shift + i, left);
        EACH_OF(n_rows, row)
        lanes_store_upto(rows->y + row * n + i, scaled(rows, row, n, i, left, a, b),
                         left);
    }
}

/* CODES elements of each row, of which only `left` exist. */
TARE_ALWAYS_INLINE void store_codes(const struct rows *rows, int64_t n, int64_t i,
                                    int64_t left, const struct lanes_quantizer *q,
                                    const int64_t n_rows)
{
    EACH_OF(n_rows, row)
    {
        lanes v[CODE_VECTORS];
        EACH_OF(CODE_VECTORS, k)
        {
            const int64_t at = i + k * LANES, here = left - k * LANES;
            v[k] = lanes_zero();
            if (here <= 0) continue;
            v[k] =
                scaled(rows, row, n, at, here, lanes_load_upto(rows->scale + at, here),
                       lanes_load_upto(rows->shift + at, here));
        }
        if (left >= CODES)
            lanes_store_codes(rows->codes + row * n + i, q, v);
        else
            lanes_store_codes_n(rows->codes + row * n + i, q, v, left);
    }
}

/* Codes are made of vectors in registers where floats are not wanted, else of the rows
 * in the first-level cache: with the stores of both that is faster. */
TARE_ALWAYS_INLINE void normalize(const struct tare_f32_layer_norm *norm,
                                  struct rows *rows, const struct lanes_quantizer *q,
                                  const int64_t n_rows)
{
    const int64_t n = norm->n, whole = n / CODES * CODES;
    if (rows->addend)
        look(norm, rows, true, n_rows);
    else
        look(norm, rows, false, n_rows);
    if (rows->y) {
        store_floats(rows, n, n_rows);
        if (rows->codes) lanes_quantize_line(q, rows->y, rows->codes, n_rows * n);
        return;
    }
    for (int64_t i = 0; i < whole; i += CODES)
        store_codes(rows, n, i, CODES, q, n_rows);
    if (whole < n) store_codes(rows, n, whole, n - whole, q, n_rows);
}

void LAYER_NORM_NAME(const struct tare_f32_layer_norm *norm,
                     const struct tare_f32_layer_norm_data *data, int64_t begin,
                     int64_t end)
{
    const int64_t n = norm->n;
    const struct tare_f32_u8_outputs *out = &data->out;
    float *sum = data->sum ? data->sum : out->y;
    struct lanes_quantizer q = {0};
    if (out->codes) q = lanes_quantizer(&out->as);
    for (int64_t row = begin; row < end;) {
        const int64_t at = row * n;
        struct rows rows = {.x = data->x + at,
                            .addend = data->addend ? data->addend + at : NULL,
                            .scale = data->scale,
                            .shift = data->shift,
                            .sum = sum ? sum + at : NULL,
                            .y = out->y ? out->y + at : NULL,
                            .codes = out->codes ? out->codes + at : NULL};
        if (row + TOGETHER <= end) {
            normalize(norm, &rows, &q, TOGETHER);
            row += TOGETHER;
        } else {
            normalize(norm, &rows, &q, 1);
            row++;
        }
    }
}
