/* AVX-512: see half_conv_simd.h. */
#define CONV_NAME tare_f16_conv__avx512
#include "kernels/f16_conv/f16_conv_simd.h"
