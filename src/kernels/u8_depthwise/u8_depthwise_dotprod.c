/* SDOT: see u8_depthwise_dot.h. */
#include <arm_neon.h>

#define DEPTHWISE_NAME       tare_u8_depthwise__dotprod_u16
#define IS_SIGNED            true
#define dot(acc, x, weights) vdotq_s32((acc), vreinterpretq_s8_u8(x), (weights))
#include "kernels/u8_depthwise/u8_depthwise_dot.h"
