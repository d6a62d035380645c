/* kernels/f32_binary/f32_binary_walk.h - how an output is cut into units: the part that
 * all variants share. */
#ifndef TARE_KERNELS_F32_BINARY_WALK_H
#define TARE_KERNELS_F32_BINARY_WALK_H

#include "kernels/f32_binary/f32_binary.h"

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

void tare_f32_binary_walk_begin(const struct tare_binary_loop *loop, int64_t unit,
                                struct tare_binary_walk *walk);
/** To the next piece. */
void tare_f32_binary_walk_next(struct tare_binary_walk *walk);

#endif /* TARE_KERNELS_F32_BINARY_WALK_H */
