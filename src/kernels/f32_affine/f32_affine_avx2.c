/* AVX2: see f32_affine_simd.h. */
#define AFFINE_NAME tare_f32_affine__avx2
#include "kernels/f32_affine/f32_affine_simd.h"
