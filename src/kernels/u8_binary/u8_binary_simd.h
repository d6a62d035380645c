/* kernels/u8_binary/u8_binary_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define BINARY_NAME. */
#include <stdbool.h>
#include <string.h>

#include "kernels/u8_binary/u8_binary.h"
#include "kernels/u8_lanes.h"
#include "kernels/unroll.h"

/* A copy of the parameters that a store to y cannot change. */
struct constants {
    lanes a_scale, b_scale, scale, a_zero_point, b_zero_point, slope;
    struct u8_finish finish;
};

/* Of the bytes a, as floats, and b without its zero point. `op` and `has_slope` are
 * constants where it is called. */
TARE_ALWAYS_INLINE lanes combine(const struct constants *c, const int32_t op,
                                 const bool has_slope, lanes a, lanes b)
{
    lanes v;
    if (op == TARE_BINARY_MUL) {
        /* a whole number below 2^24, so exact; what is subtracted is b's alone */
        const lanes too_much = lanes_mul(c->a_zero_point, b);
        v = lanes_mul(lanes_fma(a, b, lanes_sub(lanes_zero(), too_much)), c->scale);
    } else {
        const lanes scaled_b = lanes_mul(b, c->b_scale);
        a = lanes_sub(a, c->a_zero_point);
        if (op == TARE_BINARY_MIN)
            v = lanes_min(lanes_mul(a, c->a_scale), scaled_b);
        else if (op == TARE_BINARY_MAX)
            v = lanes_max(lanes_mul(a, c->a_scale), scaled_b);
        else
            v = lanes_fma(a, c->a_scale, scaled_b);
    }
    return has_slope
               ? lanes_select(lanes_lt(v, lanes_zero()), lanes_mul(v, c->slope), v)
               : v;
}

/* Rows of the output one behind the other, all with the same b. */
struct rows {
    struct tare_binary_piece first;
    int64_t n;
};

enum { MANY = 4 };                      /* vectors together */
enum { COPY_BYTES = MANY * LANES + 8 }; /* of them, and what u8_read() reads behind */

/* The columns [i, i + left) of each row, at most LANES * `vectors` of them; `vectors`
 * is a constant, 2 or MANY, and of MANY all are there. Operands of one element have it
 * in all places, and then there is one row. */
TARE_ALWAYS_INLINE void run_columns(const struct constants *c, const int32_t op,
                                    const bool has_slope, const struct rows *rows,
                                    int64_t i, int64_t left, const uint8_t *a,
                                    const uint8_t *b, uint8_t *y, const int64_t vectors)
{
    const struct tare_binary_piece *piece = &rows->first;
    uint8_t same_a[COPY_BYTES];
    const uint8_t *first = a + i;
    lanes vb[MANY], v[MANY];
    if (piece->a_step == 0) {
        memset(same_a, *a, sizeof same_a);
        first = same_a;
    }
    TARE_UNROLL
    for (int64_t k = 0; k < vectors; k++) {
        vb[k] = piece->b_step ? u8_read(b + i + k * LANES, left - k * LANES)
                              : lanes_set1((float)*b);
        vb[k] = lanes_sub(vb[k], c->b_zero_point);
    }
    for (int64_t row = 0; row < rows->n; row++) {
        const int64_t at = row * piece->n;
        TARE_UNROLL
        for (int64_t k = 0; k < vectors; k++)
            v[k] = combine(c, op, has_slope,
                           u8_read(first + at + k * LANES, left - k * LANES), vb[k]);
        if (vectors == MANY)
            u8_write_many(&c->finish, y + at + i, v);
        else
            u8_write(&c->finish, y + at + i, v[0], v[1], left);
    }
}

/* Several short rows as one, of a multiple of b. @retval false  That does not come out
 * even. */
TARE_ALWAYS_INLINE bool join_rows(const struct rows *rows, const uint8_t *b,
                                  uint8_t many_b[COPY_BYTES], struct rows *joined)
{
    const int64_t n = rows->first.n, together = MANY * LANES / n;
    if (rows->first.b_step == 0 || n * together != MANY * LANES || together == 1 ||
        rows->n < together)
        return false;
    for (int64_t i = 0; i < MANY * LANES; i += n)
        memcpy(many_b + i, b, (size_t)n);
    *joined = *rows;
    joined->first.n = MANY * LANES;
    joined->n = rows->n / together;
    return true;
}

TARE_ALWAYS_INLINE void run_rows(const struct constants *c, const int32_t op,
                                 const bool has_slope, struct rows rows,
                                 const uint8_t *a, const uint8_t *b, uint8_t *y)
{
    const int64_t n = rows.first.n;
    struct rows joined;
    uint8_t many_b[COPY_BYTES] = {0};
    if (join_rows(&rows, b, many_b, &joined)) {
        run_columns(c, op, has_slope, &joined, 0, MANY * LANES, a, many_b, y, MANY);
        const int64_t done = joined.n * MANY * LANES;
        a += done;
        y += done;
        rows.n -= done / n;
    }
    int64_t i = 0;
    for (; i + MANY * LANES <= n; i += MANY * LANES)
        run_columns(c, op, has_slope, &rows, i, MANY * LANES, a, b, y, MANY);
    for (; i < n; i += 2 * LANES)
        run_columns(c, op, has_slope, &rows, i, n - i, a, b, y, 2);
}

