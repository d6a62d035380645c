/* AVX-512: see f32_depthwise_simd.h. */
#define DEPTHWISE_NAME tare_f32_depthwise__avx512
#include "kernels/f32_depthwise/f32_depthwise_simd.h"
