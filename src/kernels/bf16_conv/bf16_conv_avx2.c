/* AVX2: see half_conv_simd.h. */
#define CONV_NAME tare_bf16_conv__avx2
#include "kernels/bf16_conv/bf16_conv_simd.h"
