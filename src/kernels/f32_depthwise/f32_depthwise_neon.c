/* NEON: see f32_depthwise_simd.h. */
#define DEPTHWISE_NAME tare_f32_depthwise__neon
#include "kernels/f32_depthwise/f32_depthwise_simd.h"
