/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/u8_binary/u8_binary.h"

static float value(const struct tare_u8_binary *p, float a, float b)
{
    const float scaled_a = a * p->a_scale, scaled_b = b * p->b_scale;
    switch (p->op) {
    case TARE_BINARY_MUL: return a * b * p->scale;
    case TARE_BINARY_MIN: return scaled_a < scaled_b ? scaled_a : scaled_b;
    case TARE_BINARY_MAX: return scaled_a > scaled_b ? scaled_a : scaled_b;
    default: return fmaf(a, p->a_scale, scaled_b);
    }
}

static uint8_t finish(const struct tare_u8_binary *p, float v)
{
    v = v < 0.0f ? v * p->negative_slope : v;
    v = v > p->lower ? v : p->lower;
    v = v < p->upper ? v : p->upper;
    return (uint8_t)((int32_t)rintf(v) + p->out_zero_point);
}

void tare_u8_binary__ref(const struct tare_u8_binary *p, const uint8_t *a,
                         const uint8_t *b, uint8_t *y, int64_t begin, int64_t end)
{
    struct tare_binary_walk walk;
    for (int64_t unit = begin; unit < end; unit++)
        for (tare_binary_walk_begin(&p->loop, unit, &walk); walk.left > 0;
             tare_binary_walk_next(&walk)) {
            const struct tare_binary_piece *piece = &walk.piece;
            for (int64_t i = 0; i < piece->n; i++) {
                const int32_t qa = a[piece->a + i * piece->a_step];
                const int32_t qb = b[piece->b + i * piece->b_step];
                y[piece->y + i] = finish(p, value(p, (float)(qa - p->a_zero_point),
                                                  (float)(qb - p->b_zero_point)));
            }
        }
}
