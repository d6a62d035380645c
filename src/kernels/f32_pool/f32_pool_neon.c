/* NEON: see f32_pool_simd.h. */
#define POOL_NAME tare_f32_pool__neon
#include "kernels/f32_pool/f32_pool_simd.h"
