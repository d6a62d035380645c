/* NEON: see f32_conv_simd.h. */
#define CONV_NAME tare_f32_conv__neon
#include "kernels/f32_conv/f32_conv_simd.h"
