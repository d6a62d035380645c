/* AVX-512: see half_conv_simd.h. */
#define CONV_NAME tare_bf16_conv__avx512
#include "kernels/bf16_conv/bf16_conv_simd.h"
