/* USDOT, which multiplies unsigned bytes by signed ones: see u8_depthwise_dot.h. */
#include <arm_neon.h>

#define DEPTHWISE_NAME       tare_u8_depthwise__i8mm_u16
#define IS_SIGNED            false
#define dot(acc, x, weights) vusdotq_s32((acc), (x), (weights))
#include "kernels/u8_depthwise/u8_depthwise_dot.h"
