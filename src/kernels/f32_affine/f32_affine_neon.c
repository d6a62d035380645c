/* NEON: see f32_affine_simd.h. */
#define AFFINE_NAME tare_f32_affine__neon
#include "kernels/f32_affine/f32_affine_simd.h"