/* Those from where the walk is, which goes on behind them. */
static inline struct rows next_rows(struct tare_binary_walk *walk)
{
    const struct tare_binary_loop *loop = walk->loop;
    const int32_t axis = loop->rank - 2;
    struct rows rows = {walk->piece, 1};
    if (axis >= 0 && loop->b_strides[axis] == 0 && rows.first.a_step == 1 &&
        loop->a_strides[axis] == rows.first.n)
        rows.n = tare_binary_walk_run(walk);
    tare_binary_walk_skip(walk, rows.n);
    return rows;
}

TARE_ALWAYS_INLINE void run_units(const struct tare_u8_binary *p, const int32_t op,
                                  const bool has_slope, const uint8_t *a,
                                  const uint8_t *b, uint8_t *y, int64_t begin,
                                  int64_t end)
{
    const struct constants c = {
        .a_scale = lanes_set1(p->a_scale),
        .b_scale = lanes_set1(p->b_scale),
        .scale = lanes_set1(p->scale),
        .a_zero_point = lanes_set1((float)p->a_zero_point),
        .b_zero_point = lanes_set1((float)p->b_zero_point),
        .slope = lanes_set1(p->negative_slope),
        .finish = u8_finish_of(p->lower, p->upper, p->out_zero_point),
    };
    struct tare_binary_walk walk;
    for (int64_t unit = begin; unit < end; unit++) {
        tare_binary_walk_begin(&p->loop, unit, &walk);
        while (walk.left > 0) {
            const struct rows rows = next_rows(&walk);
            const struct tare_binary_piece *first = &rows.first;
            run_rows(&c, op, has_slope, rows, a + first->a, b + first->b, y + first->y);
        }
    }
}

#define RUN(name, op)                                                                  \
    static void name(const struct tare_u8_binary *p, const uint8_t *a,                 \
                     const uint8_t *b, uint8_t *y, int64_t begin, int64_t end)         \
    {                                                                                  \
        if (p->negative_slope != 1.0f)                                                 \
            run_units(p, op, true, a, b, y, begin, end);                               \
        else                                                                           \
            run_units(p, op, false, a, b, y, begin, end);                              \
    }
RUN(add, TARE_BINARY_ADD)
RUN(multiply, TARE_BINARY_MUL)
RUN(smaller, TARE_BINARY_MIN)
RUN(larger, TARE_BINARY_MAX)

/* A product's operands the other way: the one of fewer elements, if any, is to be b. */
static struct tare_u8_binary swap(const struct tare_u8_binary *p)
{
    struct tare_u8_binary swapped = *p;
    swapped.a_zero_point = p->b_zero_point;
    swapped.b_zero_point = p->a_zero_point;
    memcpy(swapped.loop.a_strides, p->loop.b_strides, sizeof p->loop.b_strides);
    memcpy(swapped.loop.b_strides, p->loop.a_strides, sizeof p->loop.a_strides);
    return swapped;
}

static bool repeats_a(const struct tare_binary_loop *loop)
{
    for (int32_t i = 0; i < loop->rank; i++)
        if (loop->a_strides[i] == 0) return true;
    return false;
}

/* Do the values before the bounds fit an int32? */
static bool fits_int32(const struct tare_u8_binary *p)
{
    const float most = p->op == TARE_BINARY_MUL
                           ? fabsf(p->scale) * 0x1p16f
                           : (fabsf(p->a_scale) + fabsf(p->b_scale)) * 0x1p8f;
    return most * fmaxf(1.0f, fabsf(p->negative_slope)) < 0x1p31f;
}

void BINARY_NAME(const struct tare_u8_binary *p, const uint8_t *a, const uint8_t *b,
                 uint8_t *y, int64_t begin, int64_t end)
{
    if (!fits_int32(p)) {
        tare_u8_binary__ref(p, a, b, y, begin, end);
        return;
    }
    if (p->op == TARE_BINARY_MUL && repeats_a(&p->loop)) {
        const struct tare_u8_binary swapped = swap(p);
        multiply(&swapped, b, a, y, begin, end);
        return;
    }
    switch (p->op) {
    case TARE_BINARY_MUL: multiply(p, a, b, y, begin, end); break;
    case TARE_BINARY_MIN: smaller(p, a, b, y, begin, end); break;
    case TARE_BINARY_MAX: larger(p, a, b, y, begin, end); break;
    default: add(p, a, b, y, begin, end); break;
    }
}
