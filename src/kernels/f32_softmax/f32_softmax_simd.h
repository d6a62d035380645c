/* kernels/f32_softmax/f32_softmax_simd.h - the body of the AVX2, AVX-512 and NEON
 * files, which define SOFTMAX_NAME. */
#include <assert.h>

#include "kernels/f32_softmax/f32_softmax.h"
#include "kernels/lanes_fold.h"
#include "kernels/lanes_quantize.h"

/* Rows go through three stages: maximum, exponentials with their sum, quotients. A loop
 * takes a stage of each of three rows, so that while one waits for its fold, memory or
 * the divider, the others go on. ROWS are remembered: a power of 2 that holds them. */
enum { AHEAD = 2, ROWS = 8 };
static_assert(ROWS > 2 * AHEAD, "rows between the first and the last stage");
static_assert(TARE_SOFTMAX_KEPT > AHEAD, "rows between the second and the last stage");
enum { STEP_VECTORS = 4, STEP = STEP_VECTORS * LANES };
static_assert(STEP_VECTORS == LANES_MANY, "exponentials together");
static_assert(STEP_VECTORS == CODE_VECTORS, "codes together");
static_assert(STEP_VECTORS % FOLD_VECTORS == 0, "whole turns of the chains");

/* x and e are NULL where there is no row; y is e, or NULL where floats are not wanted.
 * Of `codes` on, `room` bytes may be written, and are again for later rows. m and sum
 * have the same value in every element; `rest` is e behind the last whole vector, zeros
 * following. */
struct row {
    const float *x;
    float *e, *y;
    uint8_t *codes;
    int64_t room;
    lanes m, sum, rest;
};

/* The order of a maximum does not show: zeros of either sign give the same e, and NaN
 * makes everything NaN whatever m is. */
TARE_ALWAYS_INLINE lanes max_step(const float *x, lanes m)
{
    const lanes a = lanes_max(lanes_load(x), lanes_load(x + LANES));
    const lanes b = lanes_max(lanes_load(x + 2 * LANES), lanes_load(x + 3 * LANES));
    return lanes_max(lanes_max(a, b), m);
}

/* Nor does it show that elements are seen twice. */
TARE_ALWAYS_INLINE lanes max_last(const float *x, int64_t i, int64_t n, lanes m)
{
    for (; i + LANES <= n; i += LANES)
        m = lanes_max(lanes_load(x + i), m);
    const lanes last =
        n < LANES ? lanes_fold_load(x, 0, n, m) : lanes_load(x + n - LANES);
    return lanes_max_across(lanes_max(last, m));
}

TARE_ALWAYS_INLINE void exp_step(const float *x, float *to, lanes m, lanes *sums)
{
    lanes e[STEP_VECTORS];
    EACH_OF(STEP_VECTORS, k) e[k] = lanes_sub(lanes_load(x + k * LANES), m);
    /* none is above 0; and where there is a NaN it makes all of the row NaN */
    const lanes least = lanes_min(lanes_min(e[0], e[1]), lanes_min(e[2], e[3]));
    if (__builtin_expect(lanes_all(lanes_lt(lanes_set1(-LANES_EXP_NORMAL), least)), 1))
        lanes_exp_normal(e, STEP_VECTORS);
    else
        lanes_exp_many(e, STEP_VECTORS);
    EACH_OF(STEP_VECTORS, k)
    {
        lanes_store(to + k * LANES, e[k]);
        sums[k % FOLD_VECTORS] = lanes_add(sums[k % FOLD_VECTORS], e[k]);
    }
}

TARE_ALWAYS_INLINE void exp_last(struct row *row, int64_t i, int64_t n, lanes *sums)
{
    EACH_OF(STEP_VECTORS, k)
    {
        const int64_t at = i + k * LANES, left = n - at;
        if (left <= 0) break;
        lanes e = lanes_exp(lanes_sub(lanes_load_upto(row->x + at, left), row->m));
        if (left >= LANES)
            lanes_store(row->e + at, e);
        else
            row->rest = e = lanes_keep(e, left);
        sums[k % FOLD_VECTORS] = lanes_add(sums[k % FOLD_VECTORS], e);
    }
    row->sum = lanes_fold_sum(sums);
}

/* @param y  or NULL. @param q  of the codes, or NULL, a constant: there are none */
TARE_ALWAYS_INLINE void div_step(const float *e, lanes sum, float *y,
                                 const struct lanes_quantizer *q, uint8_t *codes)
{
    lanes v[STEP_VECTORS];
    EACH_OF(STEP_VECTORS, k) v[k] = lanes_div(lanes_load(e + k * LANES), sum);
    if (y) EACH_OF(STEP_VECTORS, k) lanes_store(y + k * LANES, v[k]);
    if (q) lanes_store_codes(codes, q, v);
}

