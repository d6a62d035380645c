/* NEON: see f32_binary_simd.h. */
#define BINARY_NAME tare_f32_binary__neon
#include "kernels/f32_binary/f32_binary_simd.h"
