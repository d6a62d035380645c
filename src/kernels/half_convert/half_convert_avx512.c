/* AVX-512: see half_convert_simd.h. */
#define CONVERT_NAME tare_half_convert__avx512
#include "kernels/half_convert/half_convert_simd.h"
