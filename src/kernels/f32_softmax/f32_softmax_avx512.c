/* AVX-512: see f32_softmax_simd.h. */
#define SOFTMAX_NAME tare_f32_softmax__avx512
#include "kernels/f32_softmax/f32_softmax_simd.h"
