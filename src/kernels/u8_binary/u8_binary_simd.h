/* kernels/u8_binary/u8_binary_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define BINARY_NAME. */
#include <stdbool.h>

#include "kernels/u8_binary/u8_binary.h"
#include "kernels/u8_lanes.h"
#include "kernels/unroll.h"

/* A copy of the parameters that a store to y cannot change. */
struct constants {
    lanes a_scale, b_scale, scale, a_zero_point, b_zero_point, slope;
    struct u8_finish finish;
};

/* `op` and `has_slope` are constants where it is called. */
TARE_ALWAYS_INLINE lanes combine(const struct constants *c, const int32_t op,
                                 const bool has_slope, lanes a, lanes b)
{
    lanes v;
    if (op == TARE_BINARY_MUL) {
        v = lanes_mul(lanes_mul(a, b), c->scale);
    } else {
        const lanes scaled_b = lanes_mul(b, c->b_scale);
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

TARE_ALWAYS_INLINE void run_piece(const struct constants *c, const int32_t op,
                                  const bool has_slope,
                                  const struct tare_binary_piece *piece,
                                  const uint8_t *a, const uint8_t *b, uint8_t *y)
{
    const lanes one_a = lanes_sub(lanes_set1((float)*a), c->a_zero_point);
    const lanes one_b = lanes_sub(lanes_set1((float)*b), c->b_zero_point);
    for (int64_t i = 0; i < piece->n; i += 2 * LANES) {
        lanes v[2];
        TARE_UNROLL
        for (int64_t k = 0; k < 2; k++) {
            const int64_t at = i + k * LANES, n = piece->n - at;
            lanes va = one_a, vb = one_b;
            if (piece->a_step) va = lanes_sub(u8_read(a + at, n), c->a_zero_point);
            if (piece->b_step) vb = lanes_sub(u8_read(b + at, n), c->b_zero_point);
            v[k] = combine(c, op, has_slope, va, vb);
        }
        u8_write(&c->finish, y + i, v[0], v[1], piece->n - i);
    }
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
    for (int64_t unit = begin; unit < end; unit++)
        for (tare_binary_walk_begin(&p->loop, unit, &walk); walk.left > 0;
             tare_binary_walk_next(&walk)) {
            const struct tare_binary_piece piece = walk.piece;
            run_piece(&c, op, has_slope, &piece, a + piece.a, b + piece.b, y + piece.y);
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

void BINARY_NAME(const struct tare_u8_binary *p, const uint8_t *a, const uint8_t *b,
                 uint8_t *y, int64_t begin, int64_t end)
{
    switch (p->op) {
    case TARE_BINARY_MUL: multiply(p, a, b, y, begin, end); break;
    case TARE_BINARY_MIN: smaller(p, a, b, y, begin, end); break;
    case TARE_BINARY_MAX: larger(p, a, b, y, begin, end); break;
    default: add(p, a, b, y, begin, end); break;
    }
}
