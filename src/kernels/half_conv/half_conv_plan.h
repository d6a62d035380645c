/* kernels/half_conv/half_conv_plan.h - how the convolutions of 16-bit floats are cut:
 * tiles of pixels by blocks of outputs. A tile's inputs are gathered, a stretch of the
 * sums at a time, into a dense patch; the sums stay in scratch from one to the next. */
#ifndef TARE_KERNELS_HALF_CONV_PLAN_H
#define TARE_KERNELS_HALF_CONV_PLAN_H

#include "kernels/half_conv/half_conv.h"

#define TARE_HALF_CONV_ROWS  INT64_C(32) /* pixels of a tile, at most */
#define TARE_HALF_CONV_BLOCK INT64_C(64) /* outputs of a block, at most */
#define TARE_HALF_CONV_STRETCH                                                         \
    INT64_C(256) /* products of a stretch, a multiple of 32 */

struct tare_half_conv_plan {
    int64_t group_inputs, group_outputs;
    int64_t depth;  /* products of a sum: taps, and the group's channels of each */
    int64_t padded; /* the same, even: the last weight is then -0 */
    int64_t group_blocks, blocks, pixels, tiles;
};

/** @retval false  the window is too large. */
bool tare_half_conv_plan(const struct tare_window *w, struct tare_half_conv_plan *plan);

struct tare_half_conv_unit {
    int64_t first_pixel, n_pixels;
    int64_t first_input; /* channel */
    int64_t first_output, n_outputs;
    int64_t width; /* of the block's packed rows: n_outputs, a multiple of 16 */
    int64_t weights_offset; /* elements */
};

struct tare_half_conv_unit tare_half_conv_unit(const struct tare_half_conv_plan *plan,
                                               int64_t index);

/** weights [out_c, in_c / groups, kernel_h, kernel_w] to blocks. Of a block, the
 * weights of product k of a sum are [width] from k * width on; as pairs, those of
 * products k and k + 1, k even, lie beside each other: [width][2] from k * width on. */
void tare_half_conv_pack(const struct tare_half_conv *conv, const float *weights,
                         bool pairs, uint16_t (*narrow)(float), uint16_t *packed);

#endif /* TARE_KERNELS_HALF_CONV_PLAN_H */
