/* AVX2: see f32_softmax_simd.h. */
#define SOFTMAX_NAME tare_f32_softmax__avx2
#include "kernels/f32_softmax/f32_softmax_simd.h"
