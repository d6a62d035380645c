/* AVX-512: see f32_resize_simd.h. */
#define RESIZE_NAME tare_f32_resize__avx512
#include "kernels/f32_resize/f32_resize_simd.h"
