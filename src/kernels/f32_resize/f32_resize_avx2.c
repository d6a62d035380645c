/* AVX2: see f32_resize_simd.h. */
#define RESIZE_NAME tare_f32_resize__avx2
#include "kernels/f32_resize/f32_resize_simd.h"
