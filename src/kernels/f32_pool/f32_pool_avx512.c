/* AVX-512: see f32_pool_simd.h. */
#define POOL_NAME tare_f32_pool__avx512
#include "kernels/f32_pool/f32_pool_simd.h"
