/* NEON: see half_conv_simd.h. */
#define CONV_NAME tare_bf16_conv__neon
#include "kernels/bf16_conv/bf16_conv_simd.h"
