/* SUDOT, which multiplies signed bytes by unsigned ones: see u8_conv_dot.h. */
#include <arm_neon.h>

#define CONV_NAME                  tare_u8_conv__i8mm_7x8
#define IS_SIGNED                  false
#define dot(acc, weights, x, lane) vsudotq_laneq_s32((acc), (weights), (x), (lane))
#include "kernels/u8_conv/u8_conv_dot.h"
