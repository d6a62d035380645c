/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_binary/f32_binary.h"

static float value(enum tare_binary_op op, float a, float b)
{
    switch (op) {
    case TARE_BINARY_ADD: return a + b;
    case TARE_BINARY_SUB: return a - b;
    case TARE_BINARY_MUL: return a * b;
    case TARE_BINARY_DIV: return a / b;
    case TARE_BINARY_MIN: return isnan(a) || a < b ? a : b;
    case TARE_BINARY_MAX: return isnan(a) || a > b ? a : b;
    case TARE_BINARY_POW: return powf(a, b);
    case TARE_BINARY_COUNT: break;
    }
    return NAN; /* plans are checked when they are loaded: not reached */
}

void tare_f32_binary__ref(const struct tare_f32_binary *binary, const float *a,
                          const float *b, float *y, int64_t begin, int64_t end)
{
    struct tare_binary_walk walk;
    for (int64_t unit = begin; unit < end; unit++)
        for (tare_binary_walk_begin(&binary->loop, unit, &walk); walk.left > 0;
             tare_binary_walk_next(&walk)) {
            const struct tare_binary_piece *p = &walk.piece;
            for (int64_t i = 0; i < p->n; i++)
                y[p->y + i] = tare_f32_finish(&binary->epilogue,
                                              value((enum tare_binary_op)binary->op,
                                                    a[p->a + i * p->a_step],
                                                    b[p->b + i * p->b_step]));
        }
}
