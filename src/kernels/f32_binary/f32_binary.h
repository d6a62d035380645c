/* kernels/f32_binary/f32_binary.h - arithmetic on two tensors with broadcasting, in
 * float32. */
#ifndef TARE_KERNELS_F32_BINARY_H
#define TARE_KERNELS_F32_BINARY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/f32_epilogue.h"
#include "kernels/select.h"
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
 *  dense. The innermost stride of an operand is 1 or 0. Made by tare_f32_binary_plan(),
 *  stored in engine files. */
struct tare_binary_loop {
    int32_t rank; /* at least 1 */
    int64_t dims[TARE_MAX_RANK];
    int64_t a_strides[TARE_MAX_RANK], b_strides[TARE_MAX_RANK];
};

/** Stored in engine files. The epilogue has no residual. */
struct tare_f32_binary {
    int32_t op; /* enum tare_binary_op */
    struct tare_binary_loop loop;
    struct tare_f32_epilogue epilogue;
};

/** Describe out = a op b with NumPy's broadcasting of two dense operands. `out` is the
 *  output's shape. @retval false when a or b does not broadcast to it. */
bool tare_f32_binary_plan(const struct tare_dims *a, const struct tare_dims *b,
                          const struct tare_dims *out, struct tare_binary_loop *loop);

/**
 * y = epilogue(a op b) for units [begin, end) of tare_f32_binary_units(); any split
 * gives the same bytes, and so does every variant. y may be an operand of y's own
 * shape. Reads and writes nothing beyond the tensors.
 */
typedef void tare_f32_binary_fn(const struct tare_f32_binary *binary, const float *a,
                                const float *b, float *y, int64_t begin, int64_t end);

/** Units of work: pieces of a few thousand elements; 0 for an empty output. */
int64_t tare_f32_binary_units(const struct tare_f32_binary *binary);

#define TARE_UKERNEL(isa, name, tile) tare_f32_binary_fn name;
#include "kernels/f32_binary/f32_binary.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_binary);

#endif /* TARE_KERNELS_F32_BINARY_H */
