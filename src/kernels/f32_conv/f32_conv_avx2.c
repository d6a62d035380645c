/* AVX2: see f32_conv_simd.h. */
#define CONV_NAME tare_f32_conv__avx2
#include "kernels/f32_conv/f32_conv_simd.h"
