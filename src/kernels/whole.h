/* kernels/whole.h - arithmetic of whole numbers, for cutting work into pieces. */
#ifndef TARE_KERNELS_WHOLE_H
#define TARE_KERNELS_WHOLE_H

#include <stdint.h>

static inline int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t clamp_i64(int64_t v, int64_t lower, int64_t upper)
{
    return v < lower ? lower : min_i64(v, upper);
}

/** a / b rounded up; a >= 0, b > 0. */
static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

#endif /* TARE_KERNELS_WHOLE_H */
