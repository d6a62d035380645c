/* NEON: see f32_unary_simd.h. */
#define UNARY_NAME tare_f32_unary__neon
#include "kernels/f32_unary/f32_unary_simd.h"
