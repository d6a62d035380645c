/* kernels/f32_depthwise/f32_depthwise_walk.h - units and tap addresses of depthwise
 * convolution: the part that all variants share. */
#ifndef TARE_KERNELS_F32_DEPTHWISE_WALK_H
#define TARE_KERNELS_F32_DEPTHWISE_WALK_H

#include "kernels/f32_depthwise/f32_depthwise.h"

#define TARE_F32_DEPTHWISE_CHANNELS INT64_C(128) /* of a unit */
#define TARE_F32_DEPTHWISE_BLOCK    INT64_C(16)  /* packed weights: [c / 16][tap][16] */

/** One unit: an output row, a block of channels. */
struct tare_f32_depthwise_unit {
    int64_t image, oy, first_channel, n_channels;
};

struct tare_f32_depthwise_unit
tare_f32_depthwise_unit(const struct tare_f32_depthwise *conv, int64_t index);

/** Where a tap of some neighbouring output pixels is: x[i * step + channel], from the
 *  unit's first channel on; step is 0 for a tap of padding. */
struct tare_f32_depthwise_tap {
    const float *x;
    int64_t step;
};

/**
 * The taps, ky then kx, of the output pixels from ox on that share them: their number
 * goes to *n_pixels. In the scratch until the next call; what stands for padding there
 * must have been cleared by tare_f32_depthwise_begin().
 */
const struct tare_f32_depthwise_tap *
tare_f32_depthwise_taps(const struct tare_f32_depthwise *conv,
                        const struct tare_f32_depthwise_unit *unit, int64_t ox,
                        const float *x, void *scratch, int64_t *n_pixels);

void tare_f32_depthwise_begin(const struct tare_f32_depthwise *conv, void *scratch);

#endif /* TARE_KERNELS_F32_DEPTHWISE_WALK_H */
