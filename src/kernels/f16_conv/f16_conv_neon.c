/* NEON: see half_conv_simd.h. */
#define CONV_NAME tare_f16_conv__neon
#include "kernels/f16_conv/f16_conv_simd.h"
