/* kernels/f32_binary/f32_binary.h - arithmetic on two tensors with broadcasting, in
 * float32. */
#ifndef TARE_KERNELS_F32_BINARY_H
#define TARE_KERNELS_F32_BINARY_H

#include <stdint.h>

#include "kernels/binary_loop.h"
#include "kernels/f32_epilogue.h"
#include "kernels/select.h"

/** Stored in engine files. The epilogue has no residual. */
struct tare_f32_binary {
    int32_t op; /* enum tare_binary_op */
    struct tare_binary_loop loop;
    struct tare_f32_epilogue epilogue;
};

/**
 * y = epilogue(a op b) for units [begin, end) of tare_binary_loop_units(); any split
 * gives the same bytes, and so does every variant. y may be an operand of y's own
 * shape. Reads and writes nothing beyond the tensors.
 */
typedef void tare_f32_binary_fn(const struct tare_f32_binary *binary, const float *a,
                                const float *b, float *y, int64_t begin, int64_t end);

#define TARE_UKERNEL(isa, name, tile) tare_f32_binary_fn name;
#include "kernels/f32_binary/f32_binary.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_binary);

#endif /* TARE_KERNELS_F32_BINARY_H */