TARE_ALWAYS_INLINE void div_last(const struct row *row, int64_t i, int64_t n,
                                 const struct lanes_quantizer *q)
{
    lanes v[STEP_VECTORS];
    if (i == n) return;
    EACH_OF(STEP_VECTORS, k)
    {
        const int64_t at = i + k * LANES, left = n - at;
        v[k] = lanes_zero();
        if (left <= 0) continue;
        v[k] = lanes_div(left >= LANES ? lanes_load(row->e + at) : row->rest, row->sum);
        if (row->y) lanes_store_upto(row->y + at, v[k], left);
    }
    if (q && row->room - i >= CODES)
        lanes_store_codes(row->codes + i, q, v);
    else if (q)
        lanes_store_codes_n(row->codes + i, q, v, n - i);
}

TARE_ALWAYS_INLINE void row_stages(struct row *first, struct row *second,
                                   const struct row *third, int64_t n,
                                   const struct lanes_quantizer *q)
{
    const float *x1 = first->x, *x2 = second->x, *e3 = third->e;
    float *e2 = second->e, *y3 = third->y;
    uint8_t *codes = third->codes;
    const lanes m2 = second->m, sum3 = third->sum;
    lanes m = lanes_set1(-INFINITY), sums[FOLD_VECTORS];
    int64_t i = 0;
    EACH_OF(FOLD_VECTORS, k) sums[k] = lanes_zero();
    for (; i + STEP <= n; i += STEP) {
        if (x1) m = max_step(x1 + i, m);
        if (x2) exp_step(x2 + i, e2 + i, m2, sums);
        if (e3) div_step(e3 + i, sum3, y3 ? y3 + i : NULL, q, q ? codes + i : NULL);
    }
    if (x1) first->m = max_last(x1, i, n, m);
    if (x2) exp_last(second, i, n, sums);
    if (e3) div_last(third, i, n, q);
}

/* One function each, for its registers. */
static void float_stages(struct row *first, struct row *second, const struct row *third,
                         int64_t n)
{
    row_stages(first, second, third, n, NULL);
}

static void code_stages(struct row *first, struct row *second, const struct row *third,
                        int64_t n, const struct lanes_quantizer *q)
{
    row_stages(first, second, third, n, q);
}

/* Row r of the unit; there is none from `end` on. What only codes are wanted of takes
 * turns in scratch, which stays in the first-level cache. */
static void begin_row(struct row *row, int64_t r, const float *x,
                      const struct tare_f32_u8_outputs *out, float *scratch, int64_t n,
                      int64_t end)
{
    row->x = NULL;
    row->e = row->y = NULL;
    if (r >= end) return;
    row->x = x + r * n;
    row->y = out->y ? out->y + r * n : NULL;
    row->e = out->y ? row->y : scratch + r % TARE_SOFTMAX_KEPT * n;
    row->codes = out->codes ? out->codes + r * n : NULL;
    row->room = (end - r) * n;
}

static void softmax_rows(const float *x, const struct tare_f32_u8_outputs *out,
                         float *scratch, int64_t n, int64_t begin, int64_t end)
{
    struct row rows[ROWS] = {0};
    struct lanes_quantizer q = {0};
    if (out->codes) q = lanes_quantizer(&out->as);
    for (int64_t r = begin; r < end + 2 * AHEAD; r++) {
        struct row *first = &rows[r & (ROWS - 1)];
        struct row *second = &rows[(r - AHEAD) & (ROWS - 1)];
        const struct row *third = &rows[(r - 2 * AHEAD) & (ROWS - 1)];
        begin_row(first, r, x, out, scratch, n, end);
        if (out->codes)
            code_stages(first, second, third, n, &q);
        else
            float_stages(first, second, third, n);
    }
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

void SOFTMAX_NAME(const struct tare_f32_softmax *softmax, const float *x,
                  const struct tare_f32_u8_outputs *out, float *scratch, int64_t begin,
                  int64_t end)
{
    const int64_t n = softmax->n, inner = softmax->inner;
    const int64_t pieces = (inner + TARE_SOFTMAX_INNER - 1) / TARE_SOFTMAX_INNER;
    if (inner == 1) {
        softmax_rows(x, out, scratch, n, begin, end);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t at = unit / pieces * n * inner;
        const int64_t first = unit % pieces * TARE_SOFTMAX_INNER, left = inner - first;
        const int64_t width = left < TARE_SOFTMAX_INNER ? left : TARE_SOFTMAX_INNER;
        softmax_columns(x + at + first, out->y + at + first, n, inner, width);
    }
}
