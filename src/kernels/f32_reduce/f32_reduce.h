/* kernels/f32_reduce/f32_reduce.h - mean, sum, maximum and minimum along one axis, in
 * float32. */
#ifndef TARE_KERNELS_F32_REDUCE_H
#define TARE_KERNELS_F32_REDUCE_H

#include <stdint.h>

#include "kernels/select.h"

enum tare_reduce_mode {
    TARE_REDUCE_MEAN = 0, /* sum / (float)n */
    TARE_REDUCE_SUM = 1,
    TARE_REDUCE_MAX = 2, /* m = x > m ? x : m from -INFINITY: NaN never wins */
    TARE_REDUCE_MIN = 3  /* m = x < m ? x : m from INFINITY: NaN never wins */
};

/** x is [outer, n, inner], y is [outer, inner]; inner == 1 when the axis is the last.
 *  All >= 1. Stored in engine files. */
struct tare_f32_reduce {
    int32_t mode; /* enum tare_reduce_mode */
    int64_t outer, n, inner;
};

/**
 * Sums are one chain in order from 0 when inner > 1. When inner == 1 they are 16
 * chains, element i in chain i % 16, each from 0, folded as s[j] += s[j + 8], then 4,
 * 2, 1; the maximum and the minimum fold likewise, s[j + 8] being the x of the formula.
 *
 * Units [begin, end) of tare_f32_reduce_units(); any split gives the same bytes, and so
 * does every variant. x and y do not overlap. Reads and writes nothing beyond.
 */
typedef void tare_f32_reduce_fn(const struct tare_f32_reduce *reduce, const float *x,
                                float *y, int64_t begin, int64_t end);

/** Inner elements of a unit. */
#define TARE_REDUCE_INNER 64

/** Units of work: rows, or pieces of the inner axis. */
int64_t tare_f32_reduce_units(const struct tare_f32_reduce *reduce);

#define TARE_UKERNEL(isa, name, tile) tare_f32_reduce_fn name;
#include "kernels/f32_reduce/f32_reduce.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_reduce);

#endif /* TARE_KERNELS_F32_REDUCE_H */
