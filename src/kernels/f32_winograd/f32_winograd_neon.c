/* NEON: see f32_winograd_simd.h. */
#define WINOGRAD_NAME tare_f32_winograd__neon
#include "kernels/f32_winograd/f32_winograd_simd.h"
