/* kernels/f32_binary/f32_binary_simd.h - the body of the AVX2 and AVX-512 files, which
 * define BINARY_NAME. */
#include "kernels/f32_binary/f32_binary_walk.h"
#include "kernels/lanes.h"

/* y = finish(`value` of the vectors va and vb) for n elements. */
#define EACH(value)                                                                    \
    for (int64_t i = 0; i < p->n; i += LANES) {                                        \
        const int64_t left = p->n - i;                                                 \
        const lanes va = p->a_step ? lanes_load_upto(a + i, left) : one_a;             \
        const lanes vb = p->b_step ? lanes_load_upto(b + i, left) : one_b;             \
        lanes_store_upto(y + i, lanes_finish(epilogue, (value)), left);                \
    }                                                                                  \
    break

static void run_piece(enum tare_binary_op op, const struct tare_binary_piece *p,
                      const float *a, const float *b, float *y,
                      const struct lanes_epilogue *epilogue)
{
    const lanes one_a = lanes_set1(a[p->a]), one_b = lanes_set1(b[p->b]);
    a += p->a;
    b += p->b;
    y += p->y;
    switch (op) {
    case TARE_BINARY_ADD: EACH(lanes_add(va, vb));
    case TARE_BINARY_SUB: EACH(lanes_sub(va, vb));
    case TARE_BINARY_MUL: EACH(lanes_mul(va, vb));
    case TARE_BINARY_DIV: EACH(lanes_div(va, vb));
    case TARE_BINARY_MIN: EACH(lanes_select(lanes_is_nan(va), va, lanes_min(va, vb)));
    case TARE_BINARY_MAX: EACH(lanes_select(lanes_is_nan(va), va, lanes_max(va, vb)));
    case TARE_BINARY_POW:
    case TARE_BINARY_COUNT: break; /* the reference's */
    }
}

void BINARY_NAME(const struct tare_f32_binary *binary, const float *a, const float *b,
                 float *y, int64_t begin, int64_t end)
{
    const struct lanes_epilogue epilogue = lanes_epilogue(&binary->epilogue);
    struct tare_binary_walk walk;
    if (binary->op == TARE_BINARY_POW) {
        tare_f32_binary__ref(binary, a, b, y, begin, end);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++)
        for (tare_f32_binary_walk_begin(&binary->loop, unit, &walk); walk.left > 0;
             tare_f32_binary_walk_next(&walk))
            run_piece((enum tare_binary_op)binary->op, &walk.piece, a, b, y, &epilogue);
}
