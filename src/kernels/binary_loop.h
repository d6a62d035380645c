/* kernels/binary_loop.h - arithmetic on two tensors with broadcasting: the operators,
 * the loop over an output and how it is cut into units. For f32_binary and u8_binary.
 */
#ifndef TARE_KERNELS_BINARY_LOOP_H
#define TARE_KERNELS_BINARY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "tare/tensor.h"

/** Values are stored in engine files: append only. */
enum tare_binary_op {
    TARE_BINARY_ADD = 0,
    TARE_BINARY_SUB = 1,
    TARE_BINARY_MUL = 2,
    TARE_BINARY_DIV = 3,
    TARE_BINARY_MIN = 4, /* a < b ? a : b; NaN when either is */
    TARE_BINARY_MAX = 5, /* a > b ? a : b; NaN when either is */
    TARE_BINARY_POW = 6, /* powf of libm, one value at a time */
    TARE_BINARY_COUNT
};

/** The output's axes after merging, innermost last; strides in elements. The output is
 *  dense. The innermost stride of an operand is 1 or 0. Made by
 *  tare_binary_loop_plan(), stored in engine files. */
struct tare_binary_loop {
    int32_t rank; /* at least 1 */
    int64_t dims[TARE_MAX_RANK];
    int64_t a_strides[TARE_MAX_RANK], b_strides[TARE_MAX_RANK];
};

/** Describe out = a op b with NumPy's broadcasting of two dense operands. `out` is the
 *  output's shape. @retval false when a or b does not broadcast to it. */
bool tare_binary_loop_plan(const struct tare_dims *a, const struct tare_dims *b,
                           const struct tare_dims *out, struct tare_binary_loop *loop);

/** Units of work: pieces of a few thousand elements; 0 for an empty output. */
int64_t tare_binary_loop_units(const struct tare_binary_loop *loop);

/** How many elements of the output, from the first on, units [0, n_units) make. */
int64_t tare_binary_loop_done(const struct tare_binary_loop *loop, int64_t n_units);

/** n neighbouring elements of the output and where their operands begin; an operand
 *  whose step is 0 is one element. All in elements. */
struct tare_binary_piece {
    int64_t y, a, b, n;
    int64_t a_step, b_step; /* 0 or 1 */
};

/** One unit: pieces of the innermost axis, in order. */
struct tare_binary_walk {
    const struct tare_binary_loop *loop;
    int64_t index[TARE_MAX_RANK]; /* of the outer axes */
    struct tare_binary_piece piece;
    int64_t left; /* pieces, with this one */
};

void tare_binary_walk_begin(const struct tare_binary_loop *loop, int64_t unit,
                            struct tare_binary_walk *walk);
/** To the next piece. */
void tare_binary_walk_next(struct tare_binary_walk *walk);
/** How many pieces, with this one, lie along the axis next to the innermost. */
int64_t tare_binary_walk_run(const struct tare_binary_walk *walk);
/** Past n of them. */
void tare_binary_walk_skip(struct tare_binary_walk *walk, int64_t n);

#endif /* TARE_KERNELS_BINARY_LOOP_H */
