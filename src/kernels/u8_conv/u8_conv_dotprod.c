/* SDOT: see u8_conv_dot.h. */
#include <arm_neon.h>

#define CONV_NAME tare_u8_conv__dotprod_7x8
#define IS_SIGNED true
#define dot(acc, weights, x, lane)                                                     \
    vdotq_laneq_s32((acc), (weights), vreinterpretq_s8_u8(x), (lane))
#include "kernels/u8_conv/u8_conv_dot.h"
