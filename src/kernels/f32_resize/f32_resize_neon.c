/* NEON: see f32_resize_simd.h. */
#define RESIZE_NAME tare_f32_resize__neon
#include "kernels/f32_resize/f32_resize_simd.h"
