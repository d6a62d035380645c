/* NEON: see f32_reduce_simd.h. */
#define REDUCE_NAME tare_f32_reduce__neon
#include "kernels/f32_reduce/f32_reduce_simd.h"
